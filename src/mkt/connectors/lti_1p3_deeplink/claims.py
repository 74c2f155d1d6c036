"""The claims of LTI messages by name (LTI 1.3 section 5.3, Deep Linking 2.0 section 4.4) and how they are read."""

import math
from collections.abc import Mapping
from typing import Any, Final

_LTI: Final = "https://purl.imsglobal.org/spec/lti/claim/"
_DEEP_LINKING: Final = "https://purl.imsglobal.org/spec/lti-dl/claim/"
MESSAGE_TYPE: Final = f"{_LTI}message_type"
VERSION: Final = f"{_LTI}version"
DEPLOYMENT: Final = f"{_LTI}deployment_id"
TARGET: Final = f"{_LTI}target_link_uri"
RESOURCE_LINK: Final = f"{_LTI}resource_link"
ROLES: Final = f"{_LTI}roles"
CONTEXT: Final = f"{_LTI}context"
PRESENTATION: Final = f"{_LTI}launch_presentation"
NAMES_AND_ROLES: Final = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
DEEP_LINKING: Final = f"{_DEEP_LINKING}deep_linking_settings"
CONTENT_ITEMS: Final = f"{_DEEP_LINKING}content_items"
DATA: Final = f"{_DEEP_LINKING}data"

RESOURCE_LINK_REQUEST: Final = "LtiResourceLinkRequest"
DEEP_LINKING_REQUEST: Final = "LtiDeepLinkingRequest"
DEEP_LINKING_RESPONSE: Final = "LtiDeepLinkingResponse"
LTI_VERSION: Final = "1.3.0"
LONGEST_ID: Final = 255

Claims = Mapping[str, Any]


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str:
    """Return a string, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """Return a time of a token in seconds; None for text, true and what is no time at all."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def flag(value: Any) -> bool | None:
    """Return a boolean, which some platforms write as text; None where nothing is said."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def is_id(value: Any) -> bool:
    """Tell an id as the specification has them: 1 to 255 ASCII characters."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isascii()
