"""`mkt doctor`: which secrets cron would not find, asked of a child process that has cron's environment."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from mkt.cli.cron import VARIABLES, cron_environment
from mkt.cli.options import Installation
from mkt.cli.wiring import build_registry, build_secrets
from mkt.engine.secret_states import SecretState, secret_states
from mkt.output.checks import Check

if TYPE_CHECKING:
    from mkt.configs.base import Configs
    from mkt.settings import ProjectSettings

_SECONDS: Final = 120
Row = Mapping[str, Any]
"""One object of `mkt secrets list -o json`."""


def cron_checks(settings: "ProjectSettings", configs: "Configs", installation: Installation) -> Iterator[Check]:
    """Compare what this session finds with what cron would find, for every enabled integration."""
    today = datetime.now(UTC).date()
    enabled = [configuration for configuration in configs.configurations if configuration.active(today)]
    here = list(secret_states(enabled, build_registry(), build_secrets(settings)))
    if not here:
        yield Check(name="cron", found="no enabled integration needs a secret")
        return
    rows = _as_cron(settings, installation)
    if isinstance(rows, Check):
        yield rows
        return
    there = {(row["tenant"], row["integration"], row["secret"]): row for row in rows}
    lost = [(state, row) for state in here if (row := there.get(_key(state))) and _is_lost(state, row)]
    yield from _findings(lost, settings)
    unknown = [state for state in here if _key(state) not in there]
    yield from _unknown(unknown, rows, configs)
    if not lost and not unknown:
        yield Check(name="cron", found="finds every secret that is needed, without this session's variables")


def _key(state: SecretState) -> tuple[str, str, str]:
    return state.configuration.tenant, state.configuration.name, state.place.declaration.name


def _is_lost(state: SecretState, row: Row) -> bool:
    """Tell what works here and not there, or in neither; what cron lacks only because of that is no finding."""
    return not row["found"] and (state.place.there or state.lacking)


def _as_cron(settings: "ProjectSettings", installation: Installation) -> list[Row] | Check:
    """Return what `mkt secrets list` says to cron, or why it says nothing."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in installation.flags.items() if value]
    command = [sys.executable, "-m", "mkt", "secrets", "list", "-o", "json", f"--project={settings.root}", *flags]
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            command,
            env=cron_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _cannot(
            f"secrets were not found within {_SECONDS} s", "Is a keyring waiting for somebody to unlock it?"
        )
    if done.returncode == 0:
        rows: list[Row] = json.loads(done.stdout)
        return rows
    first, *more = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing was said"]
    return _cannot(first.removeprefix("mkt: "), " ".join(more).strip().removeprefix("-> "))


def _cannot(why: str, remedy: str) -> Check:
    return Check(name="cron", ok=False, found=f"cron could not run mkt: {why}", remedy=remedy)


def _unknown(unknown: Iterable[SecretState], rows: Iterable[Row], configs: "Configs") -> Iterator[Check]:
    """Make a finding of each connector, else integration, else secret that cron's list does not have."""
    targets = {(row["tenant"], row["integration"]) for row in rows}
    connectors = {each.connector for each in configs.configurations if (each.tenant, each.name) in targets}
    remedy = (
        f"This session's variables are not cron's: install the connector's package for {sys.executable} instead of "
        "PYTHONPATH, and write what MKT_… variables say into mkt.toml."
    )
    for found, older in sorted({_missed(state, targets, connectors) for state in unknown}):
        yield Check(name="cron", ok=False, found=found, remedy=older + remedy)


def _missed(state: SecretState, targets: Collection[tuple[str, str]], connectors: Collection[str]) -> tuple[str, str]:
    """Return the most that cron does not see, and what may be why."""
    its, secret = state.configuration, state.place.declaration.name
    if its.connector not in connectors:
        return f"cron sees no integration of the connector {its.connector}", ""
    if (its.tenant, its.name) not in targets:
        return f"{its.target}: cron sees none of its secrets", "Does cron read other configs? "
    return f"{its.target}: cron's mkt does not know the secret {secret}", f"Is its {its.connector} an older package? "


def _findings(lost: Iterable[tuple[SecretState, Row]], settings: "ProjectSettings") -> Iterator[Check]:
    """Make one finding of the secrets of an integration that stand in the same kind of place."""
    for (target, scheme), group in groupby(lost, lambda each: (each[0].configuration.target, _scheme(each[0]))):
        found = list(group)
        names = ", ".join(_named(state, row) for state, row in found)
        remedy = _remedy(scheme, f"{target} {target} {found[0][0].place.declaration.name}", settings)
        yield Check(name="cron", ok=False, found=f"{target}: cron does not find {names}", remedy=remedy)


def _scheme(state: SecretState) -> str:
    return (state.place.place or state.place.written or "").partition(":")[0]


def _named(state: SecretState, row: Row) -> str:
    """Say where it stands for this session; where it stands nowhere, what cron says of it."""
    name = state.place.declaration.name
    place = state.place.place or state.place.written
    return f"{name} ({place})" if place else f"{name} ({row['why']})"


def _remedy(scheme: str, copied: str, settings: "ProjectSettings") -> str:
    if scheme == "keyring":
        return (
            f"Copy it to where no session is needed: `mkt secrets copy {copied} --to file`. Or, where the keyring "
            "stays unlocked, put DBUS_SESSION_BUS_ADDRESS=… into cron's table: `crontab -e`."
        )
    file = settings.root / VARIABLES
    return (
        f"Put NAME='value' into {file} (mode 0600), which mkt reads."
        if scheme == "env"
        else "See `mkt secrets list`."
    )
