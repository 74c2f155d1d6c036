"""What pydantic says, in our words."""

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, HttpUrl, TypeAdapter, ValidationError

from mkt.validation import PAIRS, expected, in_words


def _small(value: int) -> int:
    if value > 1:
        raise ValueError("Moodle's answer is not 42")
    return value


def _message(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_python(value)
    return error.value.errors()[0]["msg"]


def _of_json(kind: Any, value: object) -> str:
    """Return the message for the same in JSON, where pydantic has other names."""
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_json(json.dumps(value))
    return error.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("kind", "value", "ours"),
    [
        (str, 1, "text"),
        (int, "x", "a whole number"),
        (int, 1.5, "a whole number"),
        (float, "x", "a number"),
        (Decimal, "x", "a number"),
        (Decimal, [], "a number"),
        (bool, "maybe", "true or false"),
        (list[str], 1, "a list"),
        (tuple[str, ...], "x", "a list"),
        (frozenset[str], 1, "a list"),
        (dict[str, str], 1, PAIRS),
        (date, "x", "a date such as 2027-01-07"),
        (HttpUrl, "x", "a URL such as https://partner.example.com"),
        (HttpUrl, "ftp://x", "a URL such as https://partner.example.com"),
        (None, 1, "empty"),
    ],
)
def test_the_kind_of_a_value_has_one_name_in_files_and_in_options(kind: Any, value: object, ours: str) -> None:
    for message in (_message(kind, value), _of_json(kind, value)):
        assert expected(message) == ours
        assert in_words(message) == f"must be {ours}"


@pytest.mark.parametrize(
    ("kind", "value", "ours"),
    [
        (Annotated[int, Field(ge=1)], 0, "must be at least 1"),
        (Annotated[int, Field(le=9)], 10, "must be at most 9"),
        (Annotated[int, Field(gt=0)], 0, "must be more than 0"),
        (Annotated[int, Field(lt=9)], 9, "must be less than 9"),
        (Literal["a", "b"], "c", "must be 'a' or 'b'"),
        (Annotated[str, Field(min_length=2)], "x", "must have at least 2 characters"),
        (Annotated[int, AfterValidator(_small)], 42, "Moodle's answer is not 42"),
    ],
)
def test_a_bound_is_said_shortly_and_our_own_words_stay(kind: Any, value: object, ours: str) -> None:
    message = _message(kind, value)
    assert expected(message) is None
    assert in_words(message) == ours


def test_what_is_not_pydantics_stays_as_it_is() -> None:
    assert in_words("'abc' is no duration such as 90s") == "'abc' is no duration such as 90s"
