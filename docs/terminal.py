"""A command as a person runs it at a terminal of 100 columns, and what they see of it."""

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
"""Where the installed `mkt` is."""
PROMPT: Final = b"(not shown): "
_SECONDS: Final = 120
"""No command that is shown is silent for nearly as long."""
_TERMINAL: Final = {"TERM": "dumb", "COLUMNS": "100", "LINES": "50", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a command left on the screen, without the blanks at the ends of lines, and its exit code."""

    code: int
    text: str

    @property
    def following(self) -> str:
        """The command that the last line names."""
        label, _, command = self.text.splitlines()[-1].partition(": ")
        if label != "next":
            raise AssertionError(f"names no next command:\n{self.text}")
        return command


def own_environment(home: Path) -> dict[str, str]:
    """Return the variables of a person who has just logged in, with `mkt` on their PATH."""
    return {"HOME": str(home), "PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin", "SHELL": "/bin/sh"}


def typed(command: str, folder: Path, environment: Mapping[str, str], answers: Sequence[str] = ()) -> Seen:
    """Run a line of the shell to its end; `answers` are what the person types at the prompts for hidden values."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={**environment, **_TERMINAL},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # so that a prompt cannot reach the terminal that this runs at
    ) as shell:
        os.close(theirs)
        screen = _screen(ours, list(answers))
        if screen is None:
            os.killpg(shell.pid, signal.SIGKILL)
            raise AssertionError(f"`{command}` hangs")
    os.close(ours)
    lines = screen.decode().splitlines()
    return Seen(shell.returncode, "".join(f"{line.rstrip()}\n" for line in lines))


def _screen(terminal: int, answers: list[str]) -> bytes | None:
    """Return what was written until nobody writes any more, or None where that takes too long."""
    seen = b""
    with suppress(OSError):  # how Linux says that nobody writes to the terminal any more
        while select.select([terminal], [], [], _SECONDS)[0]:
            read = os.read(terminal, 65536)
            if not read:
                return seen
            seen += read
            if seen.endswith(PROMPT) and answers:
                os.write(terminal, f"{answers.pop(0)}\n".encode())
        return None
    return seen
