"""The dead man's switch: a watch elsewhere hears that cron still runs `mkt sync`, and gives the alarm when not.

`[alerts] heartbeat_url` is called at the end of each scheduled sync of everything, also when nothing was due or some
failed: it says that syncs run, not that they are well. A sync of one tenant, which a person starts by hand, says
nothing of cron, and neither does one that was stopped.
"""

import threading
from datetime import datetime, timedelta
from typing import Final

from mkt.contract import ConnectorEvent
from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.store.base import Key, Store

SECONDS: Final = 5.0
_AGAIN: Final = timedelta(days=1)
_KEY: Final = Key("", "")
_MEMORY: Final = "heartbeat"


def beat(engine: Engine, *, seconds: float = SECONDS) -> None:
    """Call the address, where there is one. What goes wrong is said, once a day, and is no failure of the sync."""
    address = engine.settings.alerts.heartbeat_url
    if address is not None and not engine.stop.reason:
        problem = _called(address.get_secret_value(), seconds)
        attempt(lambda: _remember(engine, problem))


def last_problem(store: Store, now: datetime) -> str:
    """Return what went wrong when it was called last, and when that was said; empty where nothing did."""
    known = store.memory_get(_KEY, _MEMORY, now)
    if not isinstance(known, dict):
        return ""
    told = datetime.fromisoformat(str(known["at"]))
    return f"it could not be called: {known['problem']} (said {told:%Y-%m-%d %H:%M} UTC)"


def _called(address: str, seconds: float) -> str:
    """Call it in a thread that nobody has to wait for: looking up a name can take longer than any timeout says."""
    said: list[str] = []

    def call() -> None:
        from mkt.runtime.ping import ping  # noqa: PLC0415 - httpx is for those who have an address

        found = attempt(lambda: ping(address, seconds))
        said.append(found if isinstance(found, str) else f"it failed with {type(found).__name__}")

    thread = threading.Thread(target=call, name="mkt-heartbeat-url", daemon=True)
    thread.start()
    thread.join(seconds)
    return said[0] if said else f"it took longer than {seconds:g} s"


def _remember(engine: Engine, problem: str) -> None:
    """Say a problem when it is new, and once a day while it stays."""
    now = engine.now()
    known = engine.store.memory_get(_KEY, _MEMORY, now)
    if not problem:
        if known:
            engine.store.memory_take(_KEY, _MEMORY, now)
        return
    if isinstance(known, dict):
        told = datetime.fromisoformat(str(known["at"]))
        if known.get("problem") == problem and told <= now < told + _AGAIN:
            return
    engine.store.memory_put(_KEY, _MEMORY, {"problem": problem, "at": now.isoformat()}, None)
    engine.telemetry.emit(
        ConnectorEvent(
            event="connector.message",
            message=(
                f"[alerts] heartbeat_url could not be called: {problem}; whoever watches it will be told that cron"
                " is dead. The sync itself is well: check the address, and whether this machine may reach it"
            ),
            timestamp=now,
            level="warning",
        )
    )
