"""The files by which cron or systemd runs mkt for a project: absolute paths, the log's rotation, an alert rule."""

import getpass
import grp
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final, Literal

from mkt.cli.cron import VARIABLES, mkt_command
from mkt.errors import Refused

Scheduler = Literal["cron", "systemd"]
_TEMPLATES: Final = Path(__file__).parent / "templates"
_LOG: Final = ".mkt/mkt.log"
_LOGROTATE: Final = "mkt.logrotate"
_UNITS: Final = "mkt-units"
_PLAIN: Final = re.compile(r"[\w@+=:,./-]+")
_WHERE: Final = {_LOGROTATE: "/etc/logrotate.d/mkt"}


def scheduling_files(scheduler: Scheduler, root: Path) -> dict[str, str]:
    """Return file name to text; raise `Refused` for a path that such files cannot hold."""
    if any(not char.isprintable() for char in str(root)):
        raise Refused(f"{str(root)!r} cannot stand in a table of cron or a unit", remedy="Rename the folder.")
    files = _crontab(root) if scheduler == "cron" else _units(root)
    return {**files, _LOGROTATE: _filled(_TEMPLATES / "logrotate", {**_account(), "log_path": str(root / _LOG)})}


def as_one_text(scheduler: Scheduler, files: Mapping[str, str]) -> str:
    """Return all files as one text; of cron's it is a table that `crontab -` takes, the rest as comments."""
    if scheduler == "systemd":
        steps = "".join(
            f"# {line}\n"
            for line in ("To install these units:", f"mkt init --systemd --write {_UNITS}", *installing(_UNITS))
        )
        units = (f"# {_WHERE.get(name, f'/etc/systemd/system/{name}')}\n{text}" for name, text in files.items())
        return "\n".join([steps, *units])
    rotation = "".join(f"# {line}\n" for line in files[_LOGROTATE].splitlines())
    return f"{files['mkt.crontab']}\n{rotation}"


def installing(folder: str) -> list[str]:
    """Return what to type to have systemd run the units that `--write` has put into a folder."""
    return [
        f"sudo cp {folder}/mkt-*.service {folder}/mkt-*.timer /etc/systemd/system/",
        f"sudo cp {folder}/{_LOGROTATE} {_WHERE[_LOGROTATE]}",
        "sudo systemctl daemon-reload",
        "sudo systemctl enable --now mkt-sync.timer mkt-status.timer",
        "systemctl list-timers 'mkt-*'",
        "sudo systemctl enable --now mkt-serve.service  # only where partner systems call",
        "sudo systemctl enable --now mkt-worker.service  # only where the store is in Supabase",
    ]


def _crontab(root: Path) -> dict[str, str]:
    words = {
        "mkt": shlex.join(mkt_command()),
        "project": shlex.quote(str(root)),
        "log": shlex.quote(str(root / _LOG)),
    }
    # To cron, % ends a command (crontab(5)).
    escaped = {name: word.replace("%", r"\%") for name, word in words.items()}
    return {"mkt.crontab": _filled(_TEMPLATES / "crontab", {**escaped, "env_file": str(root / VARIABLES)})}


def _units(root: Path) -> dict[str, str]:
    words = {
        "mkt": " ".join(map(_word, mkt_command())),
        "project": _word(str(root)),
        "log": _word(str(root / _LOG)),
        "env_file": str(root / VARIABLES),
        **_account(),
    }
    return {path.name: _filled(path, words) for path in sorted((_TEMPLATES / "systemd").iterdir())}


def _word(text: str) -> str:
    """Return one word of a unit's command line (systemd.service(5), "Command lines")."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _account() -> dict[str, str]:
    try:
        return {"user": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}
    except (KeyError, OSError):  # an account without a name: a container
        return {"user": str(os.getuid()), "group": str(os.getgid())}


def _filled(path: Path, words: Mapping[str, str]) -> str:
    return Template(path.read_text(encoding="utf-8")).substitute(words)
