import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import Deleted, Record
from mkt.engine.sync.records import MAX_BYTES, BadRecordError, Encoder, encode

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def person(**data: Any) -> Record:
    return Record("people", "42", data)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record("people", "", {}), "no external id"),
        (Record("people", 42, {}), "external id is int, expected text"),  # type: ignore[arg-type]
        (Record("people", None, {}), "no external id"),  # type: ignore[arg-type]
        (Record("people", "4\0", {}), "NUL in the external id"),
        (Record("people", "4\ud800", {}), "a broken character in the external id"),
        (
            Record("people", "é" * 700, {}, scope="x" * 700),
            "2100 bytes of external id and scope, 2000 are the most",
        ),
        (Record("people", "x" * 2001, {}), "2001 bytes of external id and scope, 2000 are the most"),
        (person(active="yes"), "active is str, expected boolean"),
        (person(title=7), "title is int, expected text"),
        (person(title=True), "title is bool, expected text"),
        (person(salary="1"), "salary is no field of people"),
        (person(title="a\0b"), "NUL in a text"),
        (person(title="\ud800"), "a value or a text that JSON cannot hold"),
        (person(title="x" * MAX_BYTES), f"{MAX_BYTES + 12} bytes, {MAX_BYTES} are the most"),
        (Record("opportunities", "1", {"products": [{"x": "\0"}]}), "NUL in a text"),
    ],
)
def test_a_bad_record_is_refused_with_its_reason(record: Record, reason: str) -> None:
    with pytest.raises(BadRecordError, match=f"^{reason}$"):
        encode(record)


def test_a_backslash_u0000_in_plain_text_is_no_nul() -> None:
    assert orjson.loads(encode(person(title="\\u0000"))) == {"title": "\\u0000"}


def test_the_encoder_leaves_out_counts_and_says_where_without_values() -> None:
    encoder = Encoder()
    assert encoder.row(person(title="Head")) is not None
    assert encoder.row(person(title=["very secret"])) is None
    assert encoder.invalid == {"people": 1}
    assert encoder.listed == {"people": 2}
    assert encoder.places == {"people": ["record 2 of this run: title is list, expected text"]}


@pytest.mark.parametrize("external_id", ["4\0", "4\ud800", "x" * 2001])
def test_a_delete_of_an_id_that_no_record_can_have_is_none(external_id: str) -> None:
    assert Encoder.gone(Deleted("people", external_id)) is None


def test_only_the_first_places_are_kept() -> None:
    encoder = Encoder()
    for _ in range(100):
        encoder.row(Record("people", "", {}))
    assert encoder.invalid.total() == 100
    assert len(encoder.places["people"]) == 5


def test_a_deleted_record_has_no_document() -> None:
    row = Encoder.gone(Deleted("people", "42"))
    assert row is not None
    assert row.document is None


@given(given=texts, family=texts, active=st.booleans())
def test_equal_data_has_an_equal_digest_in_any_order(given: str, family: str, active: bool) -> None:
    encoder = Encoder()
    one = encoder.row(person(given_name=given, family_name=family, active=active))
    other = encoder.row(person(active=active, family_name=family, given_name=given))
    assert one is not None
    assert one == other


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_real_field_keeps_its_value(value: float) -> None:
    document = encode(Record("content_items", "1", {"mastery_score": value}))
    assert math.isclose(orjson.loads(document)["mastery_score"], value)
