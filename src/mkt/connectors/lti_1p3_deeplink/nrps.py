"""A page of a member list (Names and Role Provisioning Services 2.0) and the links to others (RFC 8288)."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mkt.connectors.lti_1p3_deeplink.courses import Course
from mkt.connectors.lti_1p3_deeplink.explain import BAD_LINK, NO_MEMBERS
from mkt.connectors.lti_1p3_deeplink.members import Member, read_member
from mkt.contract import PartnerError, Response

MEDIA_TYPE: Final = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
"""Moodle takes this one alone, not in a list and not with application/json."""
MOST_PAGES: Final = 10_000
_PORTS: Final = {"http": 80, "https": 443}


class Page(NamedTuple):
    """What one answer says. `next` and `differences` are opaque addresses, empty where there are none."""

    context_id: str
    members: list[Member]
    next: str
    differences: str


class Trail:
    """The pages of one reading; raises `PartnerError` for a list that has no end."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._urls: set[str] = set()
        self._contents: set[int] = set()

    def follow(self, url: str) -> None:
        """Note an address before it is asked for."""
        if url in self._urls or len(self._urls) >= MOST_PAGES:
            raise self._endless("leads back to a page before it" if url in self._urls else f"has {MOST_PAGES} pages")
        self._urls.add(url)

    def note(self, members: Collection[Member]) -> None:
        """Note what a page holds."""
        content = hash(frozenset(member.user_id for member in members))
        if members and content in self._contents:
            raise self._endless("has the same members on two pages")
        self._contents.add(content)

    def _endless(self, what: str) -> PartnerError:
        return _bad_link(f"the member list at {self._course.place} has no end: it {what}")


def read_page(response: Response, course: Course) -> Page:
    """Read a page; raise `PartnerError` for what is none, or for a next page on another server.

    The token goes along to the next page, so it stays on the course's own server.
    """
    body = response.json()
    members = body.get("members") if isinstance(body, dict) else None
    if not isinstance(members, list):
        raise PartnerError(
            f"the member list at {course.place} has no `members`",
            remedy="Compare the address with `context_memberships_url` of a launch in this course.",
            code=NO_MEMBERS,
            actor="us",
        )
    following, differences = (response.links.get(relation, "") for relation in ("next", "differences"))
    if following and not same_origin(following, course.url):
        raise _bad_link(f"the next page of the member list at {course.place} is on another server")
    return Page(
        context_id=_context_id(body),
        members=[read_member(member) for member in members],
        next=following,
        differences=differences if differences and same_origin(differences, course.url) else "",
    )


def same_origin(one: str, other: str) -> bool:
    """Tell that scheme, host and port are the same."""
    return _origin(one) == _origin(other)


def _origin(text: str) -> tuple[str, str | None, int | None] | None:
    try:
        url = urlsplit(text)
        return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None


def _context_id(body: dict[str, Any]) -> str:
    context = body.get("context")
    found = context.get("id") if isinstance(context, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _bad_link(what: str) -> PartnerError:
    return PartnerError(
        what,
        remedy="Give the platform's support this line. Behind a proxy, a platform must know its own public address.",
        code=BAD_LINK,
    )
