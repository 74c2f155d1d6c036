import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.connectors.workday_hris.soap_xml import WD, Reader, parse
from mkt.connectors.workday_hris.workforce import recruit
from mkt.contract import Change, Checkpoint, Complete, Json, LocalError, PartnerError, Record, Stream, Window
from mkt.simulation import faults
from mkt.simulation.exchange import Exchange, Fault, Reply
from mkt.testing.workbench import Workbench

STREAMS: tuple[Stream, ...] = ("people", "org_units", "memberships", "job_roles")
AGO = timedelta(minutes=6)
DOCTYPE = b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
XML = {"Content-Type": "text/xml"}


@contextmanager
def workday(folder: Path, size: int = 25, **settings: Any) -> Iterator[tuple[WorkdaySimulator, Workbench]]:
    with WorkdaySimulator(size) as partner, Workbench(folder, partner, "soap") as bench:
        bench.configure({**bench.configuration.settings, **settings})
        yield partner, bench


def people(changes: list[Change]) -> list[str]:
    return [c.external_id for c in changes if isinstance(c, Record) and c.stream == "people"]


def cursors(changes: list[Change], stream: str = "people") -> list[Any]:
    return [c.cursor for c in changes if isinstance(c, Checkpoint) and c.stream == stream]


def asked(partner: WorkdaySimulator, start: int = 0) -> list[Mapping[str, str]]:
    """Return the criteria and the filter of each request."""
    return [_flat(parse(request.body, Reader())) for request in partner.requests[start:]]


def _flat(root: Element) -> dict[str, str]:
    return {e.tag.removeprefix(WD): e.text or "" for e in root.iter() if e.tag.startswith(WD) and not len(e)}


def since(**ago: float) -> dict[Stream, Json]:
    """Return the cursors of a run of some time ago that had listed everyone."""
    moment = (datetime.now(UTC) - timedelta(**ago)).isoformat()
    return {stream: {"since": moment, "full": moment} for stream in STREAMS}


def altered(partner: WorkdaySimulator, number: int, ago: timedelta = AGO, **fields: Any) -> None:
    """Enter a change of one person some time ago."""
    people_now = [replace(p, **fields) if p.number == number else p for p in partner.people]
    partner.employ(people_now, datetime.now(UTC) - ago)


