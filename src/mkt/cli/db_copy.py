"""`mkt db copy`: opens both stores, shows how far it is, and records who did it in the new one."""

import sys
from typing import Final

from mkt.cli.actions import open_record
from mkt.cli.wiring import build_copy_source, build_copy_target
from mkt.errors import StartError
from mkt.settings import ProjectSettings
from mkt.store.copying import Copied, copy, planned

_WIDTH: Final = 70


def copy_store(settings: ProjectSettings, origin: str, to: str, *, dry_run: bool) -> Copied:
    """Copy one store into another, or count what would be; raise `StartError` for a pair that is no way to go."""
    if origin.partition(":")[0] == to.partition(":")[0]:
        raise StartError(
            f"{origin} and {to} are stores of one kind",
            remedy="`mkt db backup PATH` copies a SQLite store to another file; Supabase has backups of its own.",
        )
    with build_copy_source(settings, origin) as source:
        if dry_run:
            return planned(source)
        with build_copy_target(settings, to) as target:
            try:
                copied = copy(source, target, _tell)
            finally:
                _tell("", 0, 0)
    with open_record(settings.model_copy(update={"store": to})) as record:
        record.note("copy", "", f"from {origin}")
    return copied


def _tell(table: str, done: int, total: int) -> None:
    """Show on a terminal how far a table is; an empty name ends that."""
    if sys.stderr.isatty():
        text = f"{table} {done:,} of {total:,}" if table else ""
        sys.stderr.write(f"\r{text:{_WIDTH}}" + ("" if table else "\r"))
        sys.stderr.flush()
