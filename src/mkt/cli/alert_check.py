"""`mkt doctor`: whether the operator would be told."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from mkt.cli.wiring import build_secrets, build_store
from mkt.engine.triage.couriers import open_sink, sink_names
from mkt.errors import MktError
from mkt.output.checks import Check
from mkt.output.text import ago, plural

if TYPE_CHECKING:
    from mkt.settings import ProjectSettings
    from mkt.store.alerts import AlertMessage


def alert_checks(settings: "ProjectSettings", now: datetime) -> Iterator[Check]:
    """Look at each sink without sending to it, and at what could not be sent."""
    names = sink_names(settings.alerts)
    for name in names:
        yield _sink(name, settings)
    if names:
        yield _unsent(settings, now)
    else:
        yield Check(name="alerts", found="nobody is told: neither webhook nor command is set under [alerts]")


def _sink(name: str, settings: "ProjectSettings") -> Check:
    try:
        sink = open_sink(name, settings, build_secrets(settings))
    except MktError as error:
        return Check(name="alerts", ok=False, found=f"{name}: {error.message}", remedy=error.remedy)
    program = settings.alerts.argv[0] if name == "command" else ""
    if program and shutil.which(settings.root / program if "/" in program else program) is None:
        remedy = "Name a program that can be run, best by its whole path: cron knows few places."
        return Check(name="alerts", ok=False, found=f"{name}: there is no program {program}", remedy=remedy)
    return Check(name="alerts", found=f"{name} to {sink.place}; `mkt alerts test` sends a sample")


def _unsent(settings: "ProjectSettings", now: datetime) -> Check:
    try:
        with closing(build_store(settings)) as store:
            unsent = store.unsent_alerts()
    except MktError as error:
        return Check(name="alerts", ok=False, found=error.message, remedy=error.remedy)
    lost = [message for message in unsent if message.given_up]
    waiting = [message for message in unsent if not message.given_up]
    said = [_counted(lost, "could not be sent and will not be tried again", now)] if lost else []
    said += [_counted(waiting, "waiting to be sent", now)] if waiting else []
    remedy = "See `mkt alerts list`; mend the sink and try it with `mkt alerts test`."
    tried = [message for message in waiting if message.error]
    return Check(
        name="alerts", ok=not (lost or tried), found="; ".join(said) or "none waits, none was lost", remedy=remedy
    )


def _counted(messages: "Sequence[AlertMessage]", how: str, now: datetime) -> str:
    """Say how many, since when, and what the sink said last."""
    since = ago(min(message.created_at for message in messages), now)
    last = max(messages, key=lambda message: message.created_at)
    why = f"; {last.sink}: {last.error}" if last.error else ""
    return f"{plural(len(messages), 'message')} {how}, the oldest from {since}{why}"
