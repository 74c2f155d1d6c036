"""What a verify that failed a moment ago has told: good enough for a text, without asking the partner again.

Each login with a password that is refused brings the account nearer to being locked, so who only wants the words gets
those of the last time, as long as neither the file nor a secret is another than then.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.engine.base import Engine
from mkt.engine.pause import file_digest
from mkt.engine.report import Result, StepResult, stored_failure
from mkt.errors import ConfigError
from mkt.store.base import Key, Run

FRESH: Final = timedelta(minutes=15)
_LOOKED_AT: Final = 20
"""Runs: what cron has deferred or skipped since does not count."""
_WORK: Final = 2**13
"""Scrypt's cost, about 20 ms and 8 MB: whoever gets hold of the store shall not try out passwords quickly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A stored result and when it was found out."""

    result: Result
    at: datetime


def what_was_told(engine: Engine, configuration: ConnectorConfiguration, result: Result) -> dict[str, Any]:
    """Return what a failed verify leaves in its run for `told`."""
    if result.outcome != "fail" or result.run_id is None:
        return {}
    return {
        "ladder": [asdict(step) for step in result.steps],
        "asked_with": asked_with(engine, configuration, result.run_id),
    }


def told(engine: Engine, configuration: ConnectorConfiguration) -> Told | None:
    """Return the last verify where it failed, is fresh, and was asked with what stands there now."""
    runs = engine.store.runs([Key(configuration.tenant, configuration.name)], limit=_LOOKED_AT)
    last = next((run for run in runs if run.command == "verify" or run.outcome in ("ok", "held")), None)
    if last is None or last.outcome != "fail" or last.finished_at is None or last.error is None:
        return None
    fresh = last.finished_at <= engine.now() < last.finished_at + FRESH
    if not fresh or last.details.get("asked_with") != asked_with(engine, configuration, last.id):
        return None
    try:
        steps = TypeAdapter(tuple[StepResult, ...]).validate_python(last.details.get("ladder"))
    except ValidationError:  # another version has stored it
        return None
    return Told(result=replace(_result(last), steps=steps), at=last.finished_at)


def asked_with(engine: Engine, configuration: ConnectorConfiguration, salt: str) -> str:
    """Return a digest of what the file says and of the values of the secrets."""
    said = repr((file_digest(configuration), _values(engine, configuration))).encode(errors="backslashreplace")
    return hashlib.scrypt(said, salt=salt.encode(), n=_WORK, r=8, p=1, dklen=16).hex()


def identifiers(engine: Engine, configuration: ConnectorConfiguration) -> dict[str, str]:
    """Return the values, by their names, that are not sensitive: what the customer's admin knows us by."""
    found = ((secret, _value(engine, configuration, secret)) for secret in _declared(engine, configuration))
    return {secret.name: value for secret, value in found if value and not secret.sensitive}


def _values(engine: Engine, configuration: ConnectorConfiguration) -> list[tuple[str, str | None]]:
    return [(each.name, _value(engine, configuration, each)) for each in _declared(engine, configuration)]


def _declared(engine: Engine, configuration: ConnectorConfiguration) -> Sequence[SecretDeclaration]:
    connector = engine.registry.get(configuration.connector)
    return connector.manifest.secrets if connector and connector.manifest else ()


def _value(engine: Engine, configuration: ConnectorConfiguration, declaration: SecretDeclaration) -> str | None:
    try:
        found = engine.secrets.resolve(configuration, declaration)
    except ConfigError:
        return None
    return found.value if found else None


def _result(run: Run) -> Result:
    return Result(
        tenant=run.key.tenant,
        integration=run.key.integration,
        connector=run.connector,
        run_id=run.id,
        outcome="fail",
        failure=stored_failure(run.error or {}),
    )
