from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.connectors.workday_hris.columns import Columns, present_columns
from mkt.connectors.workday_hris.values import is_active, iso_date, iso_moment, several, text

TODAY = date(2026, 11, 22)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("000123", "000123"),
        (" a ", "a"),
        (True, "1"),
        (False, "0"),
        (45, "45"),
        (None, ""),
        ([{"descriptor": "Finance", "id": "1"}, {"Descriptor": "Sales"}], "Finance; Sales"),
        ({"ID": "no descriptor"}, ""),
    ],
)
def test_a_value_becomes_text(value: object, expected: str) -> None:
    assert text(value) == expected


@given(json_values)
def test_any_json_becomes_text(value: object) -> None:
    assert isinstance(text(value), str)


@given(st.lists(st.from_regex(r"[A-Za-z0-9_:-]+", fullmatch=True)))
def test_what_workday_joins_is_split_again(parts: list[str]) -> None:
    assert several("; ".join(parts)) == parts


@given(st.dates(), st.sampled_from(["", "-07:00", "+05:30", "Z", "T09:12:44.000-08:00", " 00:00:00"]))
def test_a_date_is_read_with_any_zone_or_time(day: date, suffix: str) -> None:
    assert iso_date(f"{day.isoformat()}{suffix}") == day.isoformat()


@given(st.text())
def test_what_is_no_date_is_none(value: str) -> None:
    found = iso_date(value)
    assert found == "" or value.startswith(found)
    assert iso_moment(value) in {"", value}


@pytest.mark.parametrize("value", ["01/31/2024", "2024-02-30", "2024-01-31x", "31 Jan 2024"])
def test_another_form_is_no_date(value: str) -> None:
    assert iso_date(value) == ""


@pytest.mark.parametrize(
    ("word", "hired", "left", "active"),
    [
        ("1", "2020-01-01", "", True),
        ("0", "2020-01-01", "", False),
        ("Active", "", "", True),
        ("Terminated", "", "2026-11-21", False),
        ("Terminated", "2020-01-01", "2026-11-23", True),  # has given notice
        ("Active", "2026-11-23", "", False),  # is still to come
        ("1", "2026-11-22", "", True),  # begins today
        ("", "2020-01-01", "2026-11-22", False),  # leaves today
        ("", "2026-01-01", "2019-01-01", True),  # was rehired
        ("Garden Leave", "2020-01-01", "", True),
        ("Garden Leave", "2020-01-01", "2026-11-01", False),
    ],
)
def test_who_is_active_follows_from_word_and_dates(word: str, hired: str, left: str, *, active: bool) -> None:
    assert is_active(word, hired, left, today=TODAY, dated=True) is active


def test_without_word_and_dates_nobody_knows() -> None:
    assert is_active("", "2020-01-01", "", today=TODAY, dated=False) is None
    assert is_active("Garden Leave", "2020-01-01", "", today=TODAY, dated=False) is None


@given(st.sampled_from(["", "1", "0", "Terminated", "?"]), st.integers(1, 4000), st.booleans())
def test_nobody_is_active_before_the_hire_date_or_inactive_before_the_termination_date(
    word: str, days: int, dated: bool
) -> None:
    later = (TODAY + timedelta(days=days)).isoformat()
    assert is_active(word, later, "", today=TODAY, dated=dated) is False
    assert is_active(word, "2020-01-01", later, today=TODAY, dated=dated) is True


def test_the_tenants_alias_goes_before_the_contracts() -> None:
    row = {"Employee_ID": "1", "Email": "contract", "Work_Mail": "chosen", "Job_Title": "Analyst"}
    assert Columns({"email": "Work_Mail"}).texts(row)["email"] == "chosen"
    assert Columns({}).texts(row)["email"] == "contract"
    assert Columns({}).texts(row)["title"] == "Analyst"


def test_a_value_is_found_in_a_group_of_several() -> None:
    row = {"Employee_ID": "1", "Orgs_group": [{"Org": "A"}, {"Other": "x"}, {"Org": "B"}]}
    assert Columns({"org_unit_id": "Org"}).texts(row)["org_unit_id"] == "A; B"
    assert present_columns([row]) == {"Employee_ID", "Orgs_group", "Org", "Other"}


def test_a_column_is_missing_only_where_no_row_has_it() -> None:
    columns = Columns({"title": "Job", "email": "Mail", "termination_date": "Gone"})
    present = present_columns([{"Employee_ID": "1", "Job": "Analyst"}, {"Employee_ID": "2"}])
    assert columns.missing(present) == {"email": "Mail"}
    assert Columns({}).missing({"Email"}) == {"external_id": "Employee_ID"}


def test_a_chosen_status_decides_who_is_active() -> None:
    assert Columns({"status": "State"}).texts({"State": "Terminated"})["active"] == "Terminated"


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=6))
def test_only_mapped_columns_are_read(row: dict[str, object]) -> None:
    assert set(Columns({"email": "\0never"}).texts({**row, "National_ID": "000-00-0001"}).values()).isdisjoint(
        {"000-00-0001"}
    )
