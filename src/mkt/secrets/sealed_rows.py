"""The table `integration_secrets`: sealed values, one a row. Every statement names the tenant that it is about."""

import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mkt.errors import ConfigError, StartError
from mkt.secrets.sealing import Label

if TYPE_CHECKING:  # supabase-py takes half a second to import: only for who keeps values there
    from mkt.runtime.supabase import SupabaseClient

_TABLE: Final = "integration_secrets"


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One value; `revision` is another after each change."""

    label: Label
    sealed: str = field(repr=False)
    revision: int


class SealedRows:
    """Opens the client for the first value and keeps it: opening one takes longer than asking for the value.

    `find_access` returns what opens a client, or raises `StartError` where Supabase is not set up.
    """

    def __init__(self, find_access: "Callable[[], Callable[[], AbstractContextManager[SupabaseClient]]]") -> None:
        self._find_access = find_access
        self._lock = threading.Lock()
        self._opened: SupabaseClient | None = None

    def get(self, label: Label) -> SealedRow | None:
        """Return a row; raise a `ConnectorError` where Supabase cannot be asked, as all of these do."""
        answer = self._client.run(
            _TABLE,
            lambda client: (
                client.table(_TABLE)
                .select("ciphertext, revision")
                .eq("tenant_id", label.tenant)
                .eq("name", label.name)
                .limit(1)
            ),
        )
        rows = answer.data
        return SealedRow(label, str(rows[0]["ciphertext"]), int(rows[0]["revision"])) if rows else None

    def some(self, tenant: str, names: Collection[str]) -> dict[str, SealedRow]:
        """Return those of a tenant's rows that are there, by name, in one request."""
        answer = self._client.run(
            _TABLE,
            lambda client: (
                client.table(_TABLE)
                .select("name, ciphertext, revision")
                .eq("tenant_id", tenant)
                .in_("name", sorted(names))
            ),
        )
        found = (
            SealedRow(Label(tenant, str(row["name"])), str(row["ciphertext"]), int(row["revision"]))
            for row in answer.data
        )
        return {row.label.name: row for row in found}

    def put(self, label: Label, sealed: str, key_id: str) -> None:
        """Write a row, over the one that is there."""
        row = {"tenant_id": label.tenant, "name": label.name, "ciphertext": sealed, "key_id": key_id}
        self._client.run(_TABLE, lambda client: client.table(_TABLE).upsert(row, on_conflict="tenant_id,name"))

    def replace(self, old: SealedRow, sealed: str, key_id: str) -> bool:
        """Write over a row that is still the one that was read; False where it is not."""
        changed = self._client.run(
            _TABLE,
            lambda client: (
                client.table(_TABLE)
                .update({"ciphertext": sealed, "key_id": key_id})
                .eq("tenant_id", old.label.tenant)
                .eq("name", old.label.name)
                .eq("revision", old.revision)
            ),
        )
        return bool(changed.data)

    def delete(self, label: Label) -> bool:
        """Take a row away; False where there is none."""
        gone = self._client.run(
            _TABLE,
            lambda client: client.table(_TABLE).delete().eq("tenant_id", label.tenant).eq("name", label.name),
            repeatable=False,
        )
        return bool(gone.data)

    def erase(self, tenant: str) -> None:
        """Take every value of a tenant away."""
        self._client.run(_TABLE, lambda client: client.table(_TABLE).delete().eq("tenant_id", tenant))

    def tenants(self) -> Iterator[str]:
        """Return every tenant that has a value here, one statement each: they are few, and none brings another's."""
        last = ""
        while found := self._tenant_after(last):
            yield found
            last = found

    def of(self, tenant: str) -> Iterator[SealedRow]:
        """Return every value of a tenant."""
        columns = ("name", "ciphertext", "revision")
        for row in self._client.rows(_TABLE, key="name", where={"tenant_id": tenant}, columns=columns):
            yield SealedRow(Label(tenant, str(row["name"])), str(row["ciphertext"]), int(row["revision"]))

    def _tenant_after(self, last: str) -> str:
        answer = self._client.run(
            _TABLE,
            lambda client: client.table(_TABLE).select("tenant_id").gt("tenant_id", last).order("tenant_id").limit(1),
        )
        return str(answer.data[0]["tenant_id"]) if answer.data else ""

    @property
    def _client(self) -> "SupabaseClient":
        with self._lock:
            if self._opened is None:
                self._opened = self._open_it()
            return self._opened

    def _open_it(self) -> "SupabaseClient":
        stack = ExitStack()
        try:
            client = stack.enter_context(self._find_access()())
        except StartError as error:
            raise ConfigError(
                f"no access to Supabase: {error.message}", remedy=error.remedy, code="config.no_supabase"
            ) from None
        weakref.finalize(self, stack.close)  # with who asked, or at the end of the process
        return client
