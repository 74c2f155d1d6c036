"""What `mkt db init` wrote and `mkt db check` found."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.output.text import BOLD, DIM, GREEN, RED, YELLOW, clean, line, next_command, plural, row, table
from mkt.store.supabase.catalog import Flaw
from mkt.store.supabase.migrations import MIGRATIONS

_STYLES: Final = {"wrote": GREEN, "kept": DIM, "differs": RED}
_KINDS: Final = {"open": RED, "missing": RED, "old": YELLOW, "new": YELLOW, "changed": YELLOW}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file: new, there already, or there with another content than mkt's."""

    path: str
    state: Literal["wrote", "kept", "differs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A Supabase that was looked at."""

    url: str
    flaws: tuple[Flaw, ...]
    warnings: tuple[tuple[str, str], ...] = ()


def written_object(written: Written) -> dict[str, Any]:
    """Return one file for scripts."""
    return asdict(written)


def written_page(written: Sequence[Written]) -> Iterator[RenderableType]:
    """Show each file and what comes next."""
    grid = table("", "")
    for each in written:
        row(grid, Text(each.state, style=_STYLES[each.state]), each.path)
    yield grid
    changed = [each.path for each in written if each.state == "differs"]
    if changed:
        yield line(f"{plural(len(changed), 'file')} of these was changed after mkt wrote it, and was left as it is.")
        yield line("What has been applied must not be changed: put your own changes into a migration of your own.")
        yield next_command(f"rm {changed[0]} && mkt db init")
    else:
        yield next_command("supabase db push")


def checked_object(checked: Checked) -> dict[str, Any]:
    """Return the findings for scripts."""
    warnings = [{"what": what, "remedy": remedy} for what, remedy in checked.warnings]
    return {"url": checked.url, "flaws": [asdict(flaw) for flaw in checked.flaws], "warnings": warnings}


def checked_page(checked: Checked) -> Iterator[RenderableType]:
    """Show each flaw with what mends it. SQL is never folded: it is there to be copied."""
    for flaw in checked.flaws:
        yield Text.assemble((flaw.kind, _KINDS[flaw.kind]), f"  {clean(flaw.what)}")
        yield Padding(line("acts: us  ", flaw.remedy), (0, 0, 0, 2), expand=False)
        if flaw.sql:
            yield Text.assemble("    ", (clean(flaw.sql), BOLD), no_wrap=True)
    for what, remedy in checked.warnings:
        yield Text.assemble(("warning", YELLOW), f"  {clean(what)}")
        yield Padding(line("acts: us  ", remedy), (0, 0, 0, 2), expand=False)
    if checked.flaws:
        yield line(f"{plural(len(checked.flaws), 'flaw')} in {checked.url}")
        yield next_command("mkt db check")
    else:
        yield line(
            f"{checked.url} is as mkt's {len(MIGRATIONS)} migrations made it: nothing missing, nothing too open"
        )
        yield next_command("mkt doctor --source supabase")
