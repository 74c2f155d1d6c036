"""The tour that `mkt demo` gives: the real commands, each with a line on what it shows."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mkt.cli.present import print_page
from mkt.errors import Refused, StartError
from mkt.output.text import BOLD, DIM, line


@dataclass(frozen=True, slots=True)
class Stop:
    """One command of the tour, as a person types it, and the exit code that it has here."""

    why: str
    command: str
    exit_code: int
    meaning: str


STOPS: Final = (
    Stop(
        "Config files are checked offline. initech's has two misspelt keys, each shown at its place.",
        "mkt lint",
        1,
        "lint found errors",
    ),
    Stop(
        "Every partner is asked. One broken file and one wrong password do not stop the others.",
        "mkt verify",
        1,
        "at least one failed",
    ),
    Stop(
        "Why does acme fail? Step by step: what was seen, what to do about it, and who has to act.",
        "mkt verify acme",
        1,
        "at least one failed",
    ),
    Stop(
        "Bring over what is due, as cron would. What has never run is due at once.",
        "mkt sync",
        3,
        "at least one failed, and at least one is ok",
    ),
    Stop(
        "Where does everything stand? Problems first, each with its reason.",
        "mkt status",
        0,
        "the question is answered; with --check it would be 1",
    ),
    Stop(
        "The healthy tenants once more, due or not. Their data is the same, so no record is touched.",
        "mkt sync northwind globex hooli --now",
        0,
        "all ok",
    ),
    Stop(
        "What happened stays as events. The second sync found `unchanged` only.",
        "mkt events -n 5",
        0,
        "the question is answered",
    ),
)
_WITH_TABLES: Final = ("verify", "sync", "events")
"""What prints events where nobody looks; the tour shows what a person at a terminal sees."""


@contextmanager
def tour_folder(keep: Path | None) -> Iterator[Path]:
    """Yield the folder to keep, or one that is removed again; raise `StartError` for one that is in use."""
    if keep is None:
        with TemporaryDirectory(prefix="mkt-demo-") as folder:
            yield Path(folder).resolve()
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        used = any(keep.iterdir())
    except OSError as error:
        raise StartError(f"{keep} cannot be used: {error.strerror}", remedy="Name another folder.") from None
    if used:
        raise StartError(f"{keep} is not empty", remedy="Name a new folder: the tour writes its project there.")
    yield keep.resolve()


def take_tour(project: Path, environment: Mapping[str, str]) -> None:
    """Run every command; raise `Refused` when one does not end as it should."""
    _say("A tour of mkt: example tenants, their partners simulated on 127.0.0.1. Nothing leaves this machine.")
    _say("The files are mkt's examples; only addresses and names of the partners are the simulators' here.")
    print_page([line(""), line(f"$ cd {project}", style=BOLD)])
    for number, stop in enumerate(STOPS, start=1):
        print_page([line("")])
        _say(f"{number}/{len(STOPS)}  {stop.why}")
        print_page([line(f"$ {stop.command}", style=BOLD)])
        code = _run(stop.command, project, environment)
        if code != stop.exit_code:
            raise Refused(f"`{stop.command}` ended with {code} instead of {stop.exit_code}")
        print_page([line(f"(exit code {code}: {stop.meaning})", style=DIM)])


def end_tour(keep: Path | None) -> None:
    """Say what is left and what comes next."""
    print_page([line("")])
    if keep is None:
        _say("That was the tour. Its project is removed and its simulated partners have ended.")
    else:
        _say(f"That was the tour. Its project stays in {keep}; its simulated partners have ended.")
    print_page([line("next: mkt connectors show workday-hris", style=DIM)])


def _say(text: str) -> None:
    print_page([line(text)])


def _run(command: str, project: Path, environment: Mapping[str, str]) -> int:
    """Run a command of the tour to its end. Whatever interrupts the tour ends the command too."""
    _, name, *rest = command.split()
    tables = ["--output", "table"] if name in _WITH_TABLES and not sys.stdout.isatty() else []
    arguments = [sys.executable, "-m", "mkt", name, *rest, *tables]
    with subprocess.Popen(arguments, cwd=project, env=environment, stdin=subprocess.DEVNULL) as child:  # noqa: S603 - mkt itself
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
