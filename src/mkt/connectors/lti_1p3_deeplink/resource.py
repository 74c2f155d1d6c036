"""A launch of something in a course: the course becomes known, and the person goes on to the content."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import CONTEXT, NAMES_AND_ROLES, PRESENTATION, is_id, mapping, text
from mkt.connectors.lti_1p3_deeplink.courses import remember_launched
from mkt.connectors.lti_1p3_deeplink.launch import Launch
from mkt.connectors.lti_1p3_deeplink.offer import is_offered
from mkt.connectors.lti_1p3_deeplink.pages import fill, page, redirect
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.connectors.lti_1p3_deeplink.tool import origins
from mkt.contract import WebhookRequest, WebhookResponse

_OPENED: Final = "The course is connected. This link leads to no content of its own yet: its teacher can add some."


def open_resource(launch: Launch, request: WebhookRequest, context: Context) -> WebhookResponse:
    """Note the course, and send the person to the content that the link leads to.

    The link's own address was signed by the platform and is followed only where we offered it; raise `LaunchRefused`
    for any other that is not ours.
    """
    _note_course(launch, context)
    if is_offered(context, launch.target):
        return redirect(HTTPStatus.SEE_OTHER, launch.target)
    if not launch.tool.is_own(launch.target):
        raise LaunchRefused(
            "lti.target_link_uri",
            "the link leads to nothing that is offered here, or no longer",
            status=404,
            advice="Ask the course's teacher to take the link out and to add the content anew.",
            received={"target link": launch.target},
        )
    back = text(mapping(launch.claims.get(PRESENTATION)).get("return_url"))
    frames = [*launch.tool.frames, *context.settings.frame_origins, *origins(back)]
    return page("Connected", fill("opened.html", text=_OPENED, reference=request.id), frames)


def _note_course(launch: Launch, context: Context) -> None:
    """Keep where the members of the course are listed: from now on they are synced."""
    course = mapping(launch.claims.get(CONTEXT))
    url = text(mapping(launch.claims.get(NAMES_AND_ROLES)).get("context_memberships_url"))
    if is_id(course.get("id")) and urlsplit(url).scheme in {"http", "https"}:
        remember_launched(context, course["id"], url, launch.deployment)
