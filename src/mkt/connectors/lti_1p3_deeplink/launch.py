"""The second leg of a launch: the platform's answer is checked, and becomes a launch to act on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mkt.connectors.lti_1p3_deeplink import login
from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import (
    DEEP_LINKING_REQUEST,
    DEPLOYMENT,
    LTI_VERSION,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    RESOURCE_LINK_REQUEST,
    ROLES,
    TARGET,
    VERSION,
    Claims,
    is_id,
    mapping,
    text,
)
from mkt.connectors.lti_1p3_deeplink.forms import fields_of, one
from mkt.connectors.lti_1p3_deeplink.id_token import IdToken
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.connectors.lti_1p3_deeplink.tool import Tool
from mkt.contract import WebhookRequest

_KNOWN: Final = (RESOURCE_LINK_REQUEST, DEEP_LINKING_REQUEST)


@dataclass(frozen=True, slots=True)
class Launch:
    """A message of the platform that may be believed."""

    tool: Tool
    claims: Claims

    @property
    def message_type(self) -> str:
        return text(self.claims[MESSAGE_TYPE])

    @property
    def deployment(self) -> str:
        return text(self.claims[DEPLOYMENT])

    @property
    def target(self) -> str:
        return text(self.claims[TARGET])


def receive(request: WebhookRequest, context: Context) -> Launch:
    """Check an answer of the platform by every rule; raise `LaunchRefused` by the first one that it breaks."""
    said, tool = fields_of(request), Tool.of(context)
    began = login.finish(request, context)
    if "error" in said:
        error = {"error": one(said, "error"), "description": one(said, "error_description")}
        what = "the platform did not let this person in"
        raise LaunchRefused("lti.platform_error", what, received=error, advice=login.AGAIN)
    if not one(said, "id_token"):
        raise LaunchRefused("lti.no_token", "the answer has no id_token", status=400, advice=login.AGAIN)
    token = IdToken(one(said, "id_token"), tool, context)
    claims = token.verify(text(began.get("nonce")))
    _check_message(token, began)
    return Launch(tool, claims)


def _check_message(token: IdToken, began: Mapping[str, Any]) -> None:
    """Check the claims that every message has (LTI 1.3 section 5.3)."""
    claims = token.claims
    version, message, target = (claims.get(name) for name in (VERSION, MESSAGE_TYPE, TARGET))
    if version != LTI_VERSION:
        raise token.refused("lti.version", "the message is of another version of LTI", version=(version, LTI_VERSION))
    if message not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise token.refused(
            "lti.message_type", "this tool does not know such messages", message_type=(message, known)
        )
    if not text(target) or login.digest(text(target)) != began.get("target"):
        compared = (target, "the one of the login")
        raise token.refused("lti.target_link_uri", "the link is another one than at the login", target_link=compared)
    _check_deployment(token, began)
    _check_person(token)


def _check_deployment(token: IdToken, began: Mapping[str, Any]) -> None:
    deployment = token.claims.get(DEPLOYMENT)
    if not is_id(deployment) or not login.is_known_deployment(token.context.settings, deployment):
        raise token.refused("lti.deployment", "the message is of a deployment that is not this tenant's")
    if began.get("deployment") and began["deployment"] != deployment:
        compared = (deployment, began["deployment"])
        raise token.refused("lti.deployment", "the deployment is another one than at the login", deployment=compared)


def _check_person(token: IdToken) -> None:
    """Check who it is; certification wants a launch of a resource refused that says neither who nor as what."""
    claims = token.claims
    subject, roles = claims.get("sub"), claims.get(ROLES)
    is_resource = claims.get(MESSAGE_TYPE) == RESOURCE_LINK_REQUEST
    if (subject is not None or is_resource) and not is_id(subject):
        raise token.refused("lti.sub", "the message does not say whose launch it is")
    if (roles is not None or is_resource) and not _is_list_of_text(roles):
        raise token.refused("lti.roles", "the message has no list of roles")
    if is_resource and not is_id(mapping(claims.get(RESOURCE_LINK)).get("id")):
        raise token.refused("lti.resource_link", "the message has no resource link")


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