def test_all_pages_are_of_one_moment_with_leavers_and_without_pay(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        changes = list(bench.changes())
        pages = asked(partner)
        assert [page["Page"] for page in pages] == ["1", "2", "3"]
        assert len({(page["As_Of_Entry_DateTime"], page["As_Of_Effective_Date"]) for page in pages}) == 1
        assert {page["Count"] for page in pages} == {"10"}
        assert {page["Exclude_Inactive_Workers"] for page in pages} == {"false"}
        assert all("Include_Compensation" not in page for page in pages)
        assert len(people(changes)) == 25
        assert {(c.stream, c.listing) for c in changes if isinstance(c, Complete)} == {
            (s, "snapshot") for s in STREAMS
        }


def test_people_who_have_left_stay_and_are_inactive(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        data = {c.external_id: c.data for c in bench.changes() if isinstance(c, Record) and c.stream == "people"}
        assert (data["000003"]["active"], data["000003"]["status"]) == (False, "Terminated")
        assert data["000009"]["active"] is True, "has given notice for a far day"


def test_what_is_private_is_never_brought_over(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        text = json.dumps([dict(c.data) for c in bench.changes() if isinstance(c, Record)])
        for private in ("000-00-", "61000", "1960", "private.example"):
            assert private not in text


def test_a_second_sync_asks_for_what_changed_by_both_criteria(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.sync()
        before = len(partner.requests)
        result = bench.sync()
        assert (result.outcome, result.totals.created, result.totals.updated) == ("ok", 0, 0)
        entered, effective = asked(partner, before)
        first = datetime.fromisoformat(asked(partner)[0]["As_Of_Entry_DateTime"])
        assert datetime.fromisoformat(entered["Updated_From"]) == first - timedelta(minutes=5)
        assert entered["Updated_Through"] == entered["As_Of_Entry_DateTime"] == effective["Effective_Through"]
        assert datetime.fromisoformat(effective["Effective_From"]) == first - timedelta(days=1)
        assert "Effective_From" not in entered
        assert "Updated_From" not in effective


def test_only_who_changed_is_read_and_nobody_is_taken_for_gone(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        altered(partner, 5, title="Director")
        changes = list(bench.changes(since(days=1)))
        assert people(changes) == ["000005"]
        assert not any(isinstance(c, Complete) for c in changes)


def test_a_change_entered_before_that_takes_effect_now_is_found_by_its_date(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        partner.seed(0)
        partner.employ([replace(recruit(n), left=yesterday if n == 5 else "") for n in range(1, 26)])
        changes = list(bench.changes(since(days=2)))
        assert people(changes) == ["000005"]
        assert [c.data["active"] for c in changes if isinstance(c, Record) and c.stream == "people"] == [False]
        assert [page.get("Effective_From", "") != "" for page in asked(partner)] == [False, True]


def test_who_moves_leaves_the_old_organizations(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.sync()
        before = set(bench.records()["memberships"])
        altered(partner, 6, moves=2)
        result = bench.sync()
        assert result.outcome == "ok", result.failure
        after = set(bench.records()["memberships"])
        assert {key[:6] for key in before ^ after} == {"000006"}
        assert bench.records()["memberships"] == partner.expected("soap")["memberships"]


def test_a_part_of_time_brings_who_changed_in_it_as_they_are_now(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.sync()
        altered(partner, 5, timedelta(minutes=40), title="Manager")
        altered(partner, 5, title="Director")
        altered(partner, 6, title="Director")
        before, now = len(partner.requests), datetime.now(UTC)
        result = bench.sync(window=Window(now - timedelta(hours=1), now - timedelta(minutes=30)))
        assert (result.outcome, result.totals.updated, result.totals.deleted) == ("ok", 1, 0)
        assert bench.records()["people"]["000005"]["title"] == "Director", "an old state must not come over a new one"
        bench.sync()
        first = datetime.fromisoformat(asked(partner)[0]["As_Of_Entry_DateTime"])
        start = datetime.fromisoformat(asked(partner)[before + 2]["Updated_From"])
        assert start == first - timedelta(minutes=5), "no cursor has moved"
        assert bench.records() == partner.expected("soap")


def test_who_vanishes_is_found_when_everyone_is_listed(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.sync()
        partner.employ(partner.people[:-1], datetime.now(UTC) - AGO)
        assert bench.sync().totals.deleted == 0, "an increment tells of nobody who is not there"
        assert bench.sync(full=True).streams["people"].deleted == 1
        assert bench.records() == partner.expected("soap")


def test_everyone_is_listed_again_once_a_week(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        assert len(people(list(bench.changes(since(days=6))))) < 25
        again = list(bench.changes(since(days=8)))
        assert len(people(again)) == 25
        assert any(isinstance(c, Complete) for c in again)


def test_what_is_entered_between_two_pages_does_not_move_them(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        changes = bench.changes()
        seen = [next(changes)]
        partner.employ(partner.people[5:], datetime.now(UTC))
        seen += changes
        assert set(people(seen)) == {f"{n:06d}" for n in range(1, 26)}


def test_a_run_that_broke_off_goes_on_at_its_page_and_at_its_moment(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.sync()
        partner.change()
        bench.sync(full=True)
        start = len(partner.requests)
        partner.inject(faults.status(503), times=None, after=1)
        assert bench.sync(full=True).outcome == "failed"
        partner.heal()
        broken = asked(partner, start)
        assert bench.sync().outcome == "ok"
        resumed = asked(partner, start)[len(broken) :]
        assert [page["Page"] for page in resumed] == ["2", "3"]
        assert {page["As_Of_Entry_DateTime"] for page in resumed} == {broken[0]["As_Of_Entry_DateTime"]}
        assert bench.records() == partner.expected("soap")


def test_each_page_has_a_checkpoint_for_each_stream(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        changes = list(bench.changes())
        for stream in STREAMS:
            *pages, last = cursors(changes, stream)
            assert [(page["page"], page["part"]) for page in pages] == [(2, "all"), (3, "all")]
            assert last["since"] == last["full"] == pages[0]["moment"]


def test_nobody_at_all_is_a_complete_listing(tmp_path: Path) -> None:
    with workday(tmp_path, size=0) as (partner, bench):
        changes = list(bench.changes())
        assert people(changes) == []
        assert any(isinstance(c, Complete) for c in changes)
        assert len(partner.requests) == 1


def test_a_clock_that_is_ahead_of_workdays_is_said_to_be_ours(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.service.behind = timedelta(minutes=10)
        with pytest.raises(LocalError, match="our clock is more than five minutes ahead") as caught:
            list(bench.changes())
        assert "NTP" in caught.value.remedy


def test_a_page_other_than_the_one_asked_for_ends_the_run(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.service.page = 1
        with pytest.raises(PartnerError, match="page 2"):
            list(bench.changes())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"Page>2<", b"Page>1<", "question for page 2"),
        (b"Total_Pages", b"Pages_In_All", "has no Total_Pages"),
        (b"Get_Workers_Response", b"Get_Positions_Response", "is no Get_Workers_Response"),
        (b"Worker>", b"Position>", "page 1 of 3 is empty"),
        (b"Body", b"Corpus", "no SOAP envelope"),
    ],
)
def test_an_answer_that_could_hide_workers_ends_the_run(
    tmp_path: Path, old: bytes, new: bytes, complaint: str
) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.inject(_rewritten(old, new), times=None)
        with pytest.raises(PartnerError, match=complaint):
            list(bench.changes())


@pytest.mark.parametrize("body", [b"", b"{}", b"<a>", DOCTYPE])
def test_an_answer_that_is_no_soap_is_the_partners_error(tmp_path: Path, body: bytes) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.inject(faults.status(200, XML, body), times=None)
        with pytest.raises(PartnerError, match="Workday's answer") as caught:
            list(bench.changes())
        assert caught.value.code == "partner.xml"


def test_a_fault_with_status_200_is_a_fault(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.service.authorized = False
        partner.inject(_with_status(200), times=None)
        result = bench.sync()
        assert result.failure is not None
        assert result.failure.code == "workday.get_workers_denied"


def test_a_servers_fault_is_tried_again_and_a_clients_is_not(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.inject(_fault("Server.processingError", "Please try later"), times=2)
        assert bench.sync().outcome == "ok"
        assert len(partner.requests) == 5
        partner.inject(_fault("Client.somethingNew", "Cannot do"), times=None)
        result = bench.sync()
        assert len(partner.requests) == 6
        assert result.failure is not None
        assert (result.failure.code, result.failure.error_class) == ("workday.refused", "partner")
        assert "Client.somethingNew" in result.failure.message


def _rewritten(old: bytes, new: bytes) -> Fault:
    def fault(exchange: Exchange, answer: Any) -> None:
        reply = answer()
        exchange.send(Reply(reply.status, reply.body.replace(old, new), reply.headers))

    return fault


def _with_status(status: int) -> Fault:
    def fault(exchange: Exchange, answer: Any) -> None:
        exchange.send(replace(answer(), status=status))

    return fault


def _fault(code: str, said: str) -> Fault:
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
        f"<faultcode>e:{code}</faultcode><faultstring>{said}</faultstring></e:Fault></e:Body></e:Envelope>"
    )
    return faults.status(500, XML, body)
