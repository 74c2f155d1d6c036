"""`context.state` in the hands of a delivery."""

from datetime import datetime, timedelta

from mkt.contract import Json
from mkt.engine.base import Engine
from mkt.store.base import Key, Row
from mkt.store.deliveries import Effects


class DeliveryState:
    """`context.state` of a delivery: what is put and taken counts when the delivery is stored."""

    def __init__(self, engine: Engine, key: Key) -> None:
        self._engine = engine
        self._key = key
        self._puts: dict[str, tuple[Json, datetime | None]] = {}
        self._takes: dict[str, Json] = {}

    def get(self, key: str) -> Json:
        if key in self._puts:
            return self._puts[key][0]
        return None if key in self._takes else self._stored(key)

    def put(self, key: str, value: Json, *, ttl: timedelta | None = None) -> None:
        self._puts[key] = value, None if ttl is None else self._engine.now() + ttl

    def take(self, key: str) -> Json:
        value, put = self.get(key), self._puts.pop(key, None)
        if key not in self._takes:
            stored = value if put is None else self._stored(key)
            if stored is not None:
                self._takes[key] = stored
        return value

    def _stored(self, key: str) -> Json:
        return self._engine.store.memory_get(self._key, key, self._engine.now())

    def effects(self, rows: list[Row], *, kept: bool) -> Effects:
        puts = [(name, value, expires_at) for name, (value, expires_at) in self._puts.items()]
        return Effects(rows=rows, puts=puts, takes=list(self._takes.items()), kept=kept)
