"""Where each product has its endpoints (facts of the vendors' documentation), and where its admins turn things on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from mkt.connectors.lti_1p3_deeplink.settings import Product, Settings
from mkt.contract import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """One platform's endpoints; `audience` is the `aud` of token requests."""

    issuer: str
    auth_url: str
    token_url: str
    jwks_url: str
    audience: str = ""


class Hints(NamedTuple):
    """In whose screens, and by which words there, a thing is set."""

    client: str
    """Where the client id is shown."""
    key: str
    """Where our public keys are registered."""
    service: str
    """Where names and roles are allowed."""
    privacy: str
    """Where names and e-mail addresses are released."""


_CANVAS_KEY: Final = "Admin, Developer Keys, the LTI key"
_MOODLE_TOOL: Final = "Site administration, Plugins, External tool, Manage tools, the tool"
_BRIGHTSPACE: Final = "Admin Tools, Manage Extensibility, LTI Advantage"
HINTS: Final[Mapping[Product, Hints]] = {
    "canvas": Hints(
        "Admin, Developer Keys: the number under Details (the key must be ON)",
        f'{_CANVAS_KEY}, "Public JWK URL"',
        f'{_CANVAS_KEY}, "Can retrieve user data associated with the context the tool is installed in"',
        f'{_CANVAS_KEY}, "Privacy Level: Public"',
    ),
    "moodle": Hints(
        f"{_MOODLE_TOOL}'s configuration details: Client ID",
        f'{_MOODLE_TOOL}, "Public keyset"',
        f"{_MOODLE_TOOL}, Services, \"IMS LTI Names and Role Provisioning: Use this service to retrieve members' "
        'information as per privacy settings"',
        f'{_MOODLE_TOOL}, Privacy, "Share launcher\'s name" and "Share launcher\'s email": Always',
    ),
    "blackboard": Hints(
        "developer.blackboard.com, the application: Application ID",
        'developer.blackboard.com, the application, "Tool JWKS URL"',
        'LTI Tool Providers, the tool, "Allow Membership Service Access"',
        'LTI Tool Providers, the tool, "User Fields to Send"',
    ),
    "brightspace": Hints(
        f"{_BRIGHTSPACE}, the registration: Client ID",
        f'{_BRIGHTSPACE}, the registration, "Keyset URL"',
        f'{_BRIGHTSPACE}, the registration, extension "Names and Role Provisioning Services"',
        f'{_BRIGHTSPACE}, the deployment, Security Settings: "User Information" and "Org Unit Information"',
    ),
    "sakai": Hints(
        "Administration Workspace, External Tools, the tool: LTI 1.3 Client ID",
        'External Tools, the tool, "LTI 1.3 Tool Keyset URL"',
        'External Tools, the tool, "Provide Roster To External Tool"',
        'External Tools, the tool, "Send User Names" and "Send Email Addresses"',
    ),
    "openedx": Hints(
        "Studio, the LTI Consumer unit: Client ID",
        'Studio, the LTI Consumer unit, "Tool Public Key Mode: Keyset URL"',
        'Studio, the LTI Consumer unit, "Enable LTI NRPS"',
        "Course apps, LTI: share PII with this provider",
    ),
    "custom": Hints(
        "the tool's registration on the platform",
        "the tool's registration on the platform, its keyset URL",
        "the tool's registration on the platform, Names and Role Provisioning Services",
        "the tool's registration on the platform, privacy",
    ),
}
FAMILIES: Final[Mapping[str, Product]] = {
    "canvas": "canvas",
    "moodle": "moodle",
    "blackboardlearn": "blackboard",
    "desire2learn": "brightspace",
    "sakai": "sakai",
    "sakailms.org": "sakai",
    "openedx": "openedx",
}
"""`product_family_code`, in lower case, to the product."""


def platform_root(value: str) -> str:
    """Return LTI_PLATFORM_URL without a slash at its end; raise `ConfigError` for what is not a root."""
    root = value.strip().rstrip("/")
    url = urlsplit(root)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise ConfigError(
            "LTI_PLATFORM_URL is not the address of a platform",
            remedy="Write the address at which people open it, such as https://moodle.example.edu.",
            code="lti.platform_url",
        )
    return root


def endpoints(settings: Settings, root: str, client_id: str) -> Endpoints:
    """Return the product's endpoints with the settings' own in their place."""
    preset = _PRESETS[settings.platform](root, quote(client_id, safe=""))
    own = {
        name: value
        for name in ("issuer", "auth_url", "token_url", "jwks_url")
        if (value := getattr(settings, name)) is not None
    }
    chosen = replace(preset, **own)
    # A token endpoint of one's own is its own audience: the preset's belongs to the preset's endpoint.
    preset_audience = "" if settings.token_url else preset.audience
    return replace(chosen, audience=settings.token_audience or preset_audience or chosen.token_url)


def _canvas(root: str, _: str) -> Endpoints:
    """Hosted Canvas has one sign-on host and one issuer for all schools, beta and test ones of their own."""
    host = urlsplit(root).hostname or ""
    if not host.endswith(".instructure.com"):
        return _canvas_at("https://canvas.instructure.com", root)
    stage = next((f"{name}." for name in ("beta", "test") if f".{name}." in host), "")
    return _canvas_at(f"https://canvas.{stage}instructure.com", f"https://sso.{stage}canvaslms.com")


def _canvas_at(issuer: str, root: str) -> Endpoints:
    return Endpoints(
        issuer=issuer,
        auth_url=f"{root}/api/lti/authorize_redirect",
        token_url=f"{root}/login/oauth2/token",
        jwks_url=f"{root}/api/lti/security/jwks",
    )


def _moodle(root: str, _: str) -> Endpoints:
    return Endpoints(
        issuer=root,
        auth_url=f"{root}/mod/lti/auth.php",
        token_url=f"{root}/mod/lti/token.php",
        jwks_url=f"{root}/mod/lti/certs.php",
    )


def _blackboard(_: str, client_id: str) -> Endpoints:
    api = "https://developer.blackboard.com/api/v1"
    return Endpoints(
        issuer="https://blackboard.com",
        auth_url=f"{api}/gateway/oidcauth",
        token_url=f"{api}/gateway/oauth2/jwttoken",
        jwks_url=f"{api}/management/applications/{client_id}/jwks.json",
    )


def _brightspace(root: str, _: str) -> Endpoints:
    return Endpoints(
        issuer=root,
        auth_url=f"{root}/d2l/lti/authenticate",
        token_url="https://auth.brightspace.com/core/connect/token",  # noqa: S106 - an address
        jwks_url=f"{root}/d2l/.well-known/jwks",
        audience="https://api.brightspace.com/auth/token",
    )


def _sakai(root: str, _: str) -> Endpoints:
    return Endpoints(
        issuer=root,
        auth_url=f"{root}/imsoidc/lti13/oidc_auth",
        token_url="",
        jwks_url=f"{root}/imsblis/lti13/keyset",
    )


def _openedx(root: str, _: str) -> Endpoints:
    launch = f"{root}/api/lti_consumer/v1/launch/"
    return Endpoints(issuer=root, auth_url=launch, token_url="", jwks_url="")


def _custom(_: str, __: str) -> Endpoints:
    return Endpoints(issuer="", auth_url="", token_url="", jwks_url="")


_PRESETS: Final[Mapping[Product, Callable[[str, str], Endpoints]]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "blackboard": _blackboard,
    "brightspace": _brightspace,
    "sakai": _sakai,
    "openedx": _openedx,
    "custom": _custom,
}
