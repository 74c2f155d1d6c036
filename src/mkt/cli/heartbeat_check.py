"""What `mkt doctor` knows of `[alerts] heartbeat_url`: calling it here would tell the watch that cron runs."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from mkt.cli.wiring import build_store
from mkt.engine.sync.heartbeat_url import last_problem
from mkt.errors import MktError
from mkt.output.checks import Check

if TYPE_CHECKING:
    from mkt.settings import ProjectSettings


def heartbeat_checks(settings: "ProjectSettings", now: datetime) -> Iterator[Check]:
    """Tell whether cron's last sync could call it, where there is one."""
    if settings.alerts.heartbeat_url is None:
        return
    try:
        with closing(build_store(settings)) as store:
            problem = last_problem(store, now)
    except MktError:  # the check of the store says what is wrong with it
        return
    yield Check(
        name="heartbeat_url",
        ok=not problem,
        found=problem or "the last call of cron's `mkt sync` was answered, or there was none yet",
        remedy="Correct [alerts] heartbeat_url, or let this machine reach it: the syncs themselves are not affected.",
    )
