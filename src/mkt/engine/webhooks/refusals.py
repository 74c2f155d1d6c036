"""What was refused, in the ledger: each one by itself, and of a flood some and the number of the others.

Whoever can reach the server can be refused as often as they like. So of each integration, and of all paths that lead
nowhere together, `SAMPLE` refusals a minute have an entry of their own, and the others share one. Neither memory nor
disk grows with their number. Nobody's answer waits for the disk or tells whether there is an entry: that would tell
which integrations there are. The same goes for repeated deliveries, and for what a connector verifies by itself, with
`UNVERIFIED` a minute: until it has looked, anybody may have sent it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mkt.contract import ConnectorEvent, EventName
from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.store.deliveries import Delivery, Verdict

SAMPLE: Final = 20
UNVERIFIED: Final = 600
_WINDOW: Final = timedelta(minutes=1)
_SOON_SECONDS: Final = 0.1
"""From a refusal to its entry, so that whoever looks then finds it, and yet no answer is slower for it."""
_PAUSE_SECONDS: Final = 0.4
"""From one writing to the next, in a flood."""
_EVENTS: Final[dict[Verdict, EventName]] = {
    "rejected": "webhook.rejected",
    "unroutable": "webhook.unroutable",
    "duplicate": "webhook.duplicate",
}


@dataclass(slots=True)
class _Window:
    """A minute of one integration: how many had an entry, and the one that the others share."""

    began_at: datetime
    single: int = 0
    shared: Delivery | None = None


class Refusals:
    """Collects what was refused, and writes it from a thread of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str, Verdict], _Window] = {}
        self._waiting: dict[str, Delivery] = {}
        self._untold: list[Delivery] = []
        self._come = threading.Event()
        self._stopping = threading.Event()
        self._writer = threading.Thread(target=self._write, name="mkt-webhook-refusals", daemon=True)
        self._writer.start()

    def stop(self, seconds: float) -> None:
        """Write what is left, at most so long."""
        self._stopping.set()
        self._come.set()
        self._writer.join(seconds)

    def add(self, delivery: Delivery, shown: Callable[[], Delivery]) -> None:
        """Take a refusal. `shown` completes one that has an entry of its own."""
        with self._lock:
            window = self._window(delivery)
            if window.single >= SAMPLE:
                self._share(window, delivery)
                return
            window.single += 1
            entry = self._waiting[delivery.id] = shown()
            self._untold.append(entry)
            self._come.set()

    def has_room(self, delivery: Delivery) -> bool:
        """Tell whether an unverified delivery gets an entry of its own; count one that does not."""
        with self._lock:
            window = self._window(delivery)
            window.single += 1
            if window.single > UNVERIFIED:
                self._share(window, delivery)
            return window.single <= UNVERIFIED

    def _share(self, window: _Window, delivery: Delivery) -> None:
        first, count = (window.shared, window.shared.count + 1) if window.shared else (delivery, 1)
        shared = replace(
            delivery, id=first.id, received_at=first.received_at, count=count, details={}, query="", body=None
        )
        window.shared = self._waiting[shared.id] = shared
        self._come.set()

    def _write(self) -> None:
        while not self._stopping.is_set():
            self._come.wait()
            self._stopping.wait(_SOON_SECONDS)
            attempt(self._flush)
            self._stopping.wait(_PAUSE_SECONDS)
        attempt(self._flush)

    def _flush(self) -> None:
        """Write what has come since the last time; a store that fails now gets it the next time."""
        self._come.clear()
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            untold, self._untold = self._untold, []
        for entry in untold:
            self._tell(entry)
        if not waiting:
            return
        error = attempt(lambda: self._engine.store.keep_deliveries(list(waiting.values())))
        if error is not None:
            with self._lock:
                self._waiting = {**waiting, **self._waiting}
            self._come.set()

    def _window(self, delivery: Delivery) -> _Window:
        name = (*delivery.key, delivery.verdict)
        found = self._windows.get(name)
        if found is None or abs(delivery.received_at - found.began_at) >= _WINDOW:  # a clock can be set back
            found = self._windows[name] = _Window(delivery.received_at)
        return found

    def _tell(self, entry: Delivery) -> None:
        self._engine.telemetry.emit(
            ConnectorEvent(
                event=_EVENTS[entry.verdict],
                message=f"{entry.method} {entry.path}: {entry.reason}",
                timestamp=entry.received_at,
                level="info" if entry.verdict == "duplicate" else "warning",
                tenant=entry.key.tenant or None,
                integration=entry.key.integration or None,
                connector=entry.connector or None,
                run_id=entry.id,
                details={"status": entry.status, "reason": entry.reason},
            )
        )
