"""The config folder for those who change it: a tenant's file, found, written, replaced, removed."""

from dataclasses import dataclass
from pathlib import Path

from mkt.configs.base import Problem
from mkt.configs.folder import SUFFIXES, config_files, content_of, shown_path, tenant_file
from mkt.configs.replacing import create_file, remove_file, replace_file
from mkt.configs.structure import TenantFile, TenantPart
from mkt.errors import Refused, StartError


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTenant:
    """One file, as it is on disk. `path` is as people read it."""

    path: str
    content: bytes | Problem
    file: TenantFile

    @property
    def raw(self) -> bytes:
        """The file's bytes, none where it cannot be read."""
        return self.content if isinstance(self.content, bytes) else b""


class TenantFolder:
    """The config folder, below `root`, the project's."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = root / folder
        self._root = root

    def files_of(self, tenant: str) -> list[WrittenTenant]:
        """Return the files that are this tenant's by what they say, and those that say nothing by their name."""
        return [written for written in self.files() if written.file.tenant == tenant]

    def new_path(self, tenant: str, given: Path | None) -> Path:
        """Return where a new tenant's file belongs; raise `Refused` for a place that is not read as a config."""
        path = self._root / given if given else self._folder / f"{tenant}.yaml"
        inside = path.resolve().is_relative_to(self._folder.resolve())
        parts = path.resolve().relative_to(self._folder.resolve()).parts if inside else ()
        if not parts or not path.name.endswith(SUFFIXES) or any(part.startswith(".") for part in parts):
            raise Refused(
                f"{given} is not read as a tenant's file",
                remedy=f"Name a file below {shown_path(self._folder, self._root)}/ that ends in .yaml.",
            )
        return path

    def free_path(self, tenant: str) -> Path:
        """Return where the file of a tenant that has none belongs; raise `Refused` where another one stands."""
        path = self.new_path(tenant, None)
        if path.exists():
            shown = shown_path(path, self._root)
            raise Refused(
                f"{shown}, where the file of tenant {tenant} belongs, is another one's; nothing was changed",
                remedy=f"Name that file as the tenant in it, or correct its `tenant:` to {tenant}; then ask again.",
            )
        return path

    def add(self, tenant: str, path: Path, content: str) -> str:
        """Write a new tenant's file and return its path; raise `Refused` where the tenant or the file exists."""
        found = self.files_of(tenant)
        if found:
            places = ", ".join(written.path for written in found)
            raise Refused(f"tenant {tenant} exists already: {places}", remedy="Add the integration to its file.")
        create_file(path, content.encode(), "Name another file with --path.")
        return shown_path(path, self._root)

    def create(self, tenant: str, path: Path, content: str) -> None:
        """Write the file of a tenant that had none; raise `Refused` where another has appeared there meanwhile."""
        create_file(path, content.encode(), f"Look at it: `mkt config diff {tenant}`; then pull again.")

    def healthy(self, tenant: str) -> WrittenTenant:
        """Return the tenant's one file; raise `Refused` where it is broken or where there are several."""
        return the_one(tenant, self.files_of(tenant))

    def replace(self, written: WrittenTenant, content: bytes) -> None:
        """Write new content; raise `Refused` where the file is no longer the one that was read."""
        replace_file(self._root / written.path, written.raw, content)

    def remove(self, written: WrittenTenant) -> None:
        """Remove a file; raise `Refused` where it is no longer the one that was read."""
        remove_file(self._root / written.path, written.raw)

    def removable(self, tenant: str) -> WrittenTenant | None:
        """Return the tenant's one file, None where there is none; raise `Refused` where it holds something else."""
        found = self.files_of(tenant)
        if len(found) > 1:
            raise Refused(_several(tenant, found), remedy="Remove the wrong one by hand.")
        if found and (why := _something_else(found[0].file)):
            raise Refused(f"{found[0].path} {why}; it stays", remedy="Look at it, and remove it by hand.")
        return found[0] if found else None

    def files(self) -> list[WrittenTenant]:
        """Return every file, in order of path."""
        try:
            paths = config_files(self._folder)
        except StartError:  # no folder yet, or nothing in it
            return []
        return [self._read(path) for path in paths]

    def _read(self, path: str) -> WrittenTenant:
        shown = shown_path(path, self._root)
        content = content_of(path, shown)
        return WrittenTenant(path=shown, content=content, file=tenant_file(content, shown))


def the_one(tenant: str, found: list[WrittenTenant]) -> WrittenTenant:
    """Return the tenant's one file; raise `Refused` where it is broken or where there are several."""
    if len(found) == 1 and not found[0].file.problems:
        return found[0]
    first = next((problem for written in found for problem in written.file.problems), None)
    why = f"{first.position}: {first.message}" if first else _several(tenant, found)
    raise Refused(f"the file of tenant {tenant} cannot be changed: {why}", remedy="Mend it: `mkt lint`.")


def _several(tenant: str, found: list[WrittenTenant]) -> str:
    return f"tenant {tenant} stands in several files: {', '.join(written.path for written in found)}"


def _something_else(file: TenantFile) -> str:
    """Return why a file may not go: it does not say that it is the tenant's, or it says more."""
    data = file.document.data
    if file.claim is None or not isinstance(data, dict):
        return "goes by the tenant's name, but does not say that it is the tenant's"
    foreign = sorted(set(data) - set(TenantPart.model_fields))
    return f"holds {', '.join(foreign)} besides" if foreign else ""
