"""Telling the operator that a cause of failures began, or has ended: one message a cause, not one a tenant.

At its end a scheduled sync compares what stands now with what was told. A cause begins with its first case that is
not `quiet`. It has ended when nothing of it stands any more and what it named works again: what fails for another
reason meanwhile, or was put off, has not recovered. The store's transaction decides who tells it; what cannot be sent
waits there for the next syncs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from mkt.configs.base import Configs
from mkt.contract import ConnectorEvent
from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.engine.triage.alert_message import ended, named, opened
from mkt.engine.triage.causes import Cause
from mkt.engine.triage.couriers import deliver, sink_names
from mkt.engine.triage.triage import triage
from mkt.errors import StoreError
from mkt.runtime.masking import PROCESS
from mkt.store.alerts import Alert, AlertMessage
from mkt.store.base import Key

_CLAIMED: Final = timedelta(minutes=1)
"""After this a message whose sender has ended is sent by another."""
_AGAIN: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
TRIES: Final = len(_AGAIN) + 1
_AT_ONCE: Final = 20
"""Messages that one sync sends to one sink at most."""


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
    causes, told = triage(engine, configs), engine.store.open_alerts()
    news = changes(causes, told, _put_off(engine, configs) if told else {}, as_of)
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


def _put_off(engine: Engine, configs: Configs) -> dict[str, datetime | None]:
    """Return the integrations whose last sync was deferred, each with when it was last ok."""
    states, today = engine.store.states(streams=False), engine.now().date()
    active = {Key(c.tenant, c.name): c.target for c in configs.configurations if c.active(today)}
    return {
        active[key]: state.last_ok_at
        for key, state in states.items()
        if key in active and state.last_outcome == "deferred"
    }


def changes(
    causes: Sequence[Cause], told: Sequence[Alert], put_off: Mapping[str, datetime | None], now: datetime
) -> list[Alert]:
    """Return what is to be told: causes that began, and those that ended.

    `put_off` has the integrations whose last sync was deferred, each with when it was last ok.
    """
    known = {alert.fingerprint for alert in told}
    failing = {target for cause in causes for target in cause.targets} | {cause.fingerprint for cause in causes}
    began = [c for c in causes if c.fingerprint not in known and not all(case.quiet for case in c.cases)]
    # A tenant's own name stands there when its file is broken, which hides all that it has.
    gone = [a for a in told if failing.isdisjoint([a.fingerprint, *named(a)])]
    over = [a for a in gone if not any(_unproven(put_off[name], a) for name in named(a) if name in put_off)]
    return [*(opened(each, now) for each in began), *(ended(each, now) for each in over)]


def _unproven(last_ok_at: datetime | None, told: Alert) -> bool:
    """Tell whether nothing has worked since the alert: what was only put off has shown nothing."""
    return last_ok_at is None or last_ok_at <= told.at
