"""What stands wrong now, grouped by cause: "42 tenants, 1 cause"."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mkt.configs.base import BrokenTenant, Configs
from mkt.contract import ConnectorConfiguration
from mkt.engine.base import Engine
from mkt.engine.broken import failure_of_broken
from mkt.engine.failure import fingerprint
from mkt.engine.pause import is_paused
from mkt.engine.report import Failure, stored_failure
from mkt.engine.selection import Selection
from mkt.engine.sync.schedule import RETRIES, overdue
from mkt.engine.triage.causes import ORDER, Case, Cause, Standing, find_cause, held_failure, overdue_failure
from mkt.store.base import Hold, IntegrationState, Key

_WITHOUT_ERROR: Final[Mapping[str, Any]] = {
    "class": "local",
    "code": "local.unknown",
    "message": "the last sync failed and left no error",
    "remedy": "Look at its run.",
    "actor": "us",
    "fingerprint": fingerprint("", "local", "local.unknown", ""),
}


def triage(engine: Engine, configs: Configs | None = None) -> list[Cause]:
    """Return the causes that stand now, the one with the most tenants first."""
    cases = standing(engine, configs or engine.source.load())
    alike: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        alike[case.failure.fingerprint].append(case)
    found = [Cause(fingerprint=name, cases=tuple(sorted(own, key=_newest_first))) for name, own in alike.items()]
    return sorted(found, key=lambda cause: (-len(cause.tenants), ORDER.index(cause.standing), cause.fingerprint))


def having(causes: Sequence[Cause], targets: AbstractSet[str]) -> list[Cause]:
    """Return the causes that one of these targets has, in whole: how many others have it says who likely acts.

    The targets' own cases stand first.
    """
    found = [cause for cause in causes if targets & set(cause.targets)]
    return [replace(c, cases=tuple(sorted(c.cases, key=lambda case: case.target not in targets))) for c in found]


def with_cause(engine: Engine, selection: Selection, configs: Configs) -> Selection:
    """Narrow a selection down to its cause, if it has one; raise `Refused` where nothing stands that has it."""
    if not selection.cause:
        return selection
    return replace(selection, only=frozenset(find_cause(triage(engine, configs), selection.cause).targets))


def standing(engine: Engine, configs: Configs) -> list[Case]:
    """Return every integration that stands wrong now, and every tenant whose file is broken."""
    states, now = engine.store.states(streams=False), engine.now()
    wrong = []
    for configuration in configs.configurations:
        state = states.get(Key(configuration.tenant, configuration.name))
        if state and (stands := _stands(configuration, state, now)):
            wrong.append((configuration, state, stands))
    broken = [_broken(tenant) for tenant in configs.broken]
    if not wrong:
        return broken  # the usual case, at the end of each sync: it reads no history
    look = _Look(now, engine.store.failing_since(), {hold.key: hold for hold in engine.store.holds(closed=False)})
    return [*broken, *(look.case(*each) for each in wrong)]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a case is made from, besides its configuration and its state."""

    now: datetime
    since: Mapping[tuple[Key, str], datetime]
    holds: Mapping[Key, Hold]

    def case(self, configuration: ConnectorConfiguration, state: IntegrationState, stands: Standing) -> Case:
        hold = self.holds.get(state.key) if stands == "held" else None
        failure, begun = _failure(configuration, state, stands, hold)
        return Case(
            tenant=configuration.tenant,
            integration=configuration.name,
            connector=configuration.connector,
            standing=stands,
            failure=failure,
            run_id=hold.run_id if hold else state.last_run_id,
            since=begun or self.since.get((state.key, failure.fingerprint)) or state.last_finished_at,
            last_seen=self.now if stands == "overdue" else state.last_finished_at,
            quiet=hold.reopened > 0 if hold else self._may_pass(configuration, state, failure, stands),
            hold_id=state.hold_id,
        )

    def _may_pass(
        self, configuration: ConnectorConfiguration, state: IntegrationState, failure: Failure, stands: Standing
    ) -> bool:
        """Tell whether a transient failure has tries left, and gets them."""
        tried_again = configuration.schedule is not None and state.failures <= len(RETRIES)
        transient = stands == "failing" and failure.error_class == "transient"
        return transient and tried_again and not _is_overdue(configuration, state, self.now)


def _stands(configuration: ConnectorConfiguration, state: IntegrationState, now: datetime) -> Standing | None:
    """Return how the integration stands, None where nothing is wrong."""
    if not configuration.active(now.date()):
        return None
    if state.hold_id:
        return "held"
    if is_paused(configuration, state):
        return "paused"
    if state.last_outcome == "failed":
        return "failing"
    return "overdue" if _is_overdue(configuration, state, now) else None


def _is_overdue(configuration: ConnectorConfiguration, state: IntegrationState, now: datetime) -> bool:
    return overdue(configuration, state, now)


def _newest_first(case: Case) -> tuple[float, str]:
    return -(case.last_seen.timestamp() if case.last_seen else 0.0), case.target


def _broken(broken: BrokenTenant) -> Case:
    failure = failure_of_broken(broken)
    return Case(tenant=broken.tenant, integration=None, connector=None, standing="broken", failure=failure)


def _failure(
    configuration: ConnectorConfiguration, state: IntegrationState, stands: Standing, hold: Hold | None
) -> tuple[Failure, datetime | None]:
    """Return why it stands so, and since when where that is no matter of failed runs."""
    if stands == "held":
        held = held_failure(configuration.connector, configuration.target, hold.reasons if hold else ())
        return held, hold.opened_at if hold else None
    error = state.last_error or (None if stands == "overdue" else _WITHOUT_ERROR)
    return (overdue_failure(), state.next_due_at) if error is None else (stored_failure(error), None)
