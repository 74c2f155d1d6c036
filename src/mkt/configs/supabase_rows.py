"""The rows of `integrations` for those who change them: a change names its tenant and the revision that was read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mkt.configs.canonical import COLUMNS, Entry, as_row, digest, of_row
from mkt.contract import Json
from mkt.errors import ConnectorError, StartError
from mkt.runtime.supabase_faults import SupabaseConflict

if TYPE_CHECKING:  # supabase-py takes half a second to import, and is not everywhere
    from mkt.runtime.supabase import Row, SupabaseClient

_TABLE: Final = "integrations"
_READ: Final = ("id", "tenant_id", "name", *COLUMNS, "revision", "pushed")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationRow:
    """One row as it was read."""

    id: str
    tenant: str
    entry: Entry
    """What it says, in the one form of `canonical`."""
    revision: int
    pushed: str | None
    """Digest of what a push has left there last."""

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    @property
    def place(self) -> str:
        return f"{_TABLE} row {self.id}"


class IntegrationRows:
    """An open connection to the table."""

    def __init__(self, client: "SupabaseClient") -> None:
        self._client = client

    def read(self, tenants: Sequence[str]) -> list[IntegrationRow]:
        """Return the rows of these tenants, of all where none is named; raise `StartError` when that cannot be."""
        wheres: list[dict[str, str]] = [{"tenant_id": tenant} for tenant in tenants] or [{}]
        try:
            found = [
                row for where in wheres for row in self._client.rows(_TABLE, key="id", where=where, columns=_READ)
            ]
        except ConnectorError as error:
            raise StartError(f"no rows to compare with: {error.message}", remedy=error.remedy) from error
        return sorted(map(_row, found), key=lambda row: (row.tenant, row.name))

    def insert(self, tenant: str, entry: Entry) -> bool:
        """Add a row; False where there is one meanwhile. Raise a `ConnectorError` as all of these do."""
        row = {"tenant_id": tenant, "name": entry["name"], **as_row(entry), "pushed": digest(entry)}
        try:
            self._client.run(_TABLE, lambda client: client.table(_TABLE).insert(row), repeatable=False)
        except SupabaseConflict:
            return False
        return True

    def update(self, old: IntegrationRow, entry: Entry) -> bool:
        """Write over a row that is still the one that was read; False where it is not."""
        return self._changed(old, {**as_row(entry), "pushed": digest(entry)})

    def mark(self, old: IntegrationRow) -> bool:
        """Note that the row says what the file says."""
        return self._changed(old, {"pushed": digest(old.entry)})

    def delete(self, old: IntegrationRow) -> bool:
        """Take a row away that is still the one that was read; False where it is not."""
        gone = self._client.run(
            _TABLE,
            lambda client: (
                client.table(_TABLE)
                .delete()
                .eq("tenant_id", old.tenant)
                .eq("name", old.name)
                .eq("revision", old.revision)
            ),
            repeatable=False,
        )
        return bool(gone.data)

    def _changed(self, old: IntegrationRow, columns: Mapping[str, Json]) -> bool:
        changed = self._client.run(
            _TABLE,
            lambda client: (
                client.table(_TABLE)
                .update(dict(columns))
                .eq("tenant_id", old.tenant)
                .eq("name", old.name)
                .eq("revision", old.revision)
            ),
            repeatable=False,
        )
        return bool(changed.data)


@contextmanager
def open_rows(open_client: "Callable[[], AbstractContextManager[SupabaseClient]]") -> Iterator[IntegrationRows]:
    """Return the table, its connection closed at the end."""
    with open_client() as client:
        yield IntegrationRows(client)


def _row(row: "Row") -> IntegrationRow:
    return IntegrationRow(
        id=str(row["id"]),
        tenant=str(row["tenant_id"]),
        entry=of_row(row),
        revision=int(row["revision"]),
        pushed=row["pushed"],
    )
