"""What `mkt doctor` looks at: everything outside the partners that has to be right."""

import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mkt import __version__
from mkt.cli.alert_check import alert_checks
from mkt.cli.cron_check import cron_checks
from mkt.cli.heartbeat_check import heartbeat_checks
from mkt.cli.options import Installation
from mkt.cli.queue_check import queue_checks
from mkt.cli.supabase_check import supabase_checks
from mkt.cli.variable_check import variable_checks
from mkt.cli.wiring import build_keyring, build_registry, build_settings, build_source, build_store, store_folder
from mkt.errors import MktError
from mkt.output.checks import Check
from mkt.output.text import plural
from mkt.registry import BrokenConnectorError, ConnectorRegistry

if TYPE_CHECKING:
    from mkt.configs.base import Configs
    from mkt.settings import ProjectSettings

_SQLITE: Final = (3, 38, 0)
"""The first with JSON functions always built in."""
_EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_LITTLE: Final = 100_000_000
_SKEW: Final = timedelta(minutes=5)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def checkup(installation: Installation, now: Callable[[], datetime] = _utc_now) -> list[Check]:
    """Look at everything; what needs a project is left out where there is none."""
    checks = [_python(), _sqlite(), _zones(), *_connectors(build_registry())]
    try:
        settings = build_settings(installation)
    except MktError as error:
        return [*checks, _wrong("project", error), _clock(None, now())]
    checks.append(Check(name="project", found=str(settings.root)))
    return [*checks, *_project(settings, installation, now())]


def _project(settings: "ProjectSettings", installation: Installation, now: datetime) -> Iterator[Check]:
    configs: list[Configs] = []
    yield from supabase_checks(settings)
    yield from _configs(settings, configs)
    newest: list[datetime] = []
    yield _tried("store", lambda: _store(settings, newest))
    yield from _disk(settings)
    yield from queue_checks(settings, now)
    yield _keyring(any(_uses_keyring(found) for found in configs))
    yield from alert_checks(settings, now)
    yield from heartbeat_checks(settings, now)
    for found in configs:
        yield from cron_checks(settings, found, installation)
        yield from variable_checks(settings, found)
    yield _clock(max(newest, default=None), now)


def _tried(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, found=look())
    except MktError as error:
        return _wrong(name, error)


def _wrong(name: str, error: MktError) -> Check:
    return Check(name=name, ok=False, found=error.message, remedy=error.remedy)


def _python() -> Check:
    return Check(name="python", found=f"{platform.python_version()} at {sys.executable}, mkt {__version__}")


def _sqlite() -> Check:
    found = sqlite3.sqlite_version_info
    needed = ".".join(map(str, _SQLITE))
    return Check(
        name="sqlite",
        ok=found >= _SQLITE,
        found=sqlite3.sqlite_version,
        remedy=f"Use a Python with SQLite {needed} or newer.",
    )


def _zones() -> Check:
    try:
        ZoneInfo("Europe/London")
    except ZoneInfoNotFoundError:
        return Check(
            name="time zones", ok=False, found="no time zone database", remedy="Install the system's tzdata package."
        )
    return Check(name="time zones", found="time zone database found")


def _connectors(registry: ConnectorRegistry) -> Iterator[Check]:
    broken = []
    for connector in registry.values():
        try:
            connector.require_manifest()
            _ = connector.settings_model, connector.connector
        except BrokenConnectorError as error:
            broken.append(_wrong("connector", error))
    yield from broken
    if not broken:
        yield Check(name="connectors", found=f"{len(registry)} found, none is broken")


def _configs(settings: "ProjectSettings", keep: "list[Configs]") -> Iterator[Check]:
    try:
        configs = build_source(settings).load()
    except MktError as error:
        yield _wrong("configs", error)
        return
    keep.append(configs)
    tenants, integrations = len(configs.tenants), len(configs.configurations)
    broken = f", {len(configs.broken):,} broken" if configs.broken else ""
    found = f"{plural(tenants, 'tenant')}, {plural(integrations, 'integration')}{broken}"
    remedy = configs.broken[0].remedy if configs.broken else ""
    yield Check(name="configs", ok=not configs.broken, found=found, remedy=remedy)


def _disk(settings: "ProjectSettings") -> Iterator[Check]:
    """Warn before a sync, whose batches may still fit, ends in the middle of what it applies at once."""
    folder = store_folder(settings)
    with suppress(OSError):  # the store's own check tells what is not there
        free = shutil.disk_usage(folder).free
        if free < _LITTLE:
            found = f"{free // 1_000_000:,} MB are free on the disk of {folder}"
            yield Check(name="disk", ok=False, found=found, remedy="Free some space on it.")


def _store(settings: "ProjectSettings", keep: list[datetime]) -> str:
    with closing(build_store(settings)) as store:
        keep += [run.started_at for run in store.runs(limit=1)]
        return f"{settings.store} opens; {plural(len(store.states()), 'integration')} known"


def _uses_keyring(configs: "Configs") -> bool:
    references = (text for configuration in configs.configurations for text in configuration.secrets.values())
    return any(text.startswith("keyring:") for text in references)


def _keyring(needed: bool) -> Check:
    """Look something up that nobody has stored: only whether there is a keyring to ask matters."""
    try:
        build_keyring().read("mkt/doctor")
    except MktError as error:
        if needed:
            return _wrong("keyring", error)
        return Check(name="keyring", found=f"{error.message}; no configuration refers to one")
    return Check(name="keyring", found="usable by this account")


def _clock(newest: datetime | None, now: datetime) -> Check:
    found = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    remedy = "Set this machine's clock, best by NTP: schedules, tokens and signatures depend on it."
    if now < _EARLIEST:
        return Check(name="clock", ok=False, found=f"{found} is before this version of mkt was made", remedy=remedy)
    if newest and now < newest - _SKEW:
        return Check(name="clock", ok=False, found=f"{found} is before the newest run in the store", remedy=remedy)
    return Check(name="clock", found=found)
