"""`mkt holds`, and what the other commands say while something is held."""

import json
import re
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import run as run_process

import pytest
from tests.cli.front import Answer, Mkt
from tests.cli.process import SECONDS, ended, live, run, start

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.store.sqlite import SqliteStore

TARGET = "northwind/roster"
WHY = "people: 10 of 25 would be deleted (40 %, limit 10 %)"


@pytest.fixture
def shrunk(mkt: Mkt, partner: WorkdaySimulator) -> WorkdaySimulator:
    """Northwind is synced, and then two fifths of its people are gone and one has a new title."""
    mkt("sync")
    partner.employ([replace(partner.people[0], title="Boss"), *partner.people[1:15]])
    return partner


@pytest.fixture
def hold_id(mkt: Mkt, shrunk: WorkdaySimulator) -> str:
    del shrunk
    assert mkt("sync", TARGET, "--now").code == 1
    [hold] = mkt("holds", "list", "-o", "json").document
    return str(hold["id"])


def _actions(mkt: Mkt) -> list[tuple[str, str, str]]:
    found = (event["details"] for event in mkt("events").lines if event["event"] == "operator.action")
    return [(each["what"], each["target"], each["reason"]) for each in found]


@pytest.mark.usefixtures("shrunk")
def test_a_sync_over_a_limit_says_why_who_acts_and_what_to_type(mkt: Mkt) -> None:
    answer = mkt("sync", TARGET, "--now", "-o", "table")
    [hold] = mkt("holds", "list", "-o", "json").document
    assert answer.code == 1
    assert f"  why       {WHY}\n" in answer.out
    assert "  acts: us  Ask the partner or the customer whether this is meant" in answer.out
    assert answer.out.endswith(f"1 held, 0 ok in {_took(answer)}\nnext: mkt holds show {hold['id'][-8:]}\n")


def _took(answer: Answer) -> str:
    found = re.search(r"0 ok in (.+)\n", answer.out)
    assert found
    return found[1]


def test_while_it_is_held_every_command_says_so(mkt: Mkt, hold_id: str) -> None:
    show = f"mkt holds show {hold_id[-8:]}"
    for asked in (("sync", TARGET, "--now"), ("sync", "--all")):
        answer = mkt(*asked, "-o", "table")
        assert (answer.code, answer.out.splitlines()[-1]) == (1, f"next: {show}")
        assert "until it is decided the partner is not asked" in answer.out
        [held] = [event for event in mkt(*asked, "-q").lines if event["event"] == "sync.held"]
        assert held["details"]["hold_id"] == hold_id
    assert "1 held" in mkt("sync", TARGET, "-o", "table").out
    assert mkt("sync").code == 0, "cron has nothing to do"
    status = mkt("status", "--check")
    assert status.code == 1
    assert status.out.startswith(f"{TARGET}  workday-hris  held\n")
    assert status.out.endswith(f"next: {show}\n")
    assert mkt("status", "-o", "json").document[0]["hold_id"] == hold_id
    assert WHY in mkt("runs", "list").out
    assert f"{hold_id[-8:]}  {TARGET}  open" in mkt("holds", "list").out


def test_a_hold_is_shown_field_by_field_and_masked(mkt: Mkt, hold_id: str) -> None:
    answer = mkt("holds", "show", hold_id[-8:], "--stream", "people", "-n", "11")
    assert (answer.code, answer.err) == (0, "")
    assert "northwind/roster  people  10 deleted, 1 updated\n" in answer.out
    assert re.search(r"\n  deleted  0000\d\d\n", answer.out), "a line each"
    assert re.search(r"  updated  000001\n +title +\*\*\* -> \*\*\*\n", answer.out)
    assert "memberships  10 deleted" not in answer.out
    for value in ("@", "Boss"):
        assert value not in answer.out
    assert f"mkt holds approve {hold_id[-8:]} --only create,update" in answer.out
    assert _actions(mkt) == []


def test_values_are_shown_to_whom_they_were_revealed_and_that_is_recorded(mkt: Mkt, hold_id: str) -> None:
    command = ("holds", "show", hold_id, "--show-values", "--stream", "people", "-n", "100")
    assert "-> Boss\n" in mkt(*command).out
    [changed] = [
        each for each in mkt(*command, "-o", "json").document["records"]["people"] if each["change"] == "updated"
    ]
    assert changed["fields"]["title"]["after"] == "Boss"
    assert _actions(mkt) == [("show values", TARGET, "")] * 2
    assert "Boss" not in mkt("events").out


def test_more_than_is_shown_is_counted(mkt: Mkt, hold_id: str) -> None:
    out = mkt("holds", "show", hold_id, "--stream", "people", "-n", "4").out
    assert f"  and 7 more; mkt holds show {hold_id[-8:]} --stream people -n 11\n" in out
    assert len(mkt("holds", "show", hold_id, "-n", "4", "-o", "json").document["records"]["people"]) == 4


