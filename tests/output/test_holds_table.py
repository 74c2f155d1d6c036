"""What a person reads of holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mkt.engine.report import StreamCounts
from mkt.output.holds_table import hold_page, holds_page, verdict_page
from mkt.store.base import ChangedRecord, Hold, Key, StreamChanges

Render = Callable[..., str]
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
HOLD = Hold(
    id="0193a000-0000-7000-8000-0000deadbeef",
    key=Key("northwind", "roster"),
    connector="workday-hris",
    run_id="0193a000-0000-7000-8000-0000cafecafe",
    state="open",
    reasons=("people: 20 of 100 would be deleted (20 %, limit 10 %)",),
    changes={"people": StreamChanges(live=100, created=2, deleted=15, absent=5, unchanged=80)},
    fingerprint="f",
    windowed=False,
    as_of=NOW - timedelta(hours=3),
    opened_at=NOW - timedelta(hours=3),
)
CHANGES = {
    "people": [
        ChangedRecord(external_id="1", change="deleted", before={"given_name": "Ann"}, after=None),
        ChangedRecord(external_id="2", change="absent", before={"given_name": "Ben"}, after=None),
    ]
}


def test_nothing_held_is_said_in_a_line(render: Render) -> None:
    assert render(holds_page([], NOW)) == "nothing is held, and nothing was lately\nnext: mkt status\n"


def test_a_list_has_age_counts_and_reasons(render: Render) -> None:
    closed = replace(HOLD, state="approved", id="0193a000-0000-7000-8000-00000000abcd")
    lines = render(holds_page([HOLD, closed], NOW)).splitlines()
    assert lines[1].split() == ["deadbeef", "northwind/roster", "open", "3", "h", "2", "0", "15", "5", *_words()]
    assert lines[3:] == ["1 open hold, 1 closed", "next: mkt holds show deadbeef"]


def _words() -> list[str]:
    return HOLD.reasons[0].split()


def test_a_list_of_closed_ones_leads_to_the_status(render: Render) -> None:
    assert render(holds_page([replace(HOLD, state="rejected")], NOW)).endswith("next: mkt status\n")


def test_a_hold_tells_why_how_much_what_and_what_can_be_done(render: Render) -> None:
    lines = render(hold_page(HOLD, CHANGES, NOW, values=False)).splitlines()
    assert lines[0] == "northwind/roster  workday-hris  hold open"
    assert f"  why       {HOLD.reasons[0]}" in lines
    assert "  people        2        0       15       5         80" in lines
    assert lines[-8:] == [
        "northwind/roster  people  15 deleted, 5 absent, 2 created",
        "  deleted  1",
        "  absent   2",
        "  and 20 more; mkt holds show deadbeef --stream people -n 22",
        "  mkt holds approve deadbeef                       applies exactly this; what is absent counts as deleted",
        "  mkt holds approve deadbeef --only create,update  applies what comes and changes; what goes waits",
        (
            "  mkt holds reject deadbeef                        applies nothing of it; the next sync looks anew,"
            " and holds the same again"
        ),
        "next: mkt holds approve deadbeef, or mkt holds reject deadbeef",
    ]


def test_what_was_rejected_before_and_what_was_a_window_are_said(render: Render) -> None:
    text = render(hold_page(replace(HOLD, reopened=2, windowed=True), {}, NOW, values=False))
    assert "reopened  2 times: it was rejected, and the partner sent the same again" in text
    assert "approving moves no cursor" in text


@pytest.mark.parametrize("reason", ["their \x1b[31mmistake", ""])
def test_a_closed_hold_tells_who_said_what_and_offers_no_verdict(render: Render, reason: str) -> None:
    closed = replace(HOLD, state="rejected", closed_at=NOW, reason=reason)
    text = render(hold_page(closed, {}, NOW, values=False))
    assert "  rejected  0 s ago" in text
    assert "\x1b" not in text
    assert "mkt holds approve" not in text
    assert text.endswith("next: mkt status northwind/roster\n")


@pytest.mark.parametrize(
    ("reason", "helps"),
    [("people: the partner listed none, 102 are stored", False), ("people: 20 of 102 would be deleted", True)],
)
def test_a_limit_is_offered_after_a_rejection_where_it_helps(render: Render, reason: str, *, helps: bool) -> None:
    text = render(verdict_page(replace(HOLD, state="rejected", reasons=(reason,))))
    assert "mkt holds approve deadbeef, once it is held again" in text
    assert ("raise guard:" in text) == helps


def test_a_part_that_leaves_nothing_says_what_is_left_to_approve(render: Render) -> None:
    empty = replace(HOLD, changes={"people": StreamChanges(live=102, unchanged=102)})
    assert render(verdict_page(empty, StreamCounts(created=2))).splitlines() == [
        "northwind/roster: applied 2 created; still held: the cursors, which approving moves",
        "next: mkt holds show deadbeef",
    ]
