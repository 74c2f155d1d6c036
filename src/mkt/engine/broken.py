"""A tenant whose file cannot be read is one failed result; the others run."""

from datetime import datetime, timedelta
from typing import Final, Literal

from mkt.configs.base import BrokenTenant
from mkt.contract import ConnectorEvent, EventName
from mkt.engine.base import Engine
from mkt.engine.failure import fingerprint
from mkt.engine.report import Failure, Result
from mkt.store.base import Key

_AGAIN: Final = timedelta(days=1)
_MEMORY: Final = "config.broken"


def failure_of_broken(broken: BrokenTenant) -> Failure:
    """Return what is wrong first with a broken tenant's file."""
    first = broken.problems[0]
    more = f" (and {len(broken.problems) - 1} more)" if len(broken.problems) > 1 else ""
    message = f"{first.position}: {first.message}{more}"
    return Failure(
        error_class="config",
        code=f"config.{first.code}",
        message=message,
        remedy=(first.remedy or broken.remedy) if first.position.line else f"{first.remedy} {broken.remedy}".strip(),
        actor="us",
        fingerprint=fingerprint("", "config", f"config.{first.code}", first.message, broken.tenant),
    )


def report_broken(engine: Engine, broken: BrokenTenant, event: EventName) -> Result:
    """Return the failed result of a broken tenant, and emit its event."""
    failure = failure_of_broken(broken)
    outcome: Literal["fail", "failed"] = "fail" if event == "verify.completed" else "failed"
    engine.telemetry.emit(
        ConnectorEvent(
            event=event,
            message=failure.message,
            timestamp=engine.now(),
            level="error",
            tenant=broken.tenant,
            details={"outcome": outcome, "error": failure.as_dict()},
        )
    )
    return Result(tenant=broken.tenant, integration=None, outcome=outcome, failure=failure)


def worth_repeating(engine: Engine, broken: BrokenTenant) -> bool:
    """Tell whether a scheduled sync reports this tenant: when the file's content has changed, then once a day."""
    key, now = Key(broken.tenant, ""), engine.now()
    known = engine.store.memory_get(key, _MEMORY, now)
    if isinstance(known, dict) and known.get("digest") == broken.digest:
        reported = datetime.fromisoformat(str(known["at"]))
        if reported <= now < reported + _AGAIN:
            return False
    engine.store.memory_put(key, _MEMORY, {"digest": broken.digest, "at": now.isoformat()}, None)
    return True
