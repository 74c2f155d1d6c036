import json
import string
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.connectors.lti_1p3_deeplink.members import membership_id, read_member, records_of
from mkt.connectors.lti_1p3_deeplink.roles import CONTEXT, normalized, word
from mkt.contract import FIELDS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("user_id", "roles", "status", "name", "given_name", "family_name", "email", "lis_person_sourcedid")


@pytest.mark.parametrize(
    ("said", "uri"),
    [
        ("Learner", f"{CONTEXT}#Learner"),
        (" Instructor ", f"{CONTEXT}#Instructor"),
        (f"{CONTEXT}#Mentor", f"{CONTEXT}#Mentor"),
        (f"{CONTEXT}/Instructor#TeachingAssistant", f"{CONTEXT}/Instructor#TeachingAssistant"),
        ("urn:lti:role:ims/lis/Learner", f"{CONTEXT}#Learner"),
        ("urn:lti:role:ims/lis/Instructor/GuestInstructor", f"{CONTEXT}/Instructor#GuestInstructor"),
        ("urn:lti:sysrole:ims/lis/SysAdmin", "urn:lti:sysrole:ims/lis/SysAdmin"),
        ("https://school.example/roles#Prefect", "https://school.example/roles#Prefect"),
        ("", ""),
    ],
)
def test_roles_are_uris(said: str, uri: str) -> None:
    assert normalized(said) == uri


@given(st.text())
def test_a_normalized_role_stays_as_it_is(said: str) -> None:
    assert normalized(normalized(said)) == normalized(said)


@given(st.text(alphabet=string.ascii_letters, min_size=1))
def test_every_short_role_is_of_the_context_vocabulary(said: str) -> None:
    assert normalized(said) == f"{CONTEXT}#{said}"


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["Learner"], "learner"),
        ([f"{CONTEXT}#ContentDeveloper"], "content_developer"),
        ([f"{CONTEXT}/Instructor#TeachingAssistant"], "teaching_assistant"),
        (["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Staff", "Learner"], "learner"),
        (["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Staff"], "staff"),
        (["Instructor", "Learner"], "instructor"),
        (["urn:lti:sysrole:ims/lis/SysAdmin"], "sys_admin"),
        ([None, 5, "", "Learner"], "learner"),
        ([], ""),
    ],
)
def test_a_role_is_one_word_for_what_somebody_is_in_the_course(roles: list[Any], role: str) -> None:
    assert word(roles) == role


def test_a_member_becomes_a_person_and_a_membership_in_the_courses_scope() -> None:
    member = read_member(
        {
            "user_id": 17,
            "roles": ["Learner"],
            "name": "Amara Abe",
            "email": " amara@northwind.example ",
            "middle_name": "Ola",
            "picture": "https://x.example/a.png",
        }
    )
    person, membership = records_of(member, "course:1")
    assert (person.external_id, person.scope) == ("17", "course:1")
    assert person.data == {"formatted_name": "Amara Abe", "email": "amara@northwind.example"}
    assert (membership.external_id, membership.scope) == ("17:course%3A1", "course:1")
    assert membership.data == {
        "person_id": "17",
        "org_unit_id": "course:1",
        "role": "learner",
        "role_type": "primary",
    }


def test_an_inactive_member_is_a_person_without_the_membership() -> None:
    member = read_member({"user_id": "1", "roles": ["Learner"], "status": "Inactive"})
    assert [record.stream for record in records_of(member, "c")] == ["people"]


def test_an_id_is_kept_letter_by_letter() -> None:
    assert read_member({"user_id": " A/b "}).user_id == " A/b "


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_memberships_of_different_people_or_courses_have_different_ids(a: str, b: str, c: str, d: str) -> None:
    one, other = membership_id(a, b), membership_id(c, d)
    assert (one == other) == ((a, b) == (c, d))
    person, _, context = one.partition(":")
    assert (unquote(person), unquote(context)) == (a, b)


@given(st.one_of(JSON, st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON))))
def test_whatever_a_platform_says_becomes_records_of_texts(said: Any) -> None:
    for record in records_of(read_member(said), "c"):
        assert record.data.keys() <= FIELDS[record.stream].keys()
        assert all(isinstance(value, str) and value for value in record.data.values())
        assert isinstance(record.external_id, str)


@pytest.mark.parametrize(
    ("name", "people", "roles"),
    [
        (
            "specification",
            [
                {
                    "given_name": "Jane",
                    "family_name": "Doe",
                    "formatted_name": "Jane Q. Public",
                    "email": "jane@platform.example.edu",
                    "employee_number": "59254-6782-12ab",
                },
                {},
            ],
            ["instructor"],
        ),
        (
            "moodle",
            [
                {
                    "given_name": "Tessa",
                    "family_name": "Teacher",
                    "formatted_name": "Tessa Teacher",
                    "email": "tessa@northwind.example",
                    "user_name": "tessa",
                },
                {
                    "given_name": "Sam",
                    "family_name": "Student",
                    "formatted_name": "Sam Student",
                    "email": "sam@northwind.example",
                    "employee_number": "S-0004",
                    "user_name": "sam",
                },
            ],
            ["instructor", "learner"],
        ),
        (
            "canvas",
            [
                {
                    "given_name": "Sienna",
                    "family_name": "Howell",
                    "formatted_name": "Sienna Howell",
                    "email": "sienna@northwind.example",
                    "employee_number": "1238.8763.00",
                },
                {},
            ],
            ["learner", "instructor"],
        ),
    ],
)
def test_what_the_products_answer_is_read(name: str, people: list[dict[str, str]], roles: list[str]) -> None:
    answer = json.loads((Path(__file__).parent / "fixtures" / f"members_{name}.json").read_text())
    records = [record for member in answer["members"] for record in records_of(read_member(member), "c")]
    assert [record.data for record in records if record.stream == "people"] == people
    assert [record.data["role"] for record in records if record.stream == "memberships"] == roles