def test_a_dry_run_shows_the_same_and_that_it_would_be_held(mkt: Mkt, shrunk: WorkdaySimulator) -> None:
    del shrunk
    dry = mkt("sync", TARGET, "--now", "--dry-run", "-o", "table")
    document = mkt("sync", TARGET, "--now", "--dry-run", "-o", "json").document["results"][0]
    assert dry.code == 1
    assert "too much would change: a sync would be held for review" in dry.out
    assert mkt("holds", "list").out == "nothing is held, and nothing was lately\nnext: mkt status\n"
    mkt("sync", TARGET, "--now")
    [hold] = mkt("holds", "list", "-o", "json").document
    shown = mkt("holds", "show", hold["id"])
    assert dry.out.splitlines()[-1] == f"next: mkt sync {TARGET} --now"
    records = r"(?s)northwind/roster  job_roles.*?\n(?=  mkt holds|0 failed|1 held)"
    assert _found(records, dry.out) == _found(records, shown.out)
    assert document["held"]["reasons"] == hold["reasons"]
    assert document["preview"] == mkt("holds", "show", hold["id"], "-o", "json").document["records"]


def test_a_verify_of_what_is_held_says_so_and_leads_to_the_hold(mkt: Mkt, hold_id: str) -> None:
    answer = mkt("verify", TARGET, "-o", "table")
    assert (answer.code, answer.out.splitlines()[-1]) == (0, f"next: mkt holds show {hold_id[-8:]}")
    assert f"{TARGET}: hold {hold_id[-8:]} is open: no sync runs before it is decided\n" in answer.out


def test_a_part_of_which_nothing_is_held_is_refused(mkt: Mkt, hold_id: str) -> None:
    assert mkt("holds", "approve", hold_id, "--only", "create,update").code == 0
    again = mkt("holds", "approve", hold_id, "--only", "create,update")
    assert (again.code, again.out) == (1, "")
    assert "was created or updated, so nothing was applied" in again.err
    assert f"`mkt holds reject {hold_id[-8:]}`" in again.err
    assert [what for what, _, _ in _actions(mkt)] == ["approve"]


def test_who_rejects_reads_what_comes_of_it(mkt: Mkt, hold_id: str) -> None:
    part = hold_id[-8:]
    text = mkt("holds", "reject", hold_id).out
    assert f"is held again as {part}, without a new alert" in text
    assert f"mkt holds approve {part}, once it is held again" in text
    assert f"mkt disable {TARGET} --reason TEXT" in text
    assert text.endswith(f"next: mkt sync {TARGET} --now --dry-run\n")
    assert "would be held" in mkt("sync", TARGET, "--now", "--dry-run", "-o", "table").out
    assert "`mkt sync northwind/roster --now` opens it again" in mkt("holds", "approve", hold_id).err
    assert "it was rejected, and the partner sent the same again" in mkt("sync", TARGET, "--now", "-o", "table").out
    assert mkt("holds", "approve", hold_id).code == 0


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[0]


def test_an_approval_applies_it_and_says_what(mkt: Mkt, hold_id: str, shrunk: WorkdaySimulator) -> None:
    answer = mkt("holds", "approve", hold_id[-8:], "--reason", "asked Northwind")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{TARGET}: approved and applied: 20 deleted, 1 updated")
    assert {item[1] for item in live() if item[0] == "people"} == {f"{n:06}" for n in range(1, 16)}
    assert _actions(mkt) == [("approve", TARGET, "asked Northwind")]
    assert mkt("status", "--check").code == 0
    assert "approved 0 s ago" in re.sub(r"[0-9]+ s ago", "0 s ago", mkt("holds", "show", hold_id).out).replace(
        "  ", " "
    )
    again = mkt("sync", TARGET, "--now", "-o", "json").document
    assert (again["exit_code"], again["results"][0]["deleted"], again["results"][0]["updated"]) == (0, 0, 0)
    del shrunk


def test_a_part_can_be_approved_and_the_rest_rejected(mkt: Mkt, hold_id: str) -> None:
    part = mkt("holds", "approve", hold_id, "--only", "create,update")
    assert (part.code, part.out.splitlines()[-1]) == (0, f"next: mkt holds show {hold_id[-8:]}")
    assert ": applied 1 updated" in part.out
    assert "; still held: memberships 10 deleted; people 10 deleted\n" in part.out
    assert len([item for item in live() if item[0] == "people"]) == 25
    assert any("Boss" in item[2] for item in live())
    rejected = mkt("holds", "reject", hold_id, "--reason", "a filter of theirs", "-o", "json").document
    assert (rejected["state"], rejected["reason"], rejected["applied"]) == ("rejected", "a filter of theirs", None)
    assert len([item for item in live() if item[0] == "people"]) == 25
    assert [what for what, _, _ in _actions(mkt)] == ["approve", "reject"]


