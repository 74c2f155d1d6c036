"""Texts, numbers and sizes that trip up encoders and databases: what a record may be is the same in both stores."""

from typing import Any

import pytest
from tests.store.conftest import KEY, Clock, Syncs

from mkt.contract import ConnectorEvent, Record
from mkt.engine.sync.records import MAX_BYTES, Encoder
from mkt.store.base import Batch, EventQuery, Store

TEXTS = {
    "line separators": "a\u2028b\u2029c\x85d\x0b\x0c\x1c\r\n",
    "escapes": '\\u0000 \\ud800 \\\\ \\" / \b\f\t\x01\x1f\x7f',
    "beyond 16 bits": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0010ffff",
    "no characters": "\uffff\ufffe\ufeff",
    "combined": "e\u0301 \u00e9 \u202ertl\u202c",
    "like SQL": "'; drop table x; --$$ $1 %s {} :tenant ?",
    "like JSON": '{"a": null}',
    "empty": "",
}
NUMBERS = [0, -0.0, 1.0, 0.1, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 123456789012.5, -1.5e-7]
UNUSABLE = {
    "half a character": ("\ud83d", "JSON cannot hold"),
    "NUL": ("a\0b", "NUL in a text"),
    "escaped NUL": ("\\\0", "NUL in a text"),
    "too large": ("x" * MAX_BYTES, "1000000 are the most"),
    "5 MB": ("\u00e9" * 2_500_000, "1000000 are the most"),
}


def _load(syncs: Syncs, *records: Record) -> None:
    """Load records as the engine does; all of them must be usable."""
    encoder = Encoder()
    rows = [encoder.row(record) for record in records]
    assert not encoder.places
    writer = syncs.open(streams=("people", "content_items"))
    writer.write(Batch(rows=[row for row in rows if row]))
    writer.promote(syncs.clock.now())


def test_every_text_comes_back_as_it_was(syncs: Syncs) -> None:
    for _ in range(2):  # the second time the store finds out that nothing has changed
        _load(syncs, *(Record("people", text or "none", {"title": text}) for text in TEXTS.values()))
    found = {each.external_id: each.data["title"] for each in syncs.records()}
    assert found == {text or "none": text for text in TEXTS.values()}
    assert len({each.seq for each in syncs.records()}) == max(each.seq for each in syncs.records()) == len(TEXTS)


def test_every_number_is_the_same_number(syncs: Syncs) -> None:
    for _ in range(2):
        _load(syncs, *(Record("content_items", f"{n}", {"mastery_score": n}) for n in NUMBERS))
    assert [each.data["mastery_score"] for each in syncs.records(stream="content_items")] == NUMBERS
    assert max(each.seq for each in syncs.records(stream="content_items")) == len(NUMBERS)


@pytest.mark.parametrize(("text", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_no_store_takes_is_left_out_before_and_said(text: str, why: str) -> None:
    encoder = Encoder()
    assert encoder.row(Record("people", "a", {"title": text})) is None
    assert encoder.row(Record("people", "b", {"title": "b", "email": text})) is None
    assert [why in place for place in encoder.places["people"]] == [True, True]


def test_a_batch_of_the_largest_records_is_stored_and_read(syncs: Syncs) -> None:
    title = "x" * (MAX_BYTES - 40)
    _load(syncs, *(Record("people", f"{number}", {"title": f"{number}{title}"}) for number in range(12)))
    assert [each.data["title"] for each in syncs.records()] == [f"{number}{title}" for number in range(12)]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_event_says_what_it_said(store: Store, clock: Clock, text: str) -> None:
    nested: Any = text
    for _ in range(50):
        nested = [nested]
    given = ConnectorEvent(
        event="connector.message", message=text, timestamp=clock.now(), tenant=KEY.tenant, details={text: nested}
    )
    store.add_events([given])
    assert list(store.events(EventQuery())) == [given]
