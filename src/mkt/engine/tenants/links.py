"""One-time links into an integration, and what came of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from mkt.contract import REGISTRATION, ConnectorConfiguration, JsonObject, Manifest, link_key
from mkt.errors import Refused
from mkt.store.base import Key, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """Whoever opens `url` before `expires_at` may do one thing, once."""

    target: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What a registration gave: `settings` belong into the tenant's file, which nobody but the operator writes."""

    target: str
    at: str
    settings: JsonObject


def integration_url(public_url: str, target: str) -> str:
    """Return where partners reach an integration; empty where nobody has said how they reach us."""
    return public_url and f"{public_url.rstrip('/')}/hooks/{target}"


def make_link(
    store: Store,
    configuration: ConnectorConfiguration,
    manifest: Manifest,
    *,
    public_url: str,
    now: datetime,
    valid: timedelta,
) -> OneTimeLink:
    """Make a registration link; raise `Refused` where the partner could not open it."""
    if manifest.category != "lti" or manifest.webhook.scheme == "none":
        raise Refused(
            f"{configuration.target} is no learning platform: {manifest.id} registers nowhere",
            remedy="Name an integration whose connector has the category lti: `mkt connectors list`.",
        )
    root = integration_url(public_url, configuration.target)
    if not root:
        raise Refused(
            "the link would lead nowhere: public_url is not set",
            remedy='Write into mkt.toml where `mkt serve` is reached from outside: public_url = "https://…".',
        )
    token, expires_at = token_urlsafe(32), now + valid
    key = Key(configuration.tenant, configuration.name)
    store.memory_put(key, link_key(token), {"made_at": now.isoformat()}, expires_at)
    return OneTimeLink(target=configuration.target, url=f"{root}/register/{token}", expires_at=expires_at)


def registered(store: Store, configuration: ConnectorConfiguration, now: datetime) -> Registered:
    """Return what the last registration gave; raise `Refused` where there was none."""
    found: Any = store.memory_get(Key(configuration.tenant, configuration.name), REGISTRATION, now)
    if not found:
        raise Refused(
            f"no platform has registered with {configuration.target} yet",
            remedy=f"Make a link for its administrator: mkt lti register-link {configuration.target}",
        )
    return Registered(target=configuration.target, at=found["at"], settings=found["settings"])
