"""The command `mkt`: its commands, each imported when it is called, and the one error boundary."""

import errno
import gc
import importlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeGuard

import typer
from typer.core import TyperCommand, TyperGroup

from mkt import __version__
from mkt.cli.signals import end_on_sigterm
from mkt.errors import MktError, Refused, StartError

EXIT_BUG: Final = 70
_STDOUT: Final = 1
_STDERR: Final = 2
_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""How a write to stdout fails that is no fault of mkt."""
YOUNG_OBJECTS: Final = 300_000
"""Records make many objects and no cycles: looking for cycles at every 700 objects takes a quarter of a sync."""
HAND_OVER_SECONDS: Final = 0.0005
"""How long a thread runs on while another waits for the interpreter. The one that writes a batch waits three times:
with Python's own 5 ms longer than the database works, and a first load takes a tenth longer."""
COMMANDS: Final = {
    "lint": "Check config files, offline.",
    "verify": "Check step by step whether integrations work, and who has to act where they do not.",
    "sync": "Bring over what is due.",
    "status": "Show where every integration stands, problems first.",
    "triage": "Group what fails by cause.",
    "alerts": "Look at what was told to the operator, and try whether it arrives.",
    "holds": "Decide about what the guard held for review.",
    "runs": "Look at past runs.",
    "events": "Look at what happened, or follow it.",
    "records": "Look at what was synced.",
    "serve": "Take webhooks and launches of partner systems.",
    "worker": "Share the syncs that are due with other workers, over Supabase Queues.",
    "webhooks": "Look at inbound deliveries, and have them handled again.",
    "connectors": "Look at the marketplace.",
    "tenants": "Look at the tenants, add and remove them.",
    "lti": "Connect learning platforms.",
    "handover": "Write what the customer's admin enters on their side and what they send back.",
    "enable": "Enable integrations in their tenant's file, and end their pause.",
    "disable": "Disable integrations in their tenant's file.",
    "config": "Work with configurations.",
    "secrets": "Look after the secrets of integrations.",
    "init": "Begin a project, or have cron or systemd run it.",
    "db": "Look after the store.",
    "doctor": "Find what is wrong with this installation.",
    "demo": "Take a tour against simulated partners on loopback.",
}
"""Name and first line of each command's help: `mkt --help` imports none of them."""


class LazyGroup(TyperGroup):
    """Lists all commands and imports the one that is called, from `mkt.cli.<name>`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name, help=text, short_help=text) for name, text in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and name is not None:
            command = typer.main.get_command(importlib.import_module(f"mkt.cli.{name}").app)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """End quietly where the reader of a pipe has left, as `mkt runs list | head` does."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit from None
        except typer.BadParameter as error:
            from mkt.validation import in_words

            error.message = in_words(error.message)
            raise


app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mkt {__version__}")
        raise typer.Exit


@app.callback()
def mkt(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Verify, sync and report the integrations of all tenants."""


def main() -> None:
    """Run `mkt` with this process's arguments."""
    _replace_closed_streams()
    _outlive_stderr()
    end_on_sigterm()
    gc.set_threshold(YOUNG_OBJECTS)
    sys.setswitchinterval(HAND_OVER_SECONDS)
    code = run(sys.argv[1:])
    gc.freeze()  # or the interpreter looks at its end for cycles in all that goes: a fifth of a short command
    sys.exit(code)


def _replace_closed_streams() -> None:
    """Give a closed stdin, stdout or stderr to the null device.

    The next file to be opened, the store's perhaps, would get the free number, and our words would go into it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        continue
    os.close(number)
    sys.stdout = sys.stdout or open(_STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open to the end
    sys.stderr = sys.stderr or open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same


class _Lenient(io.FileIO):
    """What cannot be written is lost: on a full disk, or to a reader that has left."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _outlive_stderr() -> None:
    """Have a stderr that cannot be written change nothing: no report, no exit code."""
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        raw = io.BufferedWriter(_Lenient(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(
            raw, encoding=sys.stderr.encoding, errors=sys.stderr.errors, line_buffering=True
        )


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Whatever went wrong has been said on stderr."""
    said: dict[str, Any] = {}
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the locale cannot write is no reason to fail
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="mkt", obj=said)
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else 0)
    except MktError as error:
        _explain(error, verbose=bool(said.get("verbose")))
        return _flushed(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the error boundary of DESIGN section 7
        if _is_lost_output(error):
            return _lost(error, 0)
        _confess(error, said.get("project"))
        return _flushed(EXIT_BUG)
    return _flushed(0)


def _is_lost_output(error: Exception) -> TypeGuard[OSError]:
    """Tell whether stdout could not be written: what fails on a file of ours names it, or is an `MktError`."""
    return isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None


def _flushed(code: int) -> int:
    """Write out stdout. A reader that has left is no fault; a disk that is full is one, and no bug of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
    except OSError as error:
        return _lost(error, code)
    return code


def _lost(error: OSError, code: int) -> int:
    _abandon_stdout()
    remedy = "What was to be done is done; write its output to a place with space."
    lost = Refused(f"stdout cannot be written: {error.strerror}", remedy=remedy)
    _explain(lost, verbose=False)
    return code or lost.exit_code


def _abandon_stdout() -> None:
    """Let what is still buffered go nowhere, or the interpreter fails on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: MktError, *, verbose: bool) -> None:
    if verbose:
        typer.echo(_masked("".join(traceback.format_exception(error))), err=True)
    typer.echo(_masked(f"mkt: {error.message}"), err=True)
    if error.remedy:
        typer.echo(_masked(f"  -> {error.remedy}"), err=True)


def _confess(error: Exception, project: Path | None) -> None:
    """Name the type alone: the text of an unforeseen exception may hold what belongs to a person."""
    details = _masked("".join(traceback.format_exception(error)))
    place = _write_crash(f"mkt {__version__}, Python {sys.version}, {sys.platform}\n\n{details}", project)
    typer.echo(f"mkt: this is a bug in mkt: {type(error).__name__}", err=True)
    if place:
        typer.echo(f"  -> Please report it with the details in {place}", err=True)
    else:
        typer.echo(f"  -> Please report it with these details, which could not be written down:\n{details}", err=True)


def _write_crash(text: str, project: Path | None) -> Path | None:
    """Write to the project's `.mkt`, else to the temporary folder, where only this account can read it."""
    for folder in (_crash_folder(project), None):
        try:
            handle, name = tempfile.mkstemp(prefix="crash-", suffix=".log", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return Path(name)
    return None


def _crash_folder(project: Path | None) -> Path | None:
    from mkt.settings import find_root

    try:
        folder = find_root(project) / ".mkt"
    except (StartError, OSError):
        return None
    return folder if folder.is_dir() else None


def _masked(text: str) -> str:
    """Take out every secret that this process has seen, and what a terminal would obey."""
    from mkt.runtime.masking import for_terminal

    return for_terminal(text)
