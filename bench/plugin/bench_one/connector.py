"""One request to verify, pages of people to sync."""

from collections.abc import Iterator

from bench_one.settings import Settings
from mkt.contract import Change, Checkpoint, Complete, Connector, ConnectorContext, Record, Syncs

Context = ConnectorContext[Settings]


class BenchOne(Connector[Settings], Syncs[Settings]):
    """Verifies with a single request."""

    def verify(self, context: Context) -> None:
        with context.step("endpoint") as step:
            found = context.runtime.http.get(context.settings.base_url, params={"limit": 1, "offset": 0}).json()
            step.evidence(f"{found['total']} workers")

    def sync(self, context: Context) -> Iterator[Change]:
        """Yield the partner's rows as they are: they have the record's own fields.

        Where they are asked for increments, a finished run leaves the newest `last_modified` as its cursor.
        """
        settings, offset = context.settings, 0
        cursor = context.cursor("people") if settings.incremental else None
        since = newest = cursor if isinstance(cursor, str) else ""
        while True:
            params = {"limit": settings.page_size, "offset": offset, **({"since": since} if since else {})}
            rows = context.runtime.http.get(settings.base_url, params=params).json()["data"]
            if settings.incremental:
                newest = max([newest, *(row["last_modified"] for row in rows)])
            for row in rows:
                yield Record("people", row.pop("id"), row)
            if len(rows) < settings.page_size:
                break
            offset += len(rows)
            yield Checkpoint("people", offset)
        if not since:
            yield Complete("people")
        yield Checkpoint("people", newest or None)


connector = BenchOne()
