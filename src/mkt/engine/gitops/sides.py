"""Both sides of `mkt config pull|push|diff`, read and compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mkt.configs.canonical import Entry, of_file
from mkt.configs.suggestion import suggestion
from mkt.configs.supabase_rows import IntegrationRow, IntegrationRows
from mkt.configs.tenants import TenantFolder, WrittenTenant, the_one
from mkt.contract import Json
from mkt.engine.gitops.difference import Difference, Key, compare
from mkt.engine.gitops.known import CommonGround
from mkt.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What was asked for; `files` are the tenants' own, by tenant."""

    files: Mapping[str, WrittenTenant]
    rows: Sequence[IntegrationRow]
    differences: Sequence[Difference]
    ground: CommonGround

    @property
    def changed(self) -> list[Difference]:
        return [each for each in self.differences if each.state != "same"]

    def labels(self, tenant: str) -> Json:
        """Return what the tenant's file says they are, as a row that says the same has them."""
        data: Any = self.files[tenant].file.document.data
        return of_file({"connector": ""}, data.get("labels") or {}).get("labels", {})


def labels_of(own: Iterable[Difference]) -> list[Json]:
    """Return the labels of each of a tenant's rows, but not of one that was just added without any."""
    there = [(each, each.row.entry) for each in own if each.row]
    return [
        entry.get("labels", {})
        for each, entry in there
        if "labels" in entry or each.state != "there" or each.here is not None
    ]


def read_sides(folder: TenantFolder, rows: IntegrationRows, ground: CommonGround, tenants: Sequence[str]) -> Sides:
    """Read files and rows of these tenants, of all where none is named.

    Raise `Refused` for a tenant that is on neither side or whose file is broken, `StartError` where there is no
    reading the rows.
    """
    found = rows.read(tenants)
    written: dict[str, list[WrittenTenant]] = {}
    for file in folder.files():
        written.setdefault(file.file.tenant, []).append(file)
    for tenant in tenants:
        if tenant not in written:
            _require_known(file for own in written.values() for file in own)
        if tenant not in written and not any(row.tenant == tenant for row in found):
            raise Refused(
                f"there is no tenant {tenant}, neither a file nor a row", remedy=suggestion(tenant, written)
            )
    files = {tenant: the_one(tenant, own) for tenant, own in written.items() if not tenants or tenant in tenants}
    here = {key: entry for file in files.values() for key, entry in _entries(file).items()}
    differences = list(compare(here, found, ground.known))
    return Sides(files=files, rows=found, differences=differences, ground=ground)


def _require_known(files: Iterable[WrittenTenant]) -> None:
    """Raise `Refused` where a file may be the one that lacks: broken as it is, it does not say whose it is."""
    for each in files:
        if each.file.claim is None and each.file.problems:
            the_one(each.file.tenant, [each])


def _entries(written: WrittenTenant) -> dict[Key, tuple[Entry, str]]:
    data: Any = written.file.document.data
    lines = written.file.document.lines("integrations")
    labels = data.get("labels") or {}
    return {
        (written.file.tenant, str(each.get("name") or each["connector"])): (
            of_file(each, labels),
            f"{written.path}:{line}",
        )
        for each, line in zip(data.get("integrations") or (), lines, strict=True)
    }
