"""Bring over what is due, for all tenants, from one command."""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from mkt.contract import ConnectorConfiguration
from mkt.engine.base import Engine
from mkt.engine.broken import report_broken, worth_repeating
from mkt.engine.pool import Pool
from mkt.engine.report import NotDue, Report, Result
from mkt.engine.retention import prune_daily
from mkt.engine.selection import Selected, Selection, require_streams
from mkt.engine.summary import finished
from mkt.engine.sync import windows
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.engine.sync.heartbeat_url import beat
from mkt.engine.sync.job import SyncJob
from mkt.engine.sync.run import SyncOptions
from mkt.engine.sync.schedule import AT_ONCE, due_at, stopped_by
from mkt.engine.triage.alerts import alert_safely
from mkt.engine.triage.triage import with_cause
from mkt.errors import StartError, StoreError
from mkt.store.base import Key


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
    windows.refuse_unasked(options.window, selection, every=options.all)
    configs = engine.source.load()
    selected = with_cause(engine, selection, configs).choose(configs)
    require_streams(selected, engine.registry, options.streams)
    broken = [
        report_broken(engine, tenant, "sync.failed")
        for tenant in selected.broken
        if options.dry_run or not (options.scheduled and selection.everything) or worth_repeating(engine, tenant)
    ]
    with Heartbeat(engine.store) as heartbeat:
        plan = _plan(engine, selected, options, heartbeat)
        engine.telemetry.expect(len(plan.jobs))
        if plan.jobs:
            engine.runtimes.prepare()
        results = Pool[Result | None](plan.jobs, concurrency, engine.stop).run()
    if not (options.dry_run or engine.stop.reason):
        with suppress(StoreError):  # what was synced is safe, and the next day tries again
            prune_daily(engine)
        if options.scheduled:
            alert_safely(engine, configs)
        if options.scheduled and selection.everything:
            beat(engine)
    done = (*broken, *(result for result in results if result is not None))
    report = Report(command="sync", results=done, not_due=plan.not_due, dry_run=options.dry_run)
    return finished(engine, report, started)


def _plan(engine: Engine, selected: Selected, options: SyncOptions, heartbeat: Heartbeat) -> _Plan:
    now = engine.now()
    states = engine.store.states(selected.keys, streams=False)
    enabled = [c for c in selected.configurations if options.now or c.active(now.date())]
    due: list[tuple[datetime, ConnectorConfiguration]] = []
    not_due: list[NotDue] = []
    for configuration in enabled:
        state = states.get(Key(configuration.tenant, configuration.name))
        when = due_at(configuration, state, now)
        if options.scheduled and (when is None or when > now):
            stopped = stopped_by(configuration, state) if when is None else None
            not_due.append(NotDue(target=configuration.target, next_due_at=when, stopped=stopped))
        else:
            due.append((when or AT_ONCE, configuration))
    due.sort(key=itemgetter(0))
    return _Plan([SyncJob(engine, c, options, heartbeat) for _, c in due], _by_time(not_due))


def _by_time(not_due: Collection[NotDue]) -> tuple[NotDue, ...]:
    dated = sorted((n for n in not_due if n.next_due_at), key=lambda n: n.next_due_at or AT_ONCE)
    return (*dated, *(n for n in not_due if not n.next_due_at))
