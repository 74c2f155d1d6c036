"""What a partner, a connector or a clock does wrong: each ends in something that a person can act on.

What goes through the front door stands in `tests/cli/test_bad_input.py`, a full disk in `tests/cli/test_crash.py`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.engine.rig import MANIFEST, Context, Rig, ScriptedConnector, configuration, people

from mkt.contract import (
    Change,
    Checkpoint,
    Complete,
    Json,
    Manifest,
    PartnerError,
    Record,
    Schedule,
    TransientError,
)
from mkt.engine.report import Failure, Result
from mkt.engine.sync import endless
from mkt.registry import ConnectorRegistry

CROWD = tuple(f"p{number}" for number in range(500))


def failure(result: Result) -> Failure:
    assert result.outcome == "failed"
    assert result.failure is not None
    return result.failure


# a bad record


BAD_RECORDS = {
    "without an id": (Record("people", "", {}), "no external id"),
    "with an id that is no text": (Record("people", 7, {}), "external id is int, expected text"),  # type: ignore[arg-type]
    "of 5 MB": (Record("people", "x", {"title": "x" * 5_000_000}), "5000012 bytes, 1000000 are the most"),
    "with a NUL in a text": (Record("people", "x", {"title": "a\0b"}), "NUL in a text"),
    "with a NUL in its id": (Record("people", "x\0", {}), "NUL in the external id"),
    "with half a character": (Record("people", "x", {"title": "\ud800"}), "a value or a text that JSON cannot hold"),
    "of a wrong type": (Record("people", "x", {"active": "yes"}), "active is str, expected boolean"),
}


@pytest.mark.parametrize(("bad", "words"), BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
@pytest.mark.parametrize("first", [True, False], ids=["the first load", "a later sync"])
def test_one_bad_record_is_left_out_with_its_place_and_nobody_is_deleted(
    rig: Rig, bad: Record, words: str, *, first: bool
) -> None:
    if not first:
        rig.yields(*people(*CROWD, "gone"))
        rig.sync_one()
    rig.yields(*people(*CROWD[:250])[:-2], bad, *people(*CROWD[250:]))
    result = rig.sync_one()
    assert (result.outcome, result.totals.invalid, result.totals.deleted) == ("ok", 1, 0)
    assert result.invalid_places == {"people": (f"record 251 of this run: {words}",)}
    assert len(rig.names()) == 500 + (not first)


def test_two_percent_of_bad_records_fail_the_run_and_say_where_and_who_acts(rig: Rig) -> None:
    rig.yields(*people(*CROWD))
    rig.sync_one()
    before = list(rig.store.records())
    bad = [Record("people", f"x{number}", {"title": "a\0b"}) for number in range(10)]
    rig.yields(*bad, *people(*CROWD[:490], "new"))
    failed = failure(rig.sync_one())
    assert (failed.code, failed.actor) == ("partner.bad_records", "partner")
    assert "10 of 501 records are not usable: people record 1 of this run: NUL in a text" in failed.message
    assert "nothing was changed" in failed.remedy
    assert list(rig.store.records()) == before


@pytest.mark.parametrize("first", [True, False], ids=["the first load", "a later sync"])
def test_an_id_that_comes_in_many_pages_is_one_record_with_its_last_value(rig: Rig, *, first: bool) -> None:
    if not first:
        rig.sync_one()
    pages: list[Change] = []
    for page in range(30):
        pages += [Record("people", "anna", {"title": str(page)}), Checkpoint("people", page)]
    rig.yields(*pages, Record("people", "ben", {"given_name": "ben"}), Complete("people"), Checkpoint("people", None))
    totals = rig.sync_one().totals
    assert totals.created + totals.updated + totals.unchanged == 2
    found = {record.external_id: record.data for record in rig.store.records()}
    assert found == {"anna": {"title": "29"}, "ben": {"given_name": "ben"}}


def test_when_every_record_changes_nothing_is_applied_and_the_limit_is_named(rig: Rig) -> None:
    rig.yields(*people(*CROWD))
    rig.sync_one()
    before = list(rig.store.records())
    changed = [Record("people", name, {"title": "?"}) for name in CROWD]
    rig.yields(*changed, Complete("people"), Checkpoint("people", None))
    result = rig.sync_one()
    assert result.outcome == "held"
    assert result.held is not None
    assert result.held.reasons == ("people: 500 of 500 would be changed (100 %, limit 75 %)",)
    assert list(rig.store.records()) == before


# pages


def _pages(*, of: int, cursor: Json) -> Iterator[Change]:
    """Give so many pages over and over."""
    while True:
        for page in range(of):
            yield from (Record("people", f"{page}-{number}", {}) for number in range(3))
            yield Checkpoint("people", cursor or {"page": page})


@pytest.mark.parametrize("of", [1, 3], ids=["one page", "a circle of pages"])
@pytest.mark.parametrize("cursor", ["stays", None], ids=["a cursor that stays", "a cursor that moves"])
@pytest.mark.parametrize("first", [True, False], ids=["the first load", "a later sync"])
def test_pages_that_repeat_for_ever_end_the_run(rig: Rig, of: int, cursor: Json, *, first: bool) -> None:
    if not first:
        rig.sync_one()
    before = rig.names()
    rig.script.changes = lambda _: _pages(of=of, cursor=cursor)
    failed = failure(rig.sync_one())
    assert (failed.code, failed.error_class) == ("partner.endless_pages", "partner")
    assert "the partner repeats its pages of people: 100 in a row had been read before" in failed.message
    assert "support" in failed.remedy
    assert first or rig.names() == before
    rig.yields(*people("anna", "ben"))
    assert rig.sync_one().outcome == "ok"


def test_pages_that_repeat_a_while_and_then_go_on_are_none_of_them(rig: Rig) -> None:
    page: list[Change] = [Record("people", "anna", {}), Checkpoint("people", 1)]
    rig.yields(*(page * endless.REPEATS), *people("ben"))
    assert rig.sync_one().outcome == "ok"
    assert rig.names() == ["anna", "ben"]


# a cursor


class Refusing:
    """A partner that has forgotten the stored place and answers 400 to it, but lists all from the beginning."""

    def __init__(self) -> None:
        self.starts: list[Json] = []

    def __call__(self, context: Context) -> Iterator[Change]:
        start = context.cursor("people")
        self.starts.append(start)
        if start is not None:
            raise PartnerError("the partner answered 400 Bad Request", remedy="Compare.", code="http.400")
        yield from people("anna", "ben", "carl", cursor="new")


@pytest.fixture
def refusing(rig: Rig) -> Refusing:
    rig.yields(*people("anna", "ben", cursor="old"))
    rig.sync_one()
    partner = Refusing()
    rig.script.changes = partner
    return partner


def test_a_cursor_that_the_partner_refuses_is_a_failure_that_says_how_to_go_on_without_it(
    rig: Rig, refusing: Refusing
) -> None:
    failed = failure(rig.sync_one())
    assert failed.remedy == (
        "Compare. `mkt sync acme/roster --now --full` starts from the beginning instead of from the stored cursor."
    )
    assert rig.sync("acme/roster", now=True, full=True).count("ok") == 1
    assert refusing.starts == ["old", None]
    assert rig.names() == ["anna", "ben", "carl"]


def test_a_cursor_that_is_refused_again_and_again_is_left_alone_and_it_is_said(rig: Rig, refusing: Refusing) -> None:
    for _ in range(3):
        failure(rig.sync_one())
    result = rig.sync_one()
    assert refusing.starts == ["old", "old", "old", None]
    assert (result.outcome, result.totals.created) == ("ok", 1)
    assert result.note == (
        "the last 3 syncs from the stored cursor were refused, so this one started from the beginning"
    )
    (state,) = rig.store.states().values()
    assert state.streams["people"].cursor == "new"


def test_a_partner_that_refuses_everything_is_told_nothing_of_cursors(rig: Rig) -> None:
    def refused(_: Context) -> list[Change]:
        raise PartnerError("no", remedy="Ask.")

    rig.script.changes = refused
    for _ in range(5):
        result = rig.sync_one()
        assert failure(result).remedy == "Ask."
        assert result.note == ""


def test_the_guard_holds_for_a_run_that_left_its_cursor_alone(rig: Rig, refusing: Refusing) -> None:
    del refusing
    rig.yields(*people(*CROWD, cursor="old"))
    rig.sync_one()
    rig.script.changes = Refusing()
    for _ in range(3):
        rig.sync_one()
    assert rig.sync_one().outcome == "held", "of 500 people it lists three"
    assert len(rig.names()) == 500


def test_a_page_that_cannot_be_read_any_more_does_not_hold_up_the_resume_for_ever(rig: Rig) -> None:
    rig.sync_one()
    starts: list[Json] = []

    def stuck(context: Context) -> Iterator[Change]:
        start = context.cursor("people")
        starts.append(start)
        if start is None and len(starts) == 1:
            yield Record("people", "carl", {})
            yield Checkpoint("people", "a page that goes")
        elif start is None:
            yield from people("anna", "ben", "dora")
            return
        raise TransientError("the partner answered 500", remedy="Wait.")

    rig.script.changes = stuck
    while (result := rig.sync_one()).outcome == "failed":
        assert len(starts) < 10
        rig.pass_time(hours=20)
    assert starts == [None, *["a page that goes"] * 3, None]
    assert (result.outcome, rig.names()) == ("ok", ["anna", "ben", "dora"])


# streams


def _without_units(rig: Rig) -> None:
    """Give the connector a version that has people alone."""
    manifest = Manifest.model_validate({**MANIFEST, "streams": ["people"], "version": 2})
    registered = ScriptedConnector("scripted", "tests", manifest, scripted=rig.script)
    rig.engine = replace(rig.engine, registry=ConnectorRegistry({"scripted": registered}))


def test_a_stream_that_the_connector_has_no_more_is_said_once_and_its_records_stay(rig: Rig) -> None:
    rig.yields(Record("org_units", "u1", {}), Complete("org_units"), Checkpoint("org_units", None), *people("anna"))
    rig.sync_one()
    _without_units(rig)
    rig.yields(*people("anna"))
    notes = []
    for _ in range(2):
        rig.pass_time(hours=1)
        notes.append(rig.sync_one().note)
    assert "scripted has no stream org_units any more: the records stay as they were" in notes[0]
    assert "org_units" not in notes[1]
    assert rig.names("org_units") == ["u1"]


def test_a_stream_that_the_partner_lists_no_more_is_held_and_named(rig: Rig) -> None:
    unit = Record("org_units", "u1", {})
    rig.yields(unit, Complete("org_units"), Checkpoint("org_units", None), *people("anna"))
    rig.sync_one()
    rig.yields(Complete("org_units"), Checkpoint("org_units", None), *people("anna"))
    result = rig.sync_one()
    assert result.held is not None
    assert result.held.reasons == ("org_units: the partner listed none, 1 are stored",)
    assert rig.names("org_units") == ["u1"]


def test_a_stream_that_the_partner_says_nothing_of_stays(rig: Rig) -> None:
    rig.yields(Record("org_units", "u1", {}), Complete("org_units"), Checkpoint("org_units", None), *people("anna"))
    rig.sync_one()
    rig.yields(*people("anna"))
    assert rig.sync_one().outcome == "ok"
    assert rig.names("org_units") == ["u1"]


# a person in two courses


def _course(name: str, *members: str) -> list[Change]:
    return [*(Record("people", member, {}, scope=name) for member in members), Complete("people", scope=name)]


def test_a_person_in_two_courses_of_which_one_is_deleted_stays_and_leaves_with_the_other(rig: Rig) -> None:
    end = Checkpoint("people", None)
    rig.yields(*_course("one", "anna", "ben"), *_course("two", "anna"), end)
    rig.sync_one()
    rig.yields(Complete("people", scope="one"), *_course("two", "anna"), end)
    assert rig.sync_one().totals.deleted == 1
    assert rig.names() == ["anna"]
    assert set(rig.store.scopes(rig.store.runs()[0].key, "people")) == {"two"}
    rig.yields(*_course("two", "carl"), end)
    rig.sync_one()
    assert rig.names() == ["carl"]


# the clock


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=400)], ids=str)
def test_a_clock_that_is_set_back_leaves_no_sync_out_and_loses_nothing(rig: Rig, back: timedelta) -> None:
    rig.source.configurations = [configuration(schedule=Schedule("0 * * * *"), jitter=timedelta(0))]
    rig.sync()
    rig.clock -= back
    rig.yields(*people("anna", "carl"))
    due = next(minute for minute in range(24 * 60 + 1) if _due_after(rig, minute))
    assert due <= 24 * 60
    assert rig.names() == ["anna", "carl"]
    totals = rig.sync_one().totals
    assert (totals.created, totals.updated, totals.deleted) == (0, 0, 0)


def _due_after(rig: Rig, minute: int) -> bool:
    rig.pass_time(minutes=int(minute > 0))
    return bool(rig.sync().results)


def test_a_clock_that_is_set_back_in_the_middle_of_a_run_does_not_lose_what_was_staged(rig: Rig) -> None:
    rig.sync_one()

    def broken(_: Context) -> Iterator[Change]:
        yield Record("people", "carl", {})
        yield Checkpoint("people", "half")
        rig.clock -= timedelta(days=2)
        raise TransientError("reset")

    rig.script.changes = broken
    rig.sync_one()
    rig.script.changes = lambda context: people("anna", "ben") if context.cursor("people") == "half" else []
    assert rig.sync_one().outcome == "ok"
    assert rig.names() == ["anna", "ben", "carl"]


def test_a_teacher_of_many_courses_is_no_page_that_comes_again(rig: Rig) -> None:
    def courses(_: Context) -> Iterator[Change]:
        for number in range(150):
            yield Record("people", "ms-lee", {"title": "Teacher"}, f"course-{number}")
            yield Complete("people", f"course-{number}")
            yield Checkpoint("people", number)

    rig.script.changes = courses
    assert rig.sync_one().outcome == "ok"
    assert rig.names() == ["ms-lee"]
