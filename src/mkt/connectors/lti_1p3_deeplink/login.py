"""The first leg of a launch: third-party login (1EdTech Security Framework 1.0, section 5.1.1).

The platform sends the browser here, we send it back to the platform with a `state` and a `nonce`. Both are good once,
for ten minutes, for this browser: a cookie holds the third secret. The store keeps only what belongs to the digest of
a state, so that nobody who reads it can end a login that somebody else began; and little, since anybody may begin as
many as they like.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import is_id, mapping, text
from mkt.connectors.lti_1p3_deeplink.forms import Fields, cookie, fields_of, one
from mkt.connectors.lti_1p3_deeplink.offer import is_configured
from mkt.connectors.lti_1p3_deeplink.pages import redirect
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.connectors.lti_1p3_deeplink.tool import Tool
from mkt.contract import WebhookRequest, WebhookResponse

LIFETIME: Final = timedelta(minutes=10)
_TO_THE_ADMINISTRATOR: Final = "Tell the platform's administrator: the tool's registration there needs a look."
_ABOUT_COOKIES: Final = (
    "Browsers that block all cookies in frames do not let a link be opened inside the platform's page. Open it in a"
    " new window (ask the course's teacher to set the link so), or allow cookies for this site, and try again."
)
AGAIN: Final = "Go back to the course and open the link again."


def begin(request: WebhookRequest, context: Context) -> WebhookResponse:
    """Answer a login initiation by a redirect to the platform's authentication endpoint."""
    said, tool = fields_of(request), Tool.of(context)
    _check(said, tool, context)
    state, nonce, secret = (token_urlsafe(32) for _ in range(3))
    began = {
        "nonce": nonce,
        "secret": digest(secret),
        "target": digest(one(said, "target_link_uri")),
        "deployment": one(said, "lti_deployment_id"),
    }
    context.state.put(_key(state), began, ttl=LIFETIME)
    cookies = {"Set-Cookie": _cookie(state, secret, tool, LIFETIME)}
    return redirect(HTTPStatus.FOUND, _authentication(said, tool, state, nonce), cookies)


def finish(request: WebhookRequest, context: Context) -> Mapping[str, Any]:
    """Take what `begin` kept for the state that came back; raise `LaunchRefused` unless this browser began it.

    It is taken before a token is looked at: whoever repeats a launch costs us no signature and no request to the
    platform. Nobody else can spend it, since nobody else knows the state.
    """
    state = one(fields_of(request), "state")
    if not state:
        raise LaunchRefused("lti.state_missing", "the answer has no state", status=400, advice=AGAIN)
    secret = cookie(request, _name(state))
    if not secret:
        raise LaunchRefused("lti.cookie", "this browser did not send our cookie back", advice=_ABOUT_COOKIES)
    began = mapping(context.state.take(_key(state)))
    if not began:
        what = f"this login was used before, or is older than {LIFETIME.seconds // 60} minutes"
        raise LaunchRefused("lti.state", what, advice=AGAIN)
    if not hmac.compare_digest(text(began.get("secret")), digest(secret)):
        raise LaunchRefused("lti.state_foreign", "this login was begun in another browser", advice=AGAIN)
    return began


def is_known_deployment(settings: Settings, deployment: object) -> bool:
    """Tell a deployment that belongs to this tenant."""
    return settings.deployment_ids == "any" or deployment in settings.deployment_ids


def deployments(settings: Settings) -> str:
    """Return the deployments that belong to this tenant, in words."""
    return settings.deployment_ids if isinstance(settings.deployment_ids, str) else ", ".join(settings.deployment_ids)


def _check(said: Fields, tool: Tool, context: Context) -> None:
    for name in ("iss", "login_hint", "target_link_uri"):
        if not one(said, name):
            raise _refused("lti.login_parameter", f"the login has no {name}", "parameter", "", name)
    issuer, client_id = one(said, "iss"), one(said, "client_id") or tool.client_id
    deployment, target = one(said, "lti_deployment_id"), one(said, "target_link_uri")
    if issuer != tool.endpoints.issuer:
        raise _refused("lti.iss", "the login comes from another platform", "issuer", issuer, tool.endpoints.issuer)
    if client_id != tool.client_id:
        raise _refused("lti.client_id", "the login is for another client id", "client id", client_id, tool.client_id)
    if deployment and not (is_id(deployment) and is_known_deployment(context.settings, deployment)):
        known = deployments(context.settings)
        raise _refused("lti.deployment", "the login is of another deployment", "deployment", deployment, known)
    if not _may_be_opened(target, tool, context):
        ours = f"{tool.launch_url}, or the address of a content item"
        raise _refused("lti.target_link_uri", "the link does not lead to this tool", "target link", target, ours)


def _may_be_opened(target: str, tool: Tool, context: Context) -> bool:
    """Tell a link that a launch may lead to. The store is looked through when the platform has signed it, not now."""
    return tool.is_own(target) or is_configured(context, target) or not context.settings.content


def _refused(reason: str, message: str, name: str, received: str, expected: str) -> LaunchRefused:
    compared: dict[str, Any] = {"received": {name: received}, "expected": {name: expected}}
    return LaunchRefused(reason, message, status=400, advice=_TO_THE_ADMINISTRATOR, **compared)


def _authentication(said: Fields, tool: Tool, state: str, nonce: str) -> str:
    """Return the address of the authentication request (section 5.1.1.2)."""
    hint = {"lti_message_hint": one(said, "lti_message_hint")} if "lti_message_hint" in said else {}
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": tool.client_id,
        "redirect_uri": tool.launch_url,
        "login_hint": one(said, "login_hint"),
        **hint,
        "state": state,
        "nonce": nonce,
    }
    separator = "&" if urlsplit(tool.endpoints.auth_url).query else "?"
    return f"{tool.endpoints.auth_url}{separator}{urlencode(query, quote_via=quote)}"


def spent_cookie(request: WebhookRequest, tool: Tool) -> Mapping[str, str]:
    """Return the header that takes the cookie of a finished login away."""
    state = one(fields_of(request), "state")
    return {"Set-Cookie": _cookie(state, "", tool, timedelta(0))}


def _cookie(state: str, value: str, tool: Tool, lifetime: timedelta) -> str:
    """Return a cookie that comes back in a frame on the platform's page.

    `Partitioned` keeps it apart for that platform, and is how browsers without third-party cookies allow it.
    """
    path = urlsplit(tool.root).path or "/"
    flags = "Secure; HttpOnly; SameSite=None; Partitioned"
    return f"{_name(state)}={value}; Path={path}; Max-Age={int(lifetime.total_seconds())}; {flags}"


def _name(state: str) -> str:
    """Each login has a cookie of its own: several may be under way in one browser."""
    return f"__Secure-lti-{digest(state)[:12]}"


def _key(state: str) -> str:
    return f"lti.login.{digest(state)}"


def digest(text: str) -> str:
    """Return what stands in the store for something that came from outside."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
