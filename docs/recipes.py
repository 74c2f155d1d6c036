"""Plays the README's recipes, each in an empty project from its first line to its last, and compares what they show.

A recipe is a section below `## Recipes`. Of its `console` blocks the lines with `$ ` are run at a terminal; `…` alone
on a line stands for any lines that are not shown. A comment above a block tells what the reader does with it:

- `<!-- write: PATH -->` saves it as that file, `<!-- fill in: PATH -->` uncomments or adds its lines there;
- `<!-- meanwhile: WORD -->` stands where somebody else does something: a method of `Play`.

The partners are simulators. Their addresses, the project's folder and where `mkt` is differ from what the README
says; they are put in before a line is run, and taken out of what came of it.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from docs.comparing import comparable
from docs.terminal import BIN, own_environment, typed

from mkt.cli.stage import EXAMPLES
from mkt.connectors.lti_1p3_deeplink.simulator import LtiSimulator
from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation.faults import status

_PART: Final = re.compile(
    r"(?P<head>(?:<!-- (?P<does>write|fill in): (?P<path>\S+) -->\n)?```(?P<kind>\w+)\n)(?P<body>.*?)(?=^```$)"
    r"|<!-- meanwhile: (?P<meanwhile>\w+) -->",
    re.MULTILINE | re.DOTALL,
)
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_LINE_OF_CRON: Final = re.compile(r"^[*\d]\S*(?: \S+){4} (.+)$", re.MULTILINE)
_READY: Final = """\
tenant: northwind
integrations:
  - name: roster
    connector: workday-hris
    schedule: "15 2 * * *"
    settings:
      base_url: https://wd5-services1.workday.com
      tenant: northwind_dpt1
      report: isu_mkt/Learner_Roster
      workday_isu_username: ISU_mkt
    secrets:
      WORKDAY_ISU_PASSWORD: env:NORTHWIND_ISU_PASSWORD
"""
# crontab(1) as far as recipes use it. The table of the account that runs this must stay as it is.
_CRONTAB: Final = """\
#!/bin/sh
case "$1" in
  -l) [ ! -f "$HOME/table" ] || cat "$HOME/table" ;;
  *) cat "$1" > "$HOME/new" && mv "$HOME/new" "$HOME/table" ;;
esac
"""


def sections(readme: str) -> dict[str, str]:
    """Return the text of each recipe by its title. A line of a block is no heading, whatever it looks like."""
    found: dict[str, str] = {}
    chapter = title = ""
    for block, line in _lines(readme):
        if not block and line.startswith("## "):
            chapter, title = line.strip("# \n"), ""
        elif not block and chapter == "Recipes" and line.startswith("### "):
            title = line.strip("# \n")
            found[title] = ""
        elif title:
            found[title] += line
    return found


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    """Yield each line with whether it stands in a block of code."""
    block = False
    for line in text.splitlines(keepends=True):
        block ^= line.startswith("```")
        yield block, line


def rewritten(readme: str) -> str:
    """Return the README with what the recipes' commands really print; what is still right is left alone."""
    for title, text in sections(readme).items():
        with play(title) as played:
            readme = readme.replace(text, played.text(text))
    return readme


@dataclass(frozen=True)
class _Registered:
    """A tool as a platform's administrator registers it: by its public key."""

    pem: str

    def public_key(self) -> object:
        return load_pem_public_key(self.pem.encode())


