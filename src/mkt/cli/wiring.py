"""Builds everything: the only place that names concrete answers. They are imported when they are chosen."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cache, partial
from shlex import quote
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from mkt.cli.options import Installation
from mkt.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

    from mkt.configs.base import ConfigSource
    from mkt.engine.base import Engine
    from mkt.registry import ConnectorRegistry
    from mkt.runtime.supabase import SupabaseClient
    from mkt.secrets.base import SecretBackend
    from mkt.secrets.chain import SecretChain
    from mkt.secrets.sealed_rows import SealedRows
    from mkt.secrets.sealing_keys import SealingKeys
    from mkt.settings import ProjectSettings
    from mkt.store.base import Store
    from mkt.store.copying import CopySource, CopyTarget
    from mkt.telemetry.base import Sink, Telemetry

T = TypeVar("T")


def build_settings(installation: Installation, concurrency: int | None = None) -> "ProjectSettings":
    """Find the project and read its settings; raise `StartError` where there is none or one is wrong."""
    from mkt.settings import find_root, load

    root = find_root(installation.project, installation.config_dir)
    return load(root, {**installation.flags, "concurrency": concurrency})


def build_registry() -> "ConnectorRegistry":
    """Find the connectors."""
    from mkt.registry import ConnectorRegistry

    return ConnectorRegistry.discover()


def build_source(settings: "ProjectSettings") -> "ConfigSource":
    """Return what `source` names."""
    return _chosen(SOURCES, "source", settings.source)(settings)


def build_store(settings: "ProjectSettings") -> "Store":
    """Open what `store` names: `sqlite:PATH` or `supabase`."""
    scheme, _, place = settings.store.partition(":")
    return _chosen(STORES, "store", scheme)(settings, place)


def build_copy_source(settings: "ProjectSettings", given: str) -> "AbstractContextManager[CopySource]":
    """Return what opens a store that is to be copied."""
    scheme, _, place = given.partition(":")
    return _chosen(COPY_SOURCES, "store", scheme)(settings, place)


def build_copy_target(settings: "ProjectSettings", given: str) -> "AbstractContextManager[CopyTarget]":
    """Return what opens a new store that another is copied into."""
    scheme, _, place = given.partition(":")
    return _chosen(COPY_TARGETS, "store", scheme)(settings, place)


def build_secrets(settings: "ProjectSettings") -> "SecretChain":
    """Return where secrets are looked up."""
    from mkt.secrets.chain import SecretChain

    return SecretChain(build_backends(settings), allow=settings.secrets.allow)


def build_backends(settings: "ProjectSettings") -> "list[SecretBackend]":
    """Return every place that values stand in. Nothing is read."""
    from mkt.secrets.env import EnvBackend
    from mkt.secrets.file import FileBackend
    from mkt.secrets.supabase import SupabaseBackend

    sealed = SupabaseBackend(build_sealed_rows(settings), build_sealing_keys(settings))
    return [EnvBackend(file=settings.root / ".env"), FileBackend(settings.root), build_keyring(), sealed]


def build_sealed_rows(settings: "ProjectSettings") -> "SealedRows":
    """Return the table of sealed values. Nothing is opened."""
    from mkt.secrets.sealed_rows import SealedRows

    return SealedRows(partial(build_supabase, settings))


def build_sealing_keys(settings: "ProjectSettings") -> "SealingKeys":
    """Return the keys of sealed values. Nothing is read."""
    from mkt.secrets.env import EnvBackend
    from mkt.secrets.sealing_keys import SealingKeys

    return SealingKeys(EnvBackend(file=settings.root / ".env"), build_keyring())


def build_keyring() -> "SecretBackend":
    """Return the system's keyring."""
    from mkt.secrets.keyring import KeyringBackend

    return KeyringBackend()


@contextmanager
def open_telemetry(
    settings: "ProjectSettings", store: "Store", sinks: "Sequence[Sink]" = (), *, keep_events: bool = True
) -> "Iterator[Telemetry]":
    """Send events to `sinks` and, unless they are not to be kept, to the store and the log file."""
    from mkt.telemetry.base import Telemetry
    from mkt.telemetry.logfile import LogFileSink
    from mkt.telemetry.store import StoreSink

    kept: list[Sink] = [StoreSink(store)] if keep_events else []
    if keep_events and settings.log_file:
        kept.append(LogFileSink(settings.path(settings.log_file)))
    with closing(Telemetry([*sinks, *kept])) as telemetry:
        yield telemetry


@contextmanager
def open_engine(
    installation: Installation,
    concurrency: int | None = None,
    sinks: "Callable[[Store], Sequence[Sink]]" = lambda _: (),
    *,
    keep_events: bool = True,
) -> "Iterator[Engine]":
    """Build the engine and close what it opened. `sinks` get the events besides store and log file, or alone."""
    from mkt.engine.base import Engine, Stop
    from mkt.runtime.factory import Runtimes

    settings = build_settings(installation, concurrency)
    source, stop = build_source(settings), Stop()
    with (
        closing(build_store(settings)) as store,
        open_telemetry(settings, store, sinks(store), keep_events=keep_events) as telemetry,
    ):
        yield Engine(
            registry=build_registry(),
            source=source,
            secrets=build_secrets(settings),
            store=store,
            telemetry=telemetry,
            runtimes=Runtimes(
                settings.root, allowed_hosts=settings.hosts.allow, budgets=store.budgets, stop=stop.event
            ),
            settings=settings,
            stop=stop,
        )


