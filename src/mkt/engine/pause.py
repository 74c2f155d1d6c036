"""The pause: an integration that is refused again and again is left alone until somebody has mended it.

Only failures that stay until a person acts count: auth, permission, config. All others, and syncs that are deferred,
neither count nor start the count anew; a sync that is ok or held does, and so does a verify that passes.

A pause ends with a verify that passes, with `mkt enable`, and with a change of what the file says on the connector,
its settings or its secrets' references. `mkt sync --now` does not pass it: who has mended something verifies first.
"""

import hashlib
from typing import Final, Literal

from mkt.contract import ConnectorConfiguration, ErrorClass
from mkt.engine.report import Result
from mkt.engine.reporter import Reporter
from mkt.store.base import IntegrationState, Key, Store

PAUSED_AFTER: Final = 5
"""Failures in a row. A secret that is renewed over there first and here some hours later pauses nothing that runs
once a night; what runs every minute stops asking with a wrong password after five, about when partners begin to lock
an account."""
_PERMANENT: Final[frozenset[ErrorClass]] = frozenset({"auth", "permission", "config"})


def refusals_after(result: Result, before: int) -> int:
    """Return how many syncs in a row have failed for what a person has to mend."""
    if result.outcome in ("ok", "held"):
        return 0
    refused = result.outcome == "failed" and result.failure and result.failure.error_class in _PERMANENT
    return before + 1 if refused else before


def is_paused(configuration: ConnectorConfiguration, state: IntegrationState) -> bool:
    """Tell whether the pause holds: not over a change of what the file says."""
    return state.paused_at is not None and state.paused_with == file_digest(configuration)


def file_digest(configuration: ConnectorConfiguration) -> str:
    """Return a digest of what somebody who mends an integration changes in its file.

    Of its `repr`, which anything has: that one tenant's file holds what is no JSON must not stop the others.
    """
    said = repr((configuration.connector, configuration.settings, configuration.secrets))
    return hashlib.blake2b(said.encode(errors="backslashreplace"), digest_size=16).hexdigest()


def paused_now(result: Result, state: IntegrationState | None) -> bool:
    """Tell whether this result begins a pause."""
    before = state.refusals if state else 0
    paused = state is not None and state.paused_at is not None
    return not paused and before < refusals_after(result, before) >= PAUSED_AFTER


def tries_left(state: IntegrationState) -> int | None:
    """Return how many more failures pause it; None where the last one does not count, or it is paused already."""
    counts = (state.last_error or {}).get("class") in _PERMANENT and state.paused_at is None
    return PAUSED_AFTER - state.refusals if counts else None


def ways_out(target: str) -> str:
    """Return what ends a pause."""
    return (
        f"No sync asks again until `mkt verify {target}` passes, `mkt enable {target}` is typed,"
        " or its settings or secret references change in its file."
    )


def said_when_it_begins(target: str) -> str:
    """Return the note of the sync that begins a pause."""
    return (
        f"paused after {PAUSED_AFTER} failed syncs in a row, so no longer due;"
        f" when it is mended, `mkt verify {target}` ends the pause"
    )


def said_meanwhile(target: str, state: IntegrationState) -> str:
    """Return why a sync that was asked for leaves a paused integration alone."""
    why = str((state.last_error or {}).get("message", ""))
    since = f" since {state.paused_at:%Y-%m-%d %H:%M} UTC" if state.paused_at else ""
    because = f": {why}" if why else ""
    return f"{target} is paused{since}{because}; when it is mended, `mkt verify {target}` ends the pause"


def report_pause(reporter: Reporter, refusals: int) -> None:
    """Emit `integration.paused`."""
    target = reporter.configuration.target
    said = f"{target} is paused: {refusals} syncs in a row failed for what only a person can mend"
    reporter.emit("integration.paused", said, "error", failures=refusals, next_command=f"mkt verify {target}")


def end_pause(store: Store, reporter: Reporter, by: Literal["verify", "enable", "change"]) -> bool:
    """End a pause, where there is one, and say once that it has ended."""
    configuration = reporter.configuration
    paused_at = store.resume(Key(configuration.tenant, configuration.name))
    if paused_at is None:
        return False
    said = f"{configuration.target} is no longer paused"
    reporter.emit("integration.resumed", said, paused_at=paused_at.isoformat(), by=by)
    return True
