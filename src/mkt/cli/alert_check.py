"""`mkt doctor`: whether the operator would be told."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from mkt.cli.wiring import build_secrets, build_store
from mkt.engine.couriers import open_sink, sink_names
from mkt.errors import MktError
from mkt.output.checks import Check
from mkt.output.text import plural

if TYPE_CHECKING:
    from mkt.settings import ProjectSettings


def alert_checks(settings: "ProjectSettings") -> Iterator[Check]:
    """Look at each sink without sending to it, and at what could not be sent."""
    names = sink_names(settings.alerts)
    for name in names:
        yield _sink(name, settings)
    if names:
        yield _unsent(settings)
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


def _unsent(settings: "ProjectSettings") -> Check:
    try:
        with closing(build_store(settings)) as store:
            lost = sum(message.given_up for message in store.unsent_alerts())
    except MktError as error:
        return Check(name="alerts", ok=False, found=error.message, remedy=error.remedy)
    found = f"{plural(lost, 'message')} could not be sent and will not be tried again" if lost else "none was lost"
    remedy = "See `mkt alerts list`; mend the sink and try it with `mkt alerts test`."
    return Check(name="alerts", ok=not lost, found=found, remedy=remedy)
