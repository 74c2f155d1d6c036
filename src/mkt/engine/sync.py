"""Bring over what is due, for all tenants, from one command."""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from mkt.contract import ConnectorConfiguration
from mkt.engine.base import Engine
from mkt.engine.broken import report_broken, worth_repeating
from mkt.engine.heartbeat import Heartbeat
from mkt.engine.job import SyncJob
from mkt.engine.pool import Pool
from mkt.engine.report import NotDue, Report, Result
from mkt.engine.retention import prune_daily
from mkt.engine.run import SyncOptions
from mkt.engine.schedule import AT_ONCE, due_at
from mkt.engine.selection import Selected, Selection
from mkt.engine.summary import finished
from mkt.errors import StartError, StoreError
from mkt.store.base import IntegrationState, Key


@dataclass(frozen=True, slots=True)
class _Plan:
    """What runs now, in this order, and what is left alone."""

    jobs: list[SyncJob]
    not_due: tuple[NotDue, ...]


def sync(engine: Engine, selection: Selection, options: SyncOptions, *, concurrency: int) -> Report:
    """Sync what is due of what is selected or, with `now` and `all`, everything enabled of it."""
    started = time.monotonic()
    if options.now and selection.everything:
        raise StartError("--now needs a target or a filter", remedy="Name a tenant, or use --all for every one.")
    selected = selection.choose(engine.source.load())
    broken = [
        report_broken(engine, tenant, "sync.failed")
        for tenant in selected.broken
        if not options.scheduled or not selection.everything or worth_repeating(engine, tenant)
    ]
    with Heartbeat(engine.store) as heartbeat:
        plan = _plan(engine, selected, options, heartbeat)
        results = Pool[Result | None](plan.jobs, concurrency, engine.stop).run()
    if not (options.dry_run or engine.stop.reason):
        with suppress(StoreError):  # what was synced is safe, and the next day tries again
            prune_daily(engine)
    done = (*broken, *(result for result in results if result is not None))
    report = Report(command="sync", results=done, not_due=plan.not_due, dry_run=options.dry_run)
    return finished(engine, report, started)


def _plan(engine: Engine, selected: Selected, options: SyncOptions, heartbeat: Heartbeat) -> _Plan:
    now = engine.now()
    states = engine.store.states()
    enabled = [c for c in selected.configurations if options.now or c.active(now.date())]
    due: list[tuple[ConnectorConfiguration, IntegrationState | None]] = []
    not_due: list[NotDue] = []
    for configuration in enabled:
        state = states.get(Key(configuration.tenant, configuration.name))
        when = due_at(configuration, state)
        if options.scheduled and (when is None or when > now):
            not_due.append(NotDue(target=configuration.target, next_due_at=when))
        else:
            due.append((configuration, state))
    due.sort(key=lambda pair: due_at(*pair) or AT_ONCE)
    return _Plan([SyncJob(engine, c, options, heartbeat) for c, _ in due], _by_time(not_due))


def _by_time(not_due: Collection[NotDue]) -> tuple[NotDue, ...]:
    dated = sorted((n for n in not_due if n.next_due_at), key=lambda n: n.next_due_at or AT_ONCE)
    return (*dated, *(n for n in not_due if not n.next_due_at))
