"""One-time links and registrations as text and as objects."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text

from mkt.configs.flow import flow
from mkt.engine.tenants.links import OneTimeLink, Registered
from mkt.output.text import clean, line, next_command

if TYPE_CHECKING:
    from rich.console import RenderableType


def link_object(link: OneTimeLink) -> dict[str, Any]:
    """Return the link, which only who gets it may open."""
    return {"target": link.target, "url": link.url, "expires_at": link.expires_at.isoformat()}


def link_page(link: OneTimeLink) -> "Iterator[RenderableType]":
    """Show the link whole, in a line of its own: it is copied into a mail."""
    yield line(
        f"For the administrator of {link.target}'s platform, good once, until {link.expires_at:%Y-%m-%d %H:%M} UTC:"
    )
    yield Text(clean(link.url), no_wrap=True)
    yield line("They enter it as the tool's registration URL (dynamic registration). `mkt serve` must be running.")
    yield next_command(f"mkt lti register-link {link.target} --show")


def registered_object(found: Registered) -> dict[str, Any]:
    """Return what belongs into the tenant's file."""
    return {"target": found.target, "at": found.at, "settings": dict(found.settings)}


def registered_page(found: Registered, file: str) -> "Iterator[RenderableType]":
    """Show what belongs into the tenant's file, ready to be copied."""
    yield line(f"{found.target} was registered at {found.at[:16].replace('T', ' ')} UTC.")
    yield line(f"Write this under its `settings:` in {file}:")
    for name, value in found.settings.items():
        yield Text(clean(f"      {name}: {flow(value)}"), no_wrap=True)
    yield next_command(f"mkt verify {found.target}")
