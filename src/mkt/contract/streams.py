"""The closed list of streams and the fields of their records.

Names are the snake_case of the standard's: SCIM (RFC 7643) for people, OneRoster 1.2 for org units and
memberships, the CRM's usual words for the rest. A field the partner does not say is left out of a record.
References end in `_id`; dates are ISO 8601 text, money is a decimal text.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Stream = Literal[
    "people",
    "org_units",
    "memberships",
    "job_roles",
    "accounts",
    "contacts",
    "opportunities",
    "content_items",
]
FieldType = Literal["text", "boolean", "integer", "real", "list"]

STREAMS: Final[tuple[Stream, ...]] = get_args(Stream)


def _fields(texts: str, **others: FieldType) -> Mapping[str, FieldType]:
    return {**dict.fromkeys(texts.split(), "text"), **others}


FIELDS: Final[Mapping[Stream, Mapping[str, FieldType]]] = {
    "people": _fields(
        "employee_number user_name given_name family_name formatted_name email status title user_type"
        " manager_id department cost_center hire_date termination_date job_role_id job_role org_unit_id"
        " org_unit location last_modified",
        active="boolean",
    ),
    "org_units": _fields("name type identifier parent_id"),
    "memberships": _fields("person_id org_unit_id role role_type begin_date end_date", primary="boolean"),
    "job_roles": _fields("name"),
    "accounts": _fields("name domain industry parent_id owner"),
    "contacts": _fields("account_id given_name family_name email title"),
    "opportunities": _fields("account_id name stage amount currency close_date", is_won="boolean", products="list"),
    "content_items": _fields(
        "title type href parent_id standard standard_version launch_method move_on",
        position="integer",
        mastery_score="real",
    ),
}
