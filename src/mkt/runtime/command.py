"""A command of the operator's gets a message on its standard input: no shell, a deadline, no trust in its output."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mkt.runtime.masking import PROCESS

_GIVEN: Final = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME"})
_LAST: Final = 2000
_SHOWN: Final = 200


class CommandSink:
    """Runs one command in the project's folder; a program that is named by a relative path stands there."""

    def __init__(self, words: Sequence[str], root: Path) -> None:
        program = str(root / words[0]) if "/" in words[0] else words[0]
        self._words = [program, *words[1:]]
        self._root = root
        self.place = Path(program).name

    def send(self, message_id: str, body: bytes, seconds: float) -> str:
        """Run the command with the body on stdin; return what went wrong, empty where it ended with 0 in time."""
        # Files and not pipes: a grandchild that keeps one open holds up nobody, and no output fills the memory.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(body)
            given.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - the operator's own words, never a shell's
                    self._words,
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    cwd=self._root,
                    env={**_environment(), "MKT_ALERT_ID": message_id},
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                return f"it cannot be started: {getattr(error, 'strerror', None) or 'not a command'}"
            code = _ended(process, seconds)
            said.seek(max(0, said.seek(0, os.SEEK_END) - _LAST))
            words = _last_line(said.read())
        if code is None:
            return f"it had not ended after {seconds:.0f} s and was stopped"
        return "" if code == 0 else f"it ended with {code}{f': {words}' if words else ''}"


def _environment() -> dict[str, str]:
    """Return what any program needs. The rest may be secrets, whatever their names: `env:` references name any."""
    return {name: value for name, value in os.environ.items() if name in _GIVEN or name.startswith("LC_")}


def _ended(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Return the exit code; None where it took too long and was killed with all that it had started."""
    with process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return None


def _last_line(said: bytes) -> str:
    lines = PROCESS.mask(said.decode(errors="replace")).strip().splitlines()
    shown = "".join(char if char.isprintable() else " " for char in lines[-1]) if lines else ""
    return shown[:_SHOWN]
