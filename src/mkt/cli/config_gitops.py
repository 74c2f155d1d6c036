"""`mkt config pull`, `push` and `diff`: the tenants' files and the rows of Supabase."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mkt.cli.actions import open_record
from mkt.cli.lint_files import Asked, Files
from mkt.cli.options import Installation, Output, OutputOption, shape, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_secrets, build_settings, build_supabase
from mkt.configs.folder import config_files
from mkt.configs.supabase_rows import IntegrationRows, open_rows
from mkt.configs.tenants import TenantFolder
from mkt.engine.gitops import apply as gitops_apply
from mkt.engine.gitops.known import CommonGround
from mkt.engine.gitops.plan import Step, Untrusted, plan_pull, plan_push, to_do
from mkt.engine.gitops.sides import Sides, read_sides
from mkt.engine.gitops.trust import untrusted
from mkt.errors import Refused
from mkt.output.gitops_table import Direction, diff_page, difference_object, done_page, plan_page, step_object
from mkt.runtime.supabase_access import find_access

if TYPE_CHECKING:
    from mkt.settings import ProjectSettings

Tenants = Annotated[
    list[str] | None, typer.Argument(metavar="TENANT", help="Only this tenant's; none means all.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; without a terminal nobody is asked.")]
ExitCode = Annotated[bool, typer.Option("--exit-code", help="Exit with 1 where a difference is left.")]


@spread
def diff(
    *, tenants: Tenants = None, exit_code: ExitCode = False, installation: Installation, output: OutputOption = "auto"
) -> None:
    """Show how the tenants' files and the rows of Supabase differ."""
    with _sides(build_settings(installation), tenants or ()) as (sides, _):
        found = sides.differences
    present(output, lambda: [difference_object(each) for each in sides.changed], lambda: diff_page(found))
    raise typer.Exit(int(exit_code and bool(sides.changed)))


@spread
def pull(
    *,
    tenants: Tenants = None,
    theirs: Annotated[bool, typer.Option("--theirs", help="Where both sides have changed, take Supabase's.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove from the files what Supabase has no more.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    exit_code: ExitCode = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Take what was changed in Supabase into the tenants' files; comments stay."""
    settings = build_settings(installation)
    with _sides(settings, tenants or ()) as (sides, _):
        steps = plan_pull(sides, _trust(settings), delete=delete, theirs=theirs)
        if _decided(steps, "pull", output, dry_run=dry_run, yes=yes):
            with open_record(settings) as record:
                schema = partial(_schema, settings)
                gitops_apply.pull(steps, sides, _folder(settings), schema, partial(record.note, "pull"))
    _report(steps, "pull", output, dry_run=dry_run, exit_code=exit_code)


@spread
def push(
    *,
    tenants: Tenants = None,
    ours: Annotated[
        bool,
        typer.Option(
            "--ours", help="Where both sides have changed, take the file's; add again what was removed in Supabase."
        ),
    ] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Also enable what was disabled in Supabase.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove from Supabase what the files have no more.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    exit_code: ExitCode = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Take what was changed in the tenants' files into Supabase, once lint finds no error in them."""
    settings = build_settings(installation)
    config_files(settings.path(settings.config_dir))  # without one the wrong folder would empty the table
    with _sides(settings, tenants or ()) as (sides, rows):
        _require_lint(installation, sides, all_files=not tenants)
        steps = plan_push(sides, _trust(settings), delete=delete, ours=ours, enable=enable)
        if _decided(steps, "push", output, dry_run=dry_run, yes=yes):
            with open_record(settings) as record:
                gitops_apply.push(steps, sides, rows, partial(record.note, "push"))
    _report(steps, "push", output, dry_run=dry_run, exit_code=exit_code)


@contextmanager
def _sides(settings: "ProjectSettings", tenants: Sequence[str]) -> Iterator[tuple[Sides, IntegrationRows]]:
    """Read both sides, and keep the way to the rows open."""
    access = build_supabase(settings)
    ground = CommonGround(settings.root, find_access(settings.root).url)
    with open_rows(access) as rows:
        yield read_sides(_folder(settings), rows, ground, tenants), rows


def _folder(settings: "ProjectSettings") -> TenantFolder:
    return TenantFolder(settings.config_dir, settings.root)


def _schema(settings: "ProjectSettings", file: Path) -> str:
    return os.path.relpath(settings.path("schema.json"), file.parent)


def _trust(settings: "ProjectSettings") -> Untrusted:
    return partial(untrusted, secrets=build_secrets(settings), allowed_hosts=settings.hosts.allow)


def _require_lint(installation: Installation, sides: Sides, *, all_files: bool) -> None:
    """Raise `Refused` where lint finds an error in the files that are pushed."""
    paths = {written.path for written in sides.files.values()}
    found = Files.of(Asked(), installation).find() if paths else []
    wrong = [
        each
        for each in found
        if each.severity == "error" and not each.silenced and (all_files or each.position.path in paths)
    ]
    if wrong:
        first = wrong[0]
        more = f" and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
        raise Refused(
            f"lint finds an error{more}; nothing was pushed. {first.position}: {first.code} {first.message}",
            remedy="Mend the files: `mkt lint`.",
        )


def _decided(steps: Sequence[Step], direction: Direction, output: Output, *, dry_run: bool, yes: bool) -> bool:
    """Show the plan, and tell whether it is to be done; raise `Refused` where something in it may not be."""
    refused = [step for step in steps if step.action == "refuse"]
    if dry_run or refused or shape(output, piped="table", terminal=True) == "table":
        present(output, lambda: _objects(steps, done=False), lambda: plan_page(steps, direction, dry_run=dry_run))
    if refused:
        first = refused[0]
        raise Refused(
            f"{len(refused):,} refused; nothing was {direction}ed. {first.difference.target}: {first.why}",
            remedy=first.remedy,
        )
    if not dry_run and not yes and to_do(steps) and sys.stdin.isatty():
        _ask(direction)
    return not dry_run


def _ask(direction: Direction) -> None:
    if not typer.confirm(f"{direction.capitalize()} this?", err=True):
        raise Refused(f"nothing was {direction}ed")


def _report(steps: Sequence[Step], direction: Direction, output: Output, *, dry_run: bool, exit_code: bool) -> None:
    if not dry_run:
        present(output, lambda: _objects(steps, done=True), lambda: done_page(steps, direction))
    left = any(step.action == "leave" for step in steps) or (dry_run and bool(to_do(steps)))
    raise typer.Exit(int(exit_code and left))


def _objects(steps: Sequence[Step], *, done: bool) -> list[dict[str, Any]]:
    return [step_object(step, done=done and step in to_do(steps)) for step in steps if step.action != "same"]