@dataclass
class Play:
    """One recipe on its stage."""

    home: Path
    project: Path
    moodle: LtiSimulator
    workday: WorkdaySimulator
    variables: dict[str, str] = field(default_factory=dict)
    hold: str = "60fd1ce6"
    """The end of the hold's id, where something is held."""

    def text(self, recipe: str) -> str:
        """Do what the recipe says, and return it with what it shows as it came out."""
        return _PART.sub(self._part, recipe)

    def _part(self, found: re.Match[str]) -> str:
        if found["meanwhile"]:
            getattr(self, found["meanwhile"])()
        elif found["does"] == "write":
            self.write(found["path"], found["body"])
        elif found["does"] == "fill in":
            self._fill_in(self.project / found["path"], self._real(found["body"]))
        elif found["kind"] == "console":
            return found["head"] + self._console(found["body"])
        return found[0]

    def _console(self, body: str) -> str:
        commands = (part.partition("\n") for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:])
        return "".join(f"$ {self._run(command, shown)}" for command, _, shown in commands)

    def _run(self, command: str, shown: str) -> str:
        """Return the command, and below it what is shown if that is what came, else what came."""
        password = self.workday.secrets()["WORKDAY_ISU_PASSWORD"]
        seen = typed(self._real(command), self.project, self.environment, [password]).text
        if pem := _PEM.search(seen):  # the administrator registers it
            self.moodle.tool = _Registered(pem[0])  # type: ignore[assignment]
        for shows, stands in self._stands_for.items():
            seen = seen.replace(stands, shows)
        pattern = re.escape(comparable(shown)).replace("…\\\n", r"(?:.*\n)*?")
        return f"{command}\n{shown if re.fullmatch(pattern, comparable(seen)) else seen}"

    @property
    def environment(self) -> dict[str, str]:
        own = own_environment(self.home)
        return {**own, "PATH": f"{self.home / 'bin'}{os.pathsep}{own['PATH']}", **self.variables}

    @property
    def _stands_for(self) -> Mapping[str, str]:
        return {
            "https://moodle.example.edu": self.moodle.url,
            "https://wd5-services1.workday.com": self.workday.url,
            "/home/ops/integrations": str(self.project),
            "/opt/mkt/bin/mkt": str(BIN / "mkt"),
            "60fd1ce6": self.hold,
        }

    def _real(self, text: str) -> str:
        for shows, stands in self._stands_for.items():
            text = text.replace(shows, stands)
        return text

    def write(self, path: str, text: str) -> None:
        """Save a file of the project."""
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._real(text), encoding="utf-8")

    def _fill_in(self, file: Path, block: str) -> None:
        """Put each line in the place of the comment, or the line, with its key, else below the one before."""
        lines = file.read_text(encoding="utf-8").splitlines()
        last = 0
        for line in block.splitlines():
            key = re.compile(rf"\s*#?\s*{re.escape(line.split(':')[0].strip(' -'))}:(\s|$)")
            place = next((n for n in range(last, len(lines)) if key.match(lines[n])), None)
            last = last + 1 if place is None else place
            lines[last : last + (place is not None)] = [line]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def cron(self) -> None:
        """Let cron run the first line of its table, with the variables that cron has."""
        line = _LINE_OF_CRON.findall((self.home / "table").read_text(encoding="utf-8"))[0]
        own = {"HOME": str(self.home), "LOGNAME": "ops", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
        subprocess.run(["/bin/sh", "-c", line.replace(r"\%", "%")], cwd=self.home, env=own, check=True)

    def expired(self) -> None:
        """Let the customer's password expire after a good sync, and the next sync find that out."""
        typed("mkt sync", self.project, self.environment)
        refused = status(401, {"Content-Type": "application/json"}, b'{"error": "invalid username or password"}')
        self.workday.inject(refused, path="customreport2", times=None)
        typed("mkt sync northwind --now", self.project, self.environment)

    def shrunk(self) -> None:
        """Let the customer's report list two fifths fewer after a good sync, and cron find that out."""
        typed("mkt sync", self.project, self.environment)
        first, *others = self.workday.people[:15]
        self.workday.employ([replace(first, title="Head of Platform"), *others])
        typed("mkt sync northwind --now", self.project, self.environment)
        found = typed("mkt holds list -o json", self.project, self.environment).text
        self.hold = json.loads(found)[0]["id"][-8:]

    def mended(self) -> None:
        """Let the customer's administrator unlock the account."""
        self.workday.heal()


@contextmanager
def play(title: str) -> Iterator[Play]:
    """Set the stage of a recipe."""
    with TemporaryDirectory(prefix="mkt-recipe-") as folder, LtiSimulator() as moodle, WorkdaySimulator() as workday:
        home = Path(folder).resolve()
        (home / "bin").mkdir()
        (home / "bin" / "crontab").write_text(_CRONTAB, encoding="utf-8")
        (home / "bin" / "crontab").chmod(0o755)
        played = Play(home, home / "integrations", moodle, workday)
        played.write("mkt.toml", "")
        if prepare := _STAGES.get(title):
            prepare(played)
        yield played


def _ready(played: Play) -> None:
    played.write("configs/northwind.yaml", _READY)
    value = played.workday.secrets()["WORKDAY_ISU_PASSWORD"]
    played.write(".env", f"NORTHWIND_ISU_PASSWORD='{value}'\n")


def _misspelt(played: Play) -> None:
    played.write("configs/initech.yaml", (EXAMPLES / "configs" / "initech.yaml").read_text(encoding="utf-8"))


def _in_a_session(played: Play) -> None:
    _ready(played)
    played.variables["NORTHWIND_ISU_PASSWORD"] = played.workday.secrets()["WORKDAY_ISU_PASSWORD"]


def _failing(played: Play) -> None:
    _in_a_session(played)
    played.expired()


def _held(played: Play) -> None:
    _in_a_session(played)
    played.shrunk()


_STAGES: Final = {"Cron": _ready, "CI": _misspelt, "A tenant is stale": _failing, "A sync is held": _held}
