"""An empty machine: a home without files, a project folder, and a person at a terminal who types `mkt`."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from docs.terminal import Seen, own_environment, typed

_CRON_LINE = re.compile(r"^[*\d]\S*(?: \S+){4} (?P<command>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Machine:
    """What a walk happens on."""

    home: Path
    project: Path

    def types(self, command: str, *answers: str) -> Seen:
        """Run a command in the project as a person does; `answers` are typed at the prompts."""
        return typed(command, self.project, own_environment(self.home), answers)

    def cron(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of a crontab as cron does: by /bin/sh, in the home, with four variables (crontab(5))."""
        found = _CRON_LINE.match(line)
        assert found, line
        return subprocess.run(
            ["/bin/sh", "-c", found["command"].replace(r"\%", "%")],
            cwd=self.home,
            env={"HOME": str(self.home), "LOGNAME": "ops", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def write(self, path: str, text: str) -> None:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def edit(self, path: str, *changes: tuple[str, str]) -> None:
        """Change a file as with an editor; what is to be changed has to stand there once."""
        file = self.project / path
        text = file.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} in\n{text}"
            text = text.replace(old, new)
        file.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home, project = tmp_path / "home", tmp_path / "home" / "integrations"
    project.mkdir(parents=True)
    return Machine(home, project)


@pytest.fixture
def jobs() -> Callable[[str], list[str]]:
    """The lines of a crontab that cron runs."""
    return lambda table: [line for line in table.splitlines() if _CRON_LINE.match(line)]
