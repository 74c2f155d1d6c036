"""What every store promises about looking at a staging before it is promoted."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.contract import Complete
from mkt.store.base import Batch, ChangedRecord, SyncWriter

from .conftest import Syncs, gone, row


def _staged(syncs: Syncs, *rows: Any, listing: Any = None, **options: Any) -> SyncWriter:
    writer = syncs.open(**options)
    completes = [] if listing is None else [Complete("people", "", listing)]
    writer.write(Batch(rows=list(rows), completes=completes))
    return writer


def _shown(writer: SyncWriter, limit: int = 10) -> list[tuple[str, str]]:
    return [(record.change, record.external_id) for record in writer.preview(limit)["people"]]


def test_a_preview_shows_what_goes_what_changes_and_what_comes(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "b"), row("3", "c"))
    writer = _staged(syncs, row("1", "a"), row("2", "B"), row("4", "d"), listing="snapshot")
    assert writer.preview(10)["people"] == [
        ChangedRecord(external_id="3", change="deleted", before={"title": "c"}, after=None),
        ChangedRecord(external_id="2", change="updated", before={"title": "b"}, after={"title": "B"}),
        ChangedRecord(external_id="4", change="created", before=None, after={"title": "d"}),
    ]


def test_what_the_partner_said_is_deleted_is_shown(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "b"))
    assert _shown(_staged(syncs, gone("2"))) == [("deleted", "2")]


def test_a_record_that_comes_back_is_created(syncs: Syncs) -> None:
    syncs.load(row("1", "a"))
    syncs.load(gone("1"))
    [shown] = _staged(syncs, row("1", "b")).preview(5)["people"]
    assert (shown.change, shown.before, shown.after) == ("created", None, {"title": "b"})


def test_the_first_ones_of_each_stream_are_shown(syncs: Syncs) -> None:
    syncs.streams = ("people", "org_units")
    syncs.load(row("0"))
    rows = [row(str(number), stream=stream) for number in range(1, 8) for stream in syncs.streams]
    found = _staged(syncs, *rows).preview(3)
    assert {stream: len(records) for stream, records in found.items()} == {"people": 3, "org_units": 3}
    assert [record.external_id for record in found["people"]] == ["1", "2", "3"]


def test_a_first_load_has_a_preview_in_a_dry_run_only(syncs: Syncs) -> None:
    assert _shown(_staged(syncs, row("1"), dry_run=True)) == [("created", "1")]
    assert _staged(syncs, row("1")).preview(5) == {}


def test_a_preview_changes_nothing(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "b"))
    writer = _staged(syncs, row("1", "A"), listing="snapshot")
    before = syncs.records()
    counts = writer.changes()
    writer.preview(1)
    assert (syncs.records(), writer.changes()) == (before, counts)
    assert writer.promote(syncs.clock.now()) == counts


IDS = st.sampled_from("abcdefgh")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(IDS, st.sampled_from("xy")),
    after=st.dictionaries(IDS, st.sampled_from("xy")),
    said=st.sets(IDS),
)
def test_a_preview_shows_exactly_what_is_counted(
    syncs: Syncs, before: dict[str, str], after: dict[str, str], said: set[str]
) -> None:
    syncs.load(*(row(key, value) for key, value in before.items()), *(gone(key) for key in "abcdefgh"), fresh=True)
    syncs.load(*(row(key, value) for key, value in before.items()))
    rows = [
        *(row(key, value) for key, value in after.items() if key not in said),
        *(gone(key) for key in sorted(said)),
    ]
    writer = _staged(syncs, *rows, listing="snapshot")
    shown = [change for change, _ in _shown(writer, 100)]
    counts = writer.changes()["people"]
    assert {kind: shown.count(kind) for kind in ("created", "updated", "deleted")} == {
        "created": counts.created,
        "updated": counts.updated,
        "deleted": counts.deleted,
    }
    writer.discard()
