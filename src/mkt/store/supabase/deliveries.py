"""The ledger of inbound deliveries."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final
from uuid import uuid4

from mkt.store.base import Key
from mkt.store.deliveries import (
    Delivery,
    DeliveryDay,
    DeliveryHistory,
    DeliveryQuery,
    Effects,
    StateTakenError,
)
from mkt.store.supabase.calls import Part, RefusalError
from mkt.store.supabase.json_values import as_json, as_text
from mkt.store.supabase.memory import entry, stored_name
from mkt.store.supabase.packing import packed

_MOST_BYTES: Final = 4_000_000
"""Of bodies in one request or answer, and one more body."""
_PAGE: Final = 1000
_SHOWN: Final = 17
"""Values of an entry without query and body."""


class Deliveries(Part):
    """The ledger of inbound deliveries."""

    def add_deliveries(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Store them, a few megabytes in each transaction; see `DeliveryStore.add_deliveries`."""
        return [stored for group in _groups(deliveries) for stored in self._add(group)]

    def _add(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        firsts = self._calls.call("mkt_add_deliveries", {"deliveries": _given(deliveries)})
        return [
            delivery if first is None else delivery.as_duplicate(*first)
            for delivery, first in zip(deliveries, firsts, strict=True)
        ]

    def keep_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        last = {delivery.id: replace(delivery, dedupe="") for delivery in deliveries}
        for group in _groups(list(last.values())):
            self._calls.call("mkt_keep_deliveries", {"deliveries": _given(group)})

    def commit_delivery(self, delivery: Delivery, effects: Effects, *, claimed: int | None) -> dict[str, int] | None:
        """Store it with its effects; see `DeliveryStore.commit_delivery`.

        Made again after a lost answer, it is known by the entry, so without one it is not made again.
        """
        rows = packed(effects.rows)
        given = {
            "tenant": delivery.key.tenant,
            "integration": delivery.key.integration,
            "delivery": _given([delivery])[0],
            "claimed": claimed,
            "kept": effects.kept,
            "batch": rows.batch if effects.rows else None,
            "documents": rows.documents(),
            "takes": [{"name": stored_name(name), "value": as_text(value)} for name, value in effects.takes],
            "puts": [entry(*each) for each in effects.puts],
            "token": uuid4().hex,
        }
        repeatable = effects.kept or claimed is not None
        try:
            answer = self._calls.call("mkt_commit_delivery", given, repeatable=repeatable)
        except RefusalError as refusal:
            raise StateTakenError(refusal.about) from None
        changes: dict[str, int] | None = answer["changes"]
        return changes

    def claim_deliveries(
        self, now: datetime, until: datetime, limit: int, *, without: Collection[Key] = ()
    ) -> list[Delivery]:
        given = {
            "now": now.isoformat(),
            "until": until.isoformat(),
            "without": [list(key) for key in without],
            "bytes": _MOST_BYTES,
        }
        found: list[Delivery] = []
        more = True
        while more and len(found) < limit:
            asked = {**given, "limit": limit - len(found), "token": uuid4().hex}
            answer = self._calls.call("mkt_claim_deliveries", asked)
            found += _deliveries(answer["deliveries"])
            more = answer["more"]
        return sorted(found, key=lambda delivery: (delivery.received_at, delivery.id))

    def release_deliveries(self, claims: Mapping[str, int], now: datetime) -> None:
        """Give them back; not again where the answer was lost: by then they may be another's, with that number."""
        given = {"claims": dict(claims), "now": now.isoformat()}
        self._calls.call("mkt_release_deliveries", given, repeatable=False)

    def replay_deliveries(self, ids: Collection[str], until: datetime) -> list[Delivery]:
        given = {"ids": list(ids), "until": until.isoformat(), "token": uuid4().hex}
        return _deliveries(self._calls.call("mkt_replay_deliveries", given))

    def deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        found: list[Delivery] = []
        given = {
            "keys": None if query.keys is None else [list(key) for key in query.keys],
            "verdicts": list(query.verdicts) or None,
            "since": query.since.isoformat() if query.since else None,
        }
        while (wanted := min(query.limit - len(found), _PAGE)) > 0:
            asked = {**given, "before": found[-1].id if found else None, "limit": wanted}
            page = _deliveries(self._calls.call("mkt_deliveries", asked))
            found += page
            if len(page) < wanted:
                break
        return found

    def find_deliveries(self, part: str) -> list[Delivery]:
        return _deliveries(self._calls.call("mkt_find_deliveries", {"part": part}))

    def dead_deliveries(
        self, since: datetime, keys: Collection[Key] | None = None
    ) -> dict[Key, tuple[int, Delivery]]:
        given = {"since": since.isoformat(), "keys": None if keys is None else list(keys)}
        rows = self._calls.call("mkt_dead_deliveries", given)
        found = [(number, _delivery(*row)) for number, row in rows]
        return {last.key: (number, last) for number, last in found}

    def delivery_history(self, since: date, keys: Collection[Key] | None = None) -> dict[Key, DeliveryHistory]:
        given = {"since": since.isoformat(), "keys": None if keys is None else list(keys)}
        rows = self._calls.call("mkt_delivery_history", given)
        return {Key(tenant, name): _history(last_at, days) for tenant, name, last_at, days in rows}


def _groups(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Split what would be too much for one request."""
    group: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        if group and size >= _MOST_BYTES:
            yield group
            group, size = [], 0
        group.append(delivery)
        size += len(delivery.body or b"")
    if group:
        yield group


def _given(deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Return the columns of each."""
    rows: list[dict[str, Any]] = as_json([_columns(delivery) for delivery in deliveries])
    return rows


def _columns(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "received_at": delivery.received_at.isoformat(),
        "tenant_id": delivery.key.tenant,
        "integration": delivery.key.integration,
        "connector": delivery.connector,
        "method": delivery.method,
        "path": delivery.path,
        "verdict": delivery.verdict,
        "reason": delivery.reason,
        "status": delivery.status,
        "duration_ms": delivery.duration_ms,
        "dedupe": stored_name(delivery.dedupe) if delivery.dedupe else None,
        "attempts": delivery.attempts,
        "next_try_at": delivery.next_try_at.isoformat() if delivery.next_try_at else None,
        "number": delivery.count,
        "request": delivery.request,
        "details": delivery.details,
        "query": delivery.query,
        "body": None if delivery.body is None else b64encode(delivery.body).decode(),
    }


def _deliveries(rows: Sequence[Sequence[Any]]) -> list[Delivery]:
    return [_delivery(*row) for row in rows]


def _delivery(*row: Any) -> Delivery:
    query, body = row[_SHOWN:] or ("", None)
    return Delivery(
        id=row[0],
        received_at=datetime.fromisoformat(row[1]),
        key=Key(row[2], row[3]),
        connector=row[4],
        method=row[5],
        path=row[6],
        verdict=row[7],
        reason=row[8],
        status=row[9],
        duration_ms=row[10],
        dedupe=row[11] or "",
        attempts=row[12],
        next_try_at=datetime.fromisoformat(row[13]) if row[13] else None,
        count=row[14],
        request=row[15],
        details=row[16],
        query=query,
        body=None if body is None else b64decode(body),
    )


def _history(last_at: str, days: Sequence[tuple[str, int, float]]) -> DeliveryHistory:
    return DeliveryHistory(
        last_at=datetime.fromisoformat(last_at),
        days=tuple(DeliveryDay(date.fromisoformat(day), number, float(gap)) for day, number, gap in days),
    )
