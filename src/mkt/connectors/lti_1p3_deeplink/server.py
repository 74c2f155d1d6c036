"""What `mkt serve` hands to an LTI integration: which path is what, and a page for everything that goes wrong."""

import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from mkt.connectors.lti_1p3_deeplink import login, picker, registration
from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import DEEP_LINKING_REQUEST
from mkt.connectors.lti_1p3_deeplink.launch import receive
from mkt.connectors.lti_1p3_deeplink.pages import refusal_page
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.connectors.lti_1p3_deeplink.resource import open_resource
from mkt.connectors.lti_1p3_deeplink.tool import Tool, published_keys
from mkt.contract import ConfigError, ConnectorError, TransientError, WebhookRequest, WebhookResponse

_KEYS_ARE_GOOD_FOR: Final = 600
"""Seconds. Platforms read our keys again when they meet one that they do not know, but not all of them do."""


def answer(request: WebhookRequest, context: Context) -> WebhookResponse:
    """Answer one request of a browser or a platform. Nothing that comes in makes this raise."""
    try:
        return _handler(request)(request, context)
    except LaunchRefused as refused:
        return _refuse(refused, request, context)
    except ConnectorError as error:
        return _refuse(_as_refusal(error), request, context)


def _handler(request: WebhookRequest) -> Callable[[WebhookRequest, Context], WebhookResponse]:
    path = request.path.strip("/")
    if path.startswith("register/"):
        methods, handler = _PATHS["register"]
    elif path in _PATHS and path != "register":
        methods, handler = _PATHS[path]
    else:
        raise LaunchRefused("lti.path", "there is no such page", status=404, received={"path": path})
    if request.method not in methods:
        received = {"method": request.method}
        raise LaunchRefused("lti.method", "this page is not opened like that", status=405, received=received)
    return handler


def _launch(request: WebhookRequest, context: Context) -> WebhookResponse:
    launch = receive(request, context)
    is_picking = launch.message_type == DEEP_LINKING_REQUEST
    shown = picker.begin(launch, context) if is_picking else open_resource(launch, request, context)
    headers = {**shown.headers, **login.spent_cookie(request, launch.tool)}
    return WebhookResponse(shown.status, headers, shown.body)


def _jwks(_: WebhookRequest, context: Context) -> WebhookResponse:
    body = json.dumps({"keys": [dict(key.public) for key in published_keys(context)]})
    headers = {"Content-Type": "application/json", "Cache-Control": f"public, max-age={_KEYS_ARE_GOOD_FOR}"}
    return WebhookResponse(HTTPStatus.OK, headers, body.encode())


def _as_refusal(error: ConnectorError) -> LaunchRefused:
    """Say of an error of ours or of the platform only that there is one: the ledger has the rest."""
    status = (
        HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, TransientError | ConfigError) else HTTPStatus.BAD_GATEWAY
    )
    return LaunchRefused(
        error.code,
        "this tool cannot answer just now",
        status=status,
        advice="Try again in a minute. If it stays, tell whoever runs this tool, with the reference below.",
        cause=f"{error.message} -> {error.remedy}",
    )


def _refuse(refused: LaunchRefused, request: WebhookRequest, context: Context) -> WebhookResponse:
    shown = refusal_page(refused, request.id, _frames(context))
    return WebhookResponse(shown.status, shown.headers, shown.body, refusal=refused.for_ledger())


def _frames(context: Context) -> Iterator[str]:
    """Yield who may show a refusal, as far as the configuration says it."""
    try:
        yield from Tool.of(context).frames
    except ConnectorError:
        return
    yield from context.settings.frame_origins


_PATHS: Final[Mapping[str, tuple[frozenset[str], Callable[[WebhookRequest, Context], WebhookResponse]]]] = {
    "login": (frozenset({"GET", "POST"}), login.begin),
    "launch": (frozenset({"POST"}), _launch),
    "pick": (frozenset({"GET", "POST"}), picker.resume),
    "jwks.json": (frozenset({"GET", "HEAD"}), _jwks),
    "register": (frozenset({"GET"}), registration.register),
}
