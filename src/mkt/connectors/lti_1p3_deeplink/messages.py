"""What the simulated platforms say in a launch, each in its product's own way."""

import html
from collections.abc import Mapping
from typing import Any, Final

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.campus import Product, context_id, person_id_of

_INSTRUCTOR: Final = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"
_LIFETIMES: Final[Mapping[Product, int]] = {"canvas": 3600, "moodle": 60, "custom": 300}


def message(
    product: Product,
    *,
    course: int,
    deployment: str,
    target: str,
    members: str,
    return_url: str,
    now: int,
    deep_linking: bool,
) -> dict[str, Any]:
    """Return the claims of a launch by the first person, an instructor, without issuer, audience and nonce."""
    said: dict[str, Any] = {
        "sub": person_id_of(product, 1),
        "iat": now,
        "exp": now + _LIFETIMES[product],
        c.VERSION: c.LTI_VERSION,
        c.MESSAGE_TYPE: c.DEEP_LINKING_REQUEST if deep_linking else c.RESOURCE_LINK_REQUEST,
        c.DEPLOYMENT: deployment,
        c.TARGET: target,
        c.ROLES: [_INSTRUCTOR],
        c.CONTEXT: {"id": context_id(product, course), "title": f"Course {course}", "type": ["CourseSection"]},
        c.PRESENTATION: {"document_target": "iframe", "return_url": return_url},
    }
    if deep_linking:
        said[c.DEEP_LINKING] = {"deep_link_return_url": return_url, **_ACCEPTED[product]}
    else:
        said[c.RESOURCE_LINK] = {"id": f"link-{course}", "title": "A link"}
    if not (deep_linking and product == "moodle"):  # Moodle names the service in launches of resources alone
        said[c.NAMES_AND_ROLES] = {"context_memberships_url": members, "service_versions": ["2.0"]}
    return said


def form(action: str, fields: Mapping[str, str]) -> bytes:
    """Return the page that sends a launch on by itself, as platforms do."""
    inputs = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in fields.items())
    sending = "<script>document.forms[0].submit()</script>"
    page = f'<!doctype html><title>Launch</title><form method="post" action="{html.escape(action)}">{inputs}</form>'
    return f"{page}{sending}".encode()


_ACCEPTED: Final[Mapping[Product, Mapping[str, Any]]] = {
    "canvas": {
        "accept_types": ["link", "file", "html", "ltiResourceLink", "image"],
        "accept_presentation_document_targets": ["embed", "iframe", "window"],
        "accept_media_types": "image/*,application/pdf",
        "accept_multiple": True,
        "auto_create": False,
        "data": "eyJhbGciOiJIUzI1NiJ9.canvas.own",
    },
    "moodle": {
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["frame", "iframe", "window"],
        "accept_copy_advice": False,
        "accept_multiple": True,
        "accept_unsigned": False,
        "auto_create": False,
        "can_confirm": False,
    },
    "custom": {
        "accept_types": ["link", "ltiResourceLink"],
        "accept_presentation_document_targets": [],
        "accept_multiple": "false",
        "accept_lineitem": "false",
        "data": "",
    },
}
