"""What a platform knows us by: one integration's addresses and names, for one request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.keys import Key
from mkt.connectors.lti_1p3_deeplink.platforms import Endpoints, endpoints, platform_root
from mkt.contract import ConfigError

_MISSING: Final = "config.secret_missing"
_HOST: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
"""No address of IPv6: a Content-Security-Policy cannot name one."""


@dataclass(frozen=True, slots=True)
class Tool:
    """`root` is ours, `platform_url` the address at which people open the platform."""

    client_id: str
    endpoints: Endpoints
    root: str
    platform_url: str

    @classmethod
    def of(cls, context: Context) -> "Tool":
        """Raise `ConfigError` where something is missing."""
        client_id, platform_url = context.secret("LTI_CLIENT_ID"), platform_root(context.secret("LTI_PLATFORM_URL"))
        found = endpoints(context.settings, platform_url, client_id)
        return cls(client_id, found, root_of(context), platform_url)

    @property
    def launch_url(self) -> str:
        """The one redirect URI that is registered; platforms compare it letter by letter."""
        return f"{self.root}/launch"

    def is_own(self, url: str) -> bool:
        """Tell an address of ours."""
        return url == self.root or url.startswith(f"{self.root}/")

    @property
    def frames(self) -> Iterator[str]:
        """The origins whose pages may show ours in a frame, and take our forms."""
        for url in dict.fromkeys((self.platform_url, self.endpoints.issuer, self.endpoints.auth_url)):
            yield from origins(url)


def origins(url: str) -> Iterator[str]:
    """Yield an address's origin and those below its host.

    Open edX shows its courses on a subdomain of the one that launches, Brightspace some of its pages as well.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, f":{parts.port}" if parts.port else ""
    except ValueError:
        return
    if parts.scheme not in {"http", "https"} or not host or not set(host) <= _HOST:
        return
    yield f"{parts.scheme}://{host}{port}"
    if not host.replace(".", "").isdigit() and "." in host:
        yield f"{parts.scheme}://*.{host}{port}"


def root_of(context: Context) -> str:
    """Return our own address for this integration; raise `ConfigError` where nobody has said it."""
    root = context.settings.tool_url or context.root
    if not root:
        raise ConfigError(
            "nobody has said where platforms reach this installation: public_url is not set",
            remedy="Set `public_url` in mkt.toml to the address of `mkt serve` as it is seen from outside.",
            code="lti.no_public_url",
        )
    return root


def own_key(context: Context) -> Key:
    """Return the key that signs for us; raise `ConfigError` for one that cannot."""
    return Key.parse(context.secret("LTI_PRIVATE_KEY"), context.settings.kid)


def published_keys(context: Context) -> list[Key]:
    """Return the key that signs and, while keys are being rotated, the one that did before."""
    keys = [own_key(context)]
    try:
        previous = context.secret("LTI_PRIVATE_KEY_PREVIOUS")
    except ConfigError as error:
        if error.code != _MISSING:
            raise
        return keys
    return [*keys, Key.parse(previous, context.settings.previous_kid, name="LTI_PRIVATE_KEY_PREVIOUS")]
