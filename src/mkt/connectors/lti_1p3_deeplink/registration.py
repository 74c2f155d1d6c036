"""Dynamic registration (LTI Dynamic Registration 1.0): the platform's administrator opens our one-time link there.

The platform tells the browser where its configuration is. That address is a stranger's word, so it is asked for only
with a link that the operator made, once, and only on a host that this integration's own configuration names. What
the platform answers is kept for the operator, who writes it into the file: nothing here changes a configuration.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError

from mkt.connectors.lti_1p3_deeplink.access import SCOPE, Context
from mkt.connectors.lti_1p3_deeplink.claims import DEEP_LINKING_REQUEST, RESOURCE_LINK_REQUEST, mapping, text
from mkt.connectors.lti_1p3_deeplink.forms import one
from mkt.connectors.lti_1p3_deeplink.nrps import same_origin
from mkt.connectors.lti_1p3_deeplink.pages import fill, page, redirect
from mkt.connectors.lti_1p3_deeplink.platforms import FAMILIES, endpoints, platform_root
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.connectors.lti_1p3_deeplink.tool import origins, root_of
from mkt.contract import (
    REGISTRATION,
    BearerAuth,
    Json,
    PartnerError,
    WebhookRequest,
    WebhookResponse,
    link_key,
)

_OF_PLATFORM: Final = "https://purl.imsglobal.org/spec/lti-platform-configuration"
_OF_TOOL: Final = "https://purl.imsglobal.org/spec/lti-tool-configuration"
_PLACEMENTS: Final = ("ContentArea", "link_selection", "assignment_selection")
"""Where content is added to a course, by the words of the specification and of Canvas."""
_NEXT: Final = "next"
"""Kept for the second link, the one that leads to the registration."""
_TO_GO_ON: Final = timedelta(minutes=1)
_CLAIMS: Final = ("iss", "sub", "name", "given_name", "family_name", "email")


def register(request: WebhookRequest, context: Context) -> WebhookResponse:
    """Register this tool with the platform that opened the link; without a platform, say where the link belongs.

    The link is used up in a request of its own, before the platform is asked: of two who open it at once one alone
    gets on to the next link.
    """
    key = link_key(request.path.strip("/").removeprefix("register/"))
    url, token = one(request.query, "openid_configuration"), one(request.query, "registration_token")
    frames = [*context.settings.frame_origins, *origins(context.secret("LTI_PLATFORM_URL"))]
    found = context.state.get(key)
    if found is None:
        raise _no_link()
    if not url:
        return page("Register this tool", fill("register.html"), frames)
    if context.state.take(key) != found:
        raise _no_link()  # another request has used it meanwhile
    if found != _NEXT:
        return _go_on(context, {"openid_configuration": url, "registration_token": token})
    given = _settings(context, *_ask(context, url, token))
    context.state.put(REGISTRATION, {"at": context.runtime.now().isoformat(), "settings": given})
    lines = "\n".join(f"{name}: {json.dumps(value)}" for name, value in given.items())
    body = fill("registered.html", target=context.configuration.target, lines=lines, reference=request.id)
    return page("Registered", body, frames)


def _go_on(context: Context, said: Mapping[str, str]) -> WebhookResponse:
    following = token_urlsafe(32)
    context.state.put(link_key(following), _NEXT, ttl=_TO_GO_ON)
    return redirect(HTTPStatus.SEE_OTHER, f"{root_of(context)}/register/{following}?{urlencode(said)}")


def _no_link() -> LaunchRefused:
    what = "this link was used before, has ended or was never given"
    advice = "Ask whoever gave it to you for a new one: each is good once."
    return LaunchRefused("lti.register_link", what, status=410, advice=advice)


def _ask(context: Context, url: str, token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the platform's configuration and its answer to our registration."""
    http, auth = context.runtime.http, BearerAuth(token) if token else None
    said = mapping(http.get(url, headers={"Accept": "application/json"}, auth=auth).json())
    _check_issuer(context, text(said.get("issuer")), url)
    place = text(said.get("registration_endpoint"))
    if not same_origin(place, url):  # the token was issued for that origin
        raise _wrong("its registration endpoint is on another server than its configuration")
    answer = http.request("POST", place, json=_about_us(context, said), auth=auth, idempotent=False)
    return said, mapping(answer.json())


