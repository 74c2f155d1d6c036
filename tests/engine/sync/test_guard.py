from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import Guard
from mkt.engine.sync.guard import over_limit
from mkt.store.base import StreamChanges

GUARD = Guard(max_delete_percent=10, max_change_percent=75, ignore_below=20)


def reasons(**change: int | bool) -> list[str]:
    fields = {"live": 100, "seen": 100, "listed": True, **change}
    return over_limit(GUARD, {"people": StreamChanges(**fields)})  # type: ignore[arg-type]


def test_ten_percent_deleted_is_still_within_the_limit() -> None:
    assert reasons(deleted=10) == []


def test_eleven_percent_deleted_is_over_it() -> None:
    assert reasons(deleted=11) == ["people: 11 of 100 would be deleted (11 %, limit 10 %)"]


def test_an_absence_counts_at_its_first_sight() -> None:
    assert reasons(deleted=6, absent=6) == ["people: 12 of 100 would be deleted (12 %, limit 10 %)"]


def test_too_many_updates_are_over_the_change_limit() -> None:
    assert reasons(updated=76) == ["people: 76 of 100 would be changed (76 %, limit 75 %)"]


def test_creates_never_count() -> None:
    assert reasons(created=1_000_000) == []


def test_a_small_stream_has_no_percentages() -> None:
    assert reasons(live=19, deleted=18, updated=19) == []


def test_an_empty_listing_after_a_full_one_is_over_however_small_the_stream() -> None:
    assert reasons(live=1, seen=0, absent=1) == ["people: the partner listed none, 1 are stored"]


def test_a_stream_that_was_not_listed_may_be_empty() -> None:
    assert reasons(seen=0, listed=False) == []


def test_changed_settings_waive_the_change_limit_but_never_the_delete_limit() -> None:
    changes = {"people": StreamChanges(live=100, seen=100, listed=True, updated=100, deleted=50)}
    assert over_limit(GUARD, changes, waive_changes=True) == ["people: 50 of 100 would be deleted (50 %, limit 10 %)"]


@given(live=st.integers(20, 10**6), share=st.integers(0, 100))
def test_the_limit_is_a_share_of_the_live_records_before(live: int, share: int) -> None:
    deleted = live * share // 100
    changes = {"people": StreamChanges(live=live, seen=1, listed=True, deleted=deleted)}
    assert bool(over_limit(GUARD, changes)) == (deleted * 100 > 10 * live)
