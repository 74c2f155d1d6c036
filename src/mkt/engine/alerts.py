"""Telling the operator that a cause of failures began, or has ended: one message a cause, not one a tenant.

At its end a scheduled sync compares what stands now with what was told. A cause begins with its first case that is
not `quiet`. It has ended when nothing of it stands any more and what it named works again: what fails for another
reason meanwhile has not recovered. The store's transaction decides who tells it; what cannot be sent waits there for
the next syncs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mkt.configs.base import Configs
from mkt.contract import ConnectorEvent
from mkt.engine.alert_message import ended, named, opened
from mkt.engine.base import Engine
from mkt.engine.causes import Cause
from mkt.engine.couriers import deliver, sink_names
from mkt.engine.isolation import attempt
from mkt.engine.triage import triage
from mkt.errors import StoreError
from mkt.runtime.masking import PROCESS
from mkt.store.alerts import Alert, AlertMessage

_CLAIMED: Final = timedelta(minutes=1)
"""After this a message whose sender has ended is sent by another."""
_AGAIN: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
TRIES: Final = len(_AGAIN) + 1
_AT_ONCE: Final = 20
"""Messages that one sync sends at most."""


def alert_safely(engine: Engine, configs: Configs) -> None:
    """Tell what began and what ended. Whatever goes wrong here is said, and no failure of the sync."""
    if sink_names(engine.settings.alerts):
        error = attempt(lambda: alert(engine, configs))
        if error is not None:
            _report(
                engine,
                f"alerts could not be sent: {error if isinstance(error, StoreError) else type(error).__name__}",
            )


def _report(engine: Engine, message: str) -> None:
    engine.telemetry.emit(
        ConnectorEvent(
            event="connector.message",
            message=f"{PROCESS.mask(message)}; see `mkt alerts list`",
            timestamp=engine.now(),
            level="warning",
        )
    )


def alert(engine: Engine, configs: Configs) -> None:
    """Tell what began and what ended, as far as it can be told in a few seconds."""
    as_of = engine.now()
    news = changes(triage(engine, configs), engine.store.open_alerts(), as_of)
    names = sink_names(engine.settings.alerts)
    engine.store.record_alerts(news, names, as_of)
    until = engine.now() + _CLAIMED
    claimed = engine.store.claim_alerts(names, now=engine.now(), until=until, most=TRIES, limit=_AT_ONCE)
    tried = deliver(engine, claimed)
    for message, error in tried:
        _settle(engine, message, error)
    begun = [message for message, _ in tried]
    for message in claimed:
        if message not in begun:
            engine.store.release_alert(message, engine.now())


def _settle(engine: Engine, message: AlertMessage, error: str) -> None:
    again = _AGAIN[message.tries - 1] if error and message.tries < TRIES else None
    retry_at = engine.now() + again if again else None
    engine.store.settle_alert(message, error=PROCESS.mask(error), retry_at=retry_at)
    if error:
        _report(engine, f"an alert could not be sent to the {message.sink}: {error}")


def changes(causes: Sequence[Cause], told: Sequence[Alert], now: datetime) -> list[Alert]:
    """Return what is to be told: causes that began, and those that ended."""
    known = {alert.fingerprint for alert in told}
    failing = {target for cause in causes for target in cause.targets} | {cause.fingerprint for cause in causes}
    began = [c for c in causes if c.fingerprint not in known and not all(case.quiet for case in c.cases)]
    # A tenant's own name stands there when its file is broken, which hides all that it has.
    over = [a for a in told if failing.isdisjoint([a.fingerprint, *named(a)])]
    return [*(opened(each, now) for each in began), *(ended(each, now) for each in over)]