def _yaml(settings: "ProjectSettings") -> "ConfigSource":
    from mkt.configs.yaml import YamlSource
    from mkt.settings import is_folder

    folder = settings.path(settings.config_dir)
    if not is_folder(folder):
        # Before a store is made: a project that has no configs is the wrong folder more often than a new one.
        raise StartError(f"{folder} is no folder of configs", remedy="Name the folder with --config-dir.")
    return YamlSource(folder, settings.root, settings.defaults)


def _supabase(settings: "ProjectSettings") -> "ConfigSource":
    client = build_supabase(settings)  # what is missing is said before anything else
    from mkt.configs.supabase import SupabaseSource

    return SupabaseSource(client, settings.defaults)


def build_supabase(settings: "ProjectSettings") -> "Callable[[], AbstractContextManager[SupabaseClient]]":
    """Return what opens a client of the project's Supabase; raise `StartError` where that is not set up."""
    from mkt.runtime.supabase_access import find_access

    access = find_access(settings.root)
    try:
        from mkt.runtime.supabase import open_supabase
    except ModuleNotFoundError as error:
        raise StartError(
            f"the client of Supabase is not installed: {error.name} is missing",
            remedy=f"Install it: {quote(sys.executable)} -m pip install 'mkt-connectors[supabase]'",
        ) from None
    return lambda: open_supabase(access, say_slow)


@cache
def say_slow(host: str) -> None:
    """Tell whoever waits what for, once; the error comes when the last try has failed, after two minutes perhaps."""
    with suppress(OSError):
        typer.echo(f"mkt: no answer from Supabase ({host}) yet; still waiting", err=True)


def store_folder(settings: "ProjectSettings") -> "Path":
    """Return where mkt keeps on this machine what it stores, or what waits for Supabase."""
    scheme, _, place = settings.store.partition(":")
    return _sqlite_path(settings, place if scheme == "sqlite" else "").parent


def _sqlite_path(settings: "ProjectSettings", place: str) -> "Path":
    return settings.path(place or ".mkt/mkt.db")


def _sqlite(settings: "ProjectSettings", place: str) -> "Store":
    from mkt.store.sqlite import SqliteStore

    return SqliteStore.open(_sqlite_path(settings, place))


def _supabase_store(settings: "ProjectSettings", place: str) -> "Store":
    if place:
        raise StartError(
            f"there is no store 'supabase:{place}'",
            remedy="Write supabase alone: SUPABASE_URL says which project.",
        )
    opening = build_supabase(settings)
    from mkt.store.supabase.store import SupabaseStore

    return SupabaseStore.open(opening(), settings.root / ".mkt")


def _sqlite_source(settings: "ProjectSettings", place: str) -> "AbstractContextManager[CopySource]":
    from mkt.store.sqlite.copying import open_source

    return open_source(_sqlite_path(settings, place))


def _sqlite_target(settings: "ProjectSettings", place: str) -> "AbstractContextManager[CopyTarget]":
    from mkt.store.sqlite.copying import open_target

    return open_target(_sqlite_path(settings, place))


def _supabase_source(settings: "ProjectSettings", _: str) -> "AbstractContextManager[CopySource]":
    opening = build_supabase(settings)
    from mkt.runtime.supabase_access import find_access
    from mkt.store.supabase.copying import open_source

    return open_source(opening(), find_access(settings.root).url)


def _supabase_target(settings: "ProjectSettings", _: str) -> "AbstractContextManager[CopyTarget]":
    opening = build_supabase(settings)
    from mkt.runtime.supabase_access import find_access
    from mkt.store.supabase.copying import open_target

    return open_target(opening(), find_access(settings.root).url)


def _chosen(known: Mapping[str, T], setting: str, name: str) -> T:
    if name not in known:
        raise StartError(f"there is no {setting} {name!r}", remedy=f"Known: {', '.join(sorted(known))}.")
    return known[name]


SOURCES: Final[Mapping[str, "Callable[[ProjectSettings], ConfigSource]"]] = {"yaml": _yaml, "supabase": _supabase}
STORES: Final[Mapping[str, "Callable[[ProjectSettings, str], Store]"]] = {
    "sqlite": _sqlite,
    "supabase": _supabase_store,
}
COPY_SOURCES: Final[Mapping[str, "Callable[[ProjectSettings, str], AbstractContextManager[CopySource]]"]] = {
    "sqlite": _sqlite_source,
    "supabase": _supabase_source,
}
COPY_TARGETS: Final[Mapping[str, "Callable[[ProjectSettings, str], AbstractContextManager[CopyTarget]]"]] = {
    "sqlite": _sqlite_target,
    "supabase": _supabase_target,
}
