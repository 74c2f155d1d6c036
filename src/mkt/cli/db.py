"""`mkt db`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mkt.cli.actions import open_record
from mkt.cli.db_check import check_supabase
from mkt.cli.db_copy import copy_store
from mkt.cli.db_init import write_migrations
from mkt.cli.options import Installation, Logged, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings
from mkt.engine.retention import retention_of
from mkt.output.copying import copied_object, copied_page
from mkt.output.database import checked_object, checked_page, written_object, written_page
from mkt.output.housekeeping import backup_object, backup_page, pruned_object, pruned_page

app = new_app("Look after the store.")


@app.callback()
def db() -> None:
    """Look after the store."""


@app.command()
@spread
def init(*, installation: Installation, output: OutputOption = "auto") -> None:
    """Write the migrations of Supabase into supabase/migrations, for the Supabase CLI to apply."""
    written = write_migrations(build_settings(installation).root)
    present(output, lambda: [written_object(each) for each in written], lambda: written_page(written))
    raise typer.Exit(int(any(each.state == "differs" for each in written)))


@app.command()
@spread
def check(*, installation: Installation, output: OutputOption = "auto") -> None:
    """Find what is missing, old, changed or too open in Supabase."""
    checked = check_supabase(build_settings(installation))
    present(output, lambda: checked_object(checked), lambda: checked_page(checked))
    raise typer.Exit(int(bool(checked.flaws)))


@app.command()
@spread
def prune(
    *,
    installation: Logged,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, forget nothing.")] = False,
    output: OutputOption = "auto",
) -> None:
    """Forget what is older than `[retention]` says. A sync does so by itself once a day."""
    settings = build_settings(installation)
    with open_record(settings) as record:
        pruned = record.store.prune(retention_of(settings), datetime.now(UTC), dry_run=dry_run)
        if not dry_run:
            record.note("prune", "")
    present(
        output,
        lambda: pruned_object(pruned, dry_run=dry_run),
        lambda: pruned_page(pruned, settings.retention, dry_run=dry_run),
    )


@app.command()
@spread
def backup(
    *,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The new file; nothing is overwritten.")],
    installation: Logged,
    output: OutputOption = "auto",
) -> None:
    """Copy the store, checked, to a new file, while others go on working with it."""
    with open_record(build_settings(installation)) as record:
        record.store.backup(path.absolute())
        record.note("backup", "")
    present(output, lambda: backup_object(path), lambda: backup_page(path))


@app.command()
@spread
def copy(
    *,
    origin: Annotated[str, typer.Option("--from", metavar="STORE", help="The store: sqlite:PATH or supabase.")],
    to: Annotated[str, typer.Option("--to", metavar="STORE", help="The new one: supabase or sqlite:PATH.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, copy nothing.")] = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Copy a store into an empty one of the other kind. Killed on its way, the same command goes on with it."""
    copied = copy_store(build_settings(installation), origin, to, dry_run=dry_run)
    present(
        output,
        lambda: copied_object(copied, origin, to, dry_run=dry_run),
        lambda: copied_page(copied, origin, to, dry_run=dry_run),
    )
