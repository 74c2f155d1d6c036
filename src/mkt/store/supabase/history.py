"""What happened: runs, and the events that `events.py` brings."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from mkt.contract import JsonObject
from mkt.store.base import IntegrationState, Key, Lease, Run
from mkt.store.supabase.events import Events
from mkt.store.supabase.json_values import as_json
from mkt.store.supabase.states import moment_or_none, state_row

_PAGE: Final = 500
_COLUMNS: Final = ("id", "command", "connector", "started_at", "finished_at", "outcome", "error", "details")


class History(Events):
    """Runs and events."""

    def start_run(self, run: Run, *, killed: JsonObject | None = None) -> None:
        self._calls.call("mkt_start_run", {**_given(run), "killed": as_json(killed)})

    def finish_run(self, run: Run, state: IntegrationState | None = None, lease: Lease | None = None) -> None:
        new = {"state": None if state is None else state_row(state), "epoch": None if lease is None else lease.epoch}
        self._calls.call("mkt_finish_run", {**_given(run), **new})

    def runs(self, keys: Collection[Key] | None = None, *, limit: int = 50) -> list[Run]:
        wanted = None if keys is None else [list(key) for key in keys]
        return list(self._found(wanted, "", limit))

    def find_runs(self, part: str) -> list[Run]:
        # No id has a NUL in it, and the database takes none in a question.
        return [] if "\0" in part else list(self._found(None, part, None))

    def _found(self, keys: list[list[str]] | None, part: str, limit: int | None) -> Iterator[Run]:
        """Ask page by page."""
        place: list[str] | None = None
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            page = self._calls.call("mkt_runs", {"keys": keys, "part": part, "place": place, "limit": size})
            yield from map(_run, page)
            if len(page) < size:
                return
            place = [page[-1]["started_at"], page[-1]["id"]]
            limit = None if limit is None else limit - size


def run_row(run: Run) -> dict[str, Any]:
    """Return a run as `mkt_private.save_run` takes it."""
    row: dict[str, Any] = as_json({name: getattr(run, name) for name in _COLUMNS})
    return row


def _given(run: Run) -> dict[str, Any]:
    return {"tenant": run.key.tenant, "integration": run.key.integration, "run": run_row(run)}


def _run(row: dict[str, Any]) -> Run:
    times = {name: moment_or_none(row[name]) for name in ("started_at", "finished_at")}
    known = {name: row[name] for name in _COLUMNS}
    return Run(key=Key(row["tenant_id"], row["integration"]), **{**known, **times})
