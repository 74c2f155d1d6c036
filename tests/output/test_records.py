"""Records as JSON lines and as CSV."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import FIELDS
from mkt.output.csv import write_records
from mkt.output.json import write_document, write_lines
from mkt.output.objects import moment, record_object
from mkt.store.base import Key, StoredRecord

NOW = datetime(2026, 11, 22, 18, 0, 0, 123_000, tzinfo=UTC)
TEXT = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))


def _record(external_id: str = "1", **data: Any) -> StoredRecord:
    return StoredRecord(
        seq=7,
        key=Key("northwind", "crm"),
        stream="opportunities",
        external_id=external_id,
        data=data,
        first_seen_at=NOW,
        changed_at=NOW,
        deleted=False,
    )


def _rows(*records: StoredRecord) -> list[dict[str, str]]:
    out = io.StringIO()
    write_records(records, "opportunities", out)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def test_a_record_is_one_object_with_its_fields_under_data() -> None:
    assert record_object(_record(name="Deal")) == {
        "seq": 7,
        "tenant": "northwind",
        "integration": "crm",
        "stream": "opportunities",
        "external_id": "1",
        "changed_at": "2026-11-22T18:00:00.123Z",
        "first_seen_at": "2026-11-22T18:00:00.123Z",
        "deleted": False,
        "data": {"name": "Deal"},
    }


def test_times_are_utc_with_milliseconds() -> None:
    assert moment(NOW) == "2026-11-22T18:00:00.123Z"
    assert moment(None) is None


def test_csv_has_the_streams_fields_in_their_order() -> None:
    [row] = _rows(_record(name="Deal", is_won=True, products=["a", "b"], amount="10.50"))
    assert list(row)[:7] == ["seq", "tenant", "integration", "external_id", "changed_at", "first_seen_at", "deleted"]
    assert list(row)[7:] == list(FIELDS["opportunities"])
    assert (row["deleted"], row["is_won"], row["products"], row["amount"]) == (
        *("false", "true", '["a","b"]', "10.50"),
    )
    assert row["stage"] == ""


@given(external_id=TEXT, name=TEXT)
def test_any_text_survives_csv(external_id: str, name: str) -> None:
    [row] = _rows(_record(external_id, name=name))
    assert (row["external_id"], row["name"]) == (external_id, name)


@given(name=TEXT)
def test_any_text_survives_json_lines(name: str) -> None:
    out = io.BytesIO()
    write_lines([record_object(_record(name=name))] * 2, out)
    lines = out.getvalue().split(b"\n")
    assert [json.loads(line)["data"]["name"] for line in lines[:-1]] == [name, name]


def test_a_document_is_one_value_and_ends_its_line() -> None:
    out = io.BytesIO()
    write_document([{"a": 1}], out)
    assert json.loads(out.getvalue()) == [{"a": 1}]
    assert out.getvalue().endswith(b"\n")
