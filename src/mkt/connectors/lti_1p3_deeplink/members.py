"""A member of a course (NRPS 2.0 section 2) becomes a person and a membership.

`status` is the member's in this course alone: an `Inactive` one is a person without the membership, and no person is
called active or inactive for it. Who is in several courses is listed in the scope of each with what that course
releases; where two release different things, the course whose address sorts last wins.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from mkt.connectors.lti_1p3_deeplink.roles import word
from mkt.contract import Record

Status = Literal["active", "inactive", "deleted"]
_PERSON: Final[Mapping[str, str]] = {
    "given_name": "given_name",
    "family_name": "family_name",
    "formatted_name": "name",
    "email": "email",
    "employee_number": "lis_person_sourcedid",
    "user_name": "ext_user_username",
}
"""Record field to the member's; the last one is Moodle's own."""


class Member(NamedTuple):
    """What is read of a member; `user_id` is empty for something that is none."""

    user_id: str
    status: Status
    role: str
    person: Mapping[str, str]


def read_member(said: Any) -> Member:
    """Read one entry of `members`."""
    if not isinstance(said, dict):
        return Member("", "active", "", {})
    roles = said.get("roles")
    person = {field: text for field, name in _PERSON.items() if (text := _text(said.get(name)))}
    role = word(roles if isinstance(roles, list) else [])
    return Member(_id(said.get("user_id")), _status(said.get("status")), role, person)


def membership_id(person: str, context: str) -> str:
    """Return the id of a person's membership in a course."""
    return f"{quote(person, safe='')}:{quote(context, safe='')}"


def records_of(member: Member, context: str) -> Iterator[Record]:
    """Yield a member's records; one without id stays visible, as records without id."""
    yield Record("people", member.user_id, member.person, scope=context)
    if member.status != "active":
        return
    data = {"person_id": member.user_id, "org_unit_id": context, "role": member.role, "role_type": "primary"}
    external_id = membership_id(member.user_id, context) if member.user_id else ""
    yield Record("memberships", external_id, {k: v for k, v in data.items() if v}, scope=context)


def _status(said: Any) -> Status:
    """Read a status; what is absent or unknown is active (NRPS 2.0 section 2.3)."""
    match str(said).lower():
        case "inactive":
            return "inactive"
        case "deleted":
            return "deleted"
        case _:
            return "active"


def _id(value: Any) -> str:
    """Return an id letter by letter; it is a number on some platforms."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
