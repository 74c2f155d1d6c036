"""LTI roles (LTI 1.3 core, appendix A.2): short names, URIs and the URNs of LTI 1.1 in one form, and our one word."""

import re
from collections.abc import Iterable
from typing import Any, Final

CONTEXT: Final = "http://purl.imsglobal.org/vocab/lis/v2/membership"
"""Vocabulary of what somebody is in a course."""
_URN: Final = re.compile(r"urn:lti:role:ims/lis/([A-Za-z]+)(?:/([A-Za-z]+))?", re.IGNORECASE)
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def normalized(role: str) -> str:
    """Return a role as a URI: `Learner` becomes `…/membership#Learner`. Other URIs stay as they are."""
    role = role.strip()
    if urn := _URN.fullmatch(role):
        principal, sub = urn.groups()
        return f"{CONTEXT}/{principal}#{sub}" if sub else f"{CONTEXT}#{principal}"
    return role if not role or ":" in role or "#" in role else f"{CONTEXT}#{role}"


def word(roles: Iterable[Any]) -> str:
    """Return what somebody is in the course, in one word: `learner`, `instructor`, `teaching_assistant`.

    It is the last part of the first role of the context vocabulary; where there is none, of the first role.
    """
    uris = [uri for role in roles if isinstance(role, str) and (uri := normalized(role))]
    chosen = next((uri for uri in uris if uri.startswith(CONTEXT)), uris[0] if uris else "")
    return _HUMPS.sub("_", re.split(r"[#/:]", chosen)[-1]).lower()
