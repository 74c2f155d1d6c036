"""What `tenants add`, `tenants remove`, `enable` and `disable` have done."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType

from mkt.contract import ConnectorConfiguration
from mkt.engine.pause import PAUSED_AFTER
from mkt.engine.tenants.switch import Switched
from mkt.output.text import line, next_command


def added_object(tenant: str, path: str, missing: dict[str, list[str]]) -> dict[str, Any]:
    """Return a new tenant: its file, and of each integration the settings that have to be filled in."""
    integrations = [{"integration": name, "missing": settings} for name, settings in missing.items()]
    return {"tenant": tenant, "path": path, "integrations": integrations, "next": _after_adding(tenant)}


def added_page(tenant: str, path: str, missing: dict[str, list[str]]) -> Iterator[RenderableType]:
    """Say what to fill in, and what to do then, in this order."""
    yield line(f"wrote {path}; its integrations are disabled until `mkt enable`")
    for name, settings in missing.items():
        if settings:
            yield line(f"  {tenant}/{name}: fill in {', '.join(settings)}")
    for command in _after_adding(tenant):
        yield next_command(command)


def _after_adding(tenant: str) -> list[str]:
    return [f"mkt handover {tenant}", f"mkt secrets list {tenant}", f"mkt verify {tenant}", f"mkt enable {tenant}"]


def removed_object(tenant: str, path: str | None, *, purged: bool) -> dict[str, Any]:
    """Return what is gone; `path` is null where there was no file any more."""
    return {"tenant": tenant, "path": path, "purged": purged}


def removed_page(tenant: str, path: str | None, *, purged: bool, sealed: bool = False) -> Iterator[RenderableType]:
    """Say what is gone and what stays; `sealed` secrets stood in the store."""
    yield line(f"removed {path}" if path else f"tenant {tenant} has no file")
    if purged:
        yield line(f"erased the records, runs, states and events of {tenant}")
    else:
        yield line("its records, runs, states and events stay in the store; --purge erases them for good")
    if sealed:
        yield line("erased its secrets in Supabase (supabase:NAME); those elsewhere stay where they are")
    else:
        yield line("secrets stay where they are")
    yield next_command("mkt tenants list")


def switched_object(switched: Switched) -> dict[str, Any]:
    """Return one integration as it is now."""
    configuration, rest = switched.configuration, switched.disabled
    until = rest.until.isoformat() if rest and rest.until else None
    return {
        "tenant": configuration.tenant,
        "integration": configuration.name,
        "connector": configuration.connector,
        "path": _path(configuration),
        "changed": switched.changed,
        "resumed": switched.resumed,
        "enabled": switched.enabled,
        "disabled": {"until": until, "reason": rest.reason} if rest else None,
    }


def switched_page(found: Sequence[Switched]) -> Iterator[RenderableType]:
    """One line an integration, those that were so already too."""
    for each in found:
        already = "" if each.changed else "already "
        resumed = ", no longer paused" if each.resumed else ""
        yield line(f"{each.configuration.target}: {already}{_state(each)}{resumed}  {_path(each.configuration)}")
    if any(each.resumed for each in found):
        yield line(
            f"The syncs go on as scheduled. {PAUSED_AFTER} failures in a row for what only a person can mend pause it"
            " again; whether it is mended, a verify tells with one try."
        )
    yield next_command(_after_switching(found))


def _after_switching(found: Sequence[Switched]) -> str:
    """Return the sync of what works or, where it was paused, first the verify."""
    if resumed := [each.configuration.target for each in found if each.resumed]:
        return f"mkt verify {' '.join(resumed)}"
    working = [each.configuration.target for each in found if each.enabled and each.disabled is None]
    return f"mkt sync {' '.join(working)} --now" if working else f"mkt status {found[0].configuration.target}"


def _state(switched: Switched) -> str:
    rest = switched.disabled
    if switched.enabled and rest is None:
        return "enabled"
    until = f" until {rest.until}" if rest and rest.until else ""
    return f"disabled{until}{f' ({rest.reason})' if rest and rest.reason else ''}"


def _path(configuration: ConnectorConfiguration) -> str:
    return configuration.origin.place.rpartition(":")[0]