def test_a_verdict_that_cannot_be_given_is_refused(mkt: Mkt, hold_id: str) -> None:
    for only in ("delete", "create,delete", "", "create,"):
        assert mkt("holds", "approve", hold_id, "--only", only).code == 2
    for command in (("approve", "no-such"), ("reject", "no-such"), ("show", "no-such")):
        answer = mkt("holds", *command)
        assert (answer.code, answer.out) == (1, "")
        assert "there is no hold whose id contains 'no-such'\n  -> See `mkt holds list`." in answer.err
    assert mkt("holds", "reject", hold_id).code == 0
    for verdict in ("approve", "reject"):
        answer = mkt("holds", verdict, hold_id)
        assert (answer.code, answer.out) == (1, "")
        assert "was rejected already" in answer.err


def test_a_filter_lists_the_holds_of_a_tenant(mkt: Mkt, hold_id: str) -> None:
    assert [hold["id"] for hold in mkt("holds", "list", "northwind", "-o", "json").document] == [hold_id]
    assert mkt("holds", "list", "nowhere").code == 2


def _people() -> int:
    return len([item for item in live() if item[0] == "people"])


def test_of_two_people_who_approve_at_once_one_is_told(hold_id: str) -> None:
    answers = [ended(mkt) for mkt in [start("holds", "approve", hold_id) for _ in range(2)]]
    assert sorted(answer.code for answer in answers) == [0, 1]
    [told] = [answer for answer in answers if answer.code]
    assert "is busy" in told.err or "was approved already" in told.err
    assert _people() == 15
    assert [json.loads(line)["event"] for line in run("events").out.splitlines()].count("hold.approved") == 1


_KILLED = """
import os, signal, sys
from mkt.cli.app import run
import {module} as place
before = place.{name}
def killed(*given, **options):
    before(*given, **options)
    os.kill(os.getpid(), signal.SIGKILL)
place.{name} = killed
sys.exit(run(sys.argv[1:]))
"""


def _kill(module: str, name: str, *command: str) -> int:
    """Run `mkt` and kill it after a function of its own has ended."""
    script = _KILLED.format(module=module, name=name)
    return run_process([sys.executable, "-c", script, *command], check=False, timeout=SECONDS).returncode


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mkt.store.sqlite.held", "count_absent_as_deleted"),
        ("mkt.store.sqlite.tombstones", "bury"),
        ("mkt.store.sqlite.promotion", "apply"),
        ("mkt.store.sqlite.sources", "finish"),
        ("mkt.store.sqlite.headers", "remove"),
        ("mkt.store.sqlite.holds", "close"),
    ],
)
def test_an_approval_that_is_killed_within_has_applied_nothing(hold_id: str, module: str, name: str) -> None:
    before, shown = live(), run("holds", "show", hold_id, "-o", "json").out
    assert _kill(module, name, "holds", "approve", hold_id) == -9
    assert live() == before
    assert run("holds", "show", hold_id, "-o", "json").out == shown
    assert run("holds", "approve", hold_id).code == 0  # at once: the lease of the dead is nobody's
    assert _people() == 15


def test_an_approval_that_is_killed_after_its_commit_has_applied_all(hold_id: str) -> None:
    assert _kill("mkt.store.sqlite.verdicts", "approve", "holds", "approve", hold_id) == -9
    assert _people() == 15
    assert run("status", "--check").code == 0
    assert run("holds", "approve", hold_id).code == 1
    assert run("sync", TARGET, "--now").code == 0


def test_a_rejection_that_is_killed_leaves_nothing_that_a_sync_goes_on_from(
    hold_id: str, shrunk: WorkdaySimulator
) -> None:
    assert _kill("mkt.store.sqlite.holds", "close", "holds", "reject", hold_id) == -9
    assert run("status", "--check").code == 1
    assert _kill("mkt.store.sqlite.leftovers", "remove", "holds", "reject", hold_id) == -9
    assert run("status", "--check").code == 0
    shrunk.seed(25)
    assert run("sync", TARGET, "--now").code == 0
    assert _people() == 25


def test_a_sync_that_is_killed_once_it_is_held_is_held(shrunk: WorkdaySimulator) -> None:
    assert _kill("mkt.store.sqlite.staged", "StagedWriter.hold", "sync", "--all") == -9
    del shrunk
    with closing(SqliteStore.open(Path(".mkt/mkt.db"))) as store:
        [hold] = store.holds()
    assert run("sync", TARGET, "--now").code == 1
    assert run("holds", "approve", hold.id).code == 0
    assert _people() == 15


def test_the_run_that_was_held_says_why_and_leads_to_the_hold(mkt: Mkt, hold_id: str) -> None:
    newest = mkt("runs", "list", "-o", "json").document[0]["id"]
    shown = mkt("runs", "show", newest, "-o", "table").out
    assert f"  held     {WHY}\n" in shown
    assert shown.endswith(f"next: mkt holds show {hold_id[-8:]}\n")
