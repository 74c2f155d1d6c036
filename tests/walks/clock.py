"""Time moves on: all that the store remembers of moments is put back, so that now is later."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

NIGHTLY = f"0 {(datetime.now(UTC).hour + 12) % 24} * * *"
"""A schedule whose slot is far from the time of the test, before and after, whenever that is."""
A_DAY = timedelta(days=1, hours=1)
"""With an hour for the jitter of the schedule."""
_TABLES = ("integration_state", "integration_sources", "integration_runs")


def move_on(store: Path, by: timedelta) -> None:
    """Let this much time pass between what was stored and now."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for table in _TABLES:
            for _, name, kind, *_ in connection.execute(f"pragma table_info({table})").fetchall():
                if kind.lower() == "text" and (name.endswith("_at") or name == "as_of"):
                    earlier = f"strftime('%Y-%m-%dT%H:%M:%f000Z', {name}, ?)"
                    put_back = f"update {table} set {name} = {earlier}"  # noqa: S608 - names of our own tables
                    connection.execute(put_back, (f"-{by.total_seconds():.0f} seconds",))