def _check_issuer(context: Context, issuer: str, url: str) -> None:
    """Take an issuer of the configuration's own origin, or the product's one for all its customers (Canvas)."""
    shared = endpoints(context.settings, platform_root(context.secret("LTI_PLATFORM_URL")), "").issuer
    if not issuer or not (same_origin(issuer, url) or issuer == shared):
        raise _wrong("its issuer is on another server than its configuration")


def _about_us(context: Context, said: Mapping[str, Any]) -> dict[str, Json]:
    root, settings = root_of(context), context.settings
    scopes = said.get("scopes_supported")
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": f"{root}/login",
        "redirect_uris": [f"{root}/launch"],
        "client_name": settings.tool_name,
        "jwks_uri": f"{root}/jwks.json",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": SCOPE if not isinstance(scopes, list) or SCOPE in scopes else "",
        _OF_TOOL: {
            "domain": urlsplit(root).netloc,
            "target_link_uri": f"{root}/launch",
            "claims": list(_CLAIMS),
            "messages": _messages(root, settings, mapping(said.get(_OF_PLATFORM)).get("messages_supported")),
        },
    }


def _messages(root: str, settings: Settings, supported: object) -> list[Json]:
    """Return the messages that we take, each in the places that the platform has for it."""
    known = [mapping(each) for each in supported] if isinstance(supported, list) else []
    places = {text(each.get("type")): each.get("placements") for each in known}
    messages: list[Json] = []
    for kind in (RESOURCE_LINK_REQUEST, DEEP_LINKING_REQUEST):
        has = places.get(kind)
        chosen = [place for place in _PLACEMENTS if isinstance(has, list) and place in has]
        if kind in places or not places:
            message = {"type": kind, "target_link_uri": f"{root}/launch", "label": settings.tool_name}
            messages.append({**message, **({"placements": chosen} if chosen else {})})
    return messages


def _settings(context: Context, said: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Json]:
    """Return what the operator has to write under `settings`: what the preset does not say, and who we are there."""
    client_id = answer.get("client_id")
    if not isinstance(client_id, str | int) or not str(client_id):
        raise _wrong("it answered the registration without a client id")
    root = platform_root(context.secret("LTI_PLATFORM_URL"))
    product = mapping(said.get(_OF_PLATFORM)).get("product_family_code")
    platform = FAMILIES.get(text(product).lower(), context.settings.platform)
    token_url, deployment = text(said.get("token_endpoint")), mapping(answer.get(_OF_TOOL)).get("deployment_id")
    theirs = {
        "issuer": text(said.get("issuer")),
        "auth_url": text(said.get("authorization_endpoint")),
        "token_url": token_url,
        "jwks_url": text(said.get("jwks_uri")),
        "token_audience": text(said.get("authorization_server")) or token_url,
    }
    return {
        "platform": platform,
        "lti_platform_url": root,
        "lti_client_id": str(client_id),
        **({"deployment_ids": [str(deployment)]} if deployment else {}),
        **_other_than_preset(platform, root, str(client_id), theirs),
    }


def _other_than_preset(platform: str, root: str, client_id: str, theirs: Mapping[str, str]) -> dict[str, Json]:
    """Return the addresses that the product's preset does not give; raise `PartnerError` for what is no address."""
    try:
        whole = Settings.model_validate({"platform": platform, "deployment_ids": ["1"], **theirs})
    except ValidationError as error:
        wrong = ", ".join(str(each["loc"][0]) for each in error.errors() if each["loc"])
        raise _wrong(f"its configuration has no usable {wrong or 'addresses'}") from None
    preset = endpoints(Settings.model_construct(platform=whole.platform), root, client_id)
    known = {"token_audience": theirs["token_url"] if theirs["token_url"] != preset.token_url else preset.audience}
    known |= {name: getattr(preset, name) for name in theirs if name != "token_audience"}
    return {name: value for name, value in theirs.items() if value != known[name]}


def _wrong(what: str) -> PartnerError:
    return PartnerError(
        f"the platform's registration cannot be used: {what}",
        remedy="Register the tool by hand, with the addresses of `mkt handover`.",
        code="lti.registration",
    )
