import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.contract import (
    Change,
    Checkpoint,
    Complete,
    ConfigError,
    PartnerError,
    Record,
    Stream,
    TransientError,
)
from mkt.simulation import faults
from mkt.testing.workbench import Workbench

STREAMS: tuple[Stream, ...] = ("people", "org_units", "memberships", "job_roles")
MINIMAL = {"primaryWorkEmail": "a@x.example", "Job_Title": "A", "Worker_Status": "Active"}


@contextmanager
def workday(
    folder: Path, variant: str, size: int = 25, **settings: Any
) -> Iterator[tuple[WorkdaySimulator, Workbench]]:
    with WorkdaySimulator(size) as partner, Workbench(folder, partner, variant) as bench:
        bench.configure({**bench.configuration.settings, **settings})
        yield partner, bench


def people(changes: list[Change]) -> list[str]:
    return [c.external_id for c in changes if isinstance(c, Record) and c.stream == "people"]


def completes(changes: list[Change]) -> set[tuple[str, str]]:
    return {(c.stream, c.listing) for c in changes if isinstance(c, Complete)}


def cursors(changes: list[Change], stream: str = "people") -> list[Any]:
    return [c.cursor for c in changes if isinstance(c, Checkpoint) and c.stream == stream]


def offsets(partner: WorkdaySimulator) -> list[int]:
    return [int(r.query["offset"]) for r in partner.requests if r.path.endswith("/workers")]


def test_a_report_is_one_request_and_a_snapshot(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        changes = list(bench.changes())
        assert len(partner.requests) == 1
        assert completes(changes) == {(stream, "snapshot") for stream in STREAMS}
        assert cursors(changes) == [None]
        assert people(changes)[0] == "000001", "ids keep their zeros"


def test_what_is_not_mapped_is_never_brought_over(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (_, bench):
        text = json.dumps([dict(c.data) for c in bench.changes() if isinstance(c, Record)])
        assert "000-00-" not in text
        assert "61000" not in text


def test_an_empty_report_is_a_complete_listing_of_nobody(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.rows = []
        changes = list(bench.changes())
        assert people(changes) == []
        assert ("people", "snapshot") in completes(changes)


@pytest.mark.parametrize("body", [b"{}", b'{"Report_Entry": null}', b"[]"])
def test_a_200_without_entries_is_an_error_and_not_nobody(tmp_path: Path, body: bytes) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.inject(faults.status(200, {"Content-Type": "application/json"}, body), times=None)
        with pytest.raises(PartnerError, match="Report_Entry"):
            next(bench.changes())


def test_a_report_cut_in_half_is_a_partner_error(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.inject(faults.cut_json(), times=None)
        with pytest.raises(PartnerError):
            next(bench.changes())


def test_a_web_page_is_expected_to_pass(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.inject(faults.html(), times=None)
        with pytest.raises(TransientError):
            next(bench.changes())


def test_a_column_missing_everywhere_is_an_error_before_anything_is_yielded(tmp_path: Path) -> None:
    complaint = pytest.raises(ConfigError, match=r"Jobtitle \(for title\)")
    with workday(tmp_path, "raas", columns={"title": "Jobtitle"}) as (_, bench), complaint:
        next(bench.changes())


def test_a_column_missing_in_one_row_is_left_out_there(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.rows = [{"Employee_ID": "01", **MINIMAL}, {"Employee_ID": "02", "Worker_Status": "Active"}]
        data = {c.external_id: c.data for c in bench.changes() if isinstance(c, Record) and c.stream == "people"}
        assert data["01"]["title"] == "A"
        assert "title" not in data["02"]


def test_a_row_without_id_stays_visible(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.rows = [{"Employee_ID": "01", **MINIMAL}, MINIMAL]
        assert people(list(bench.changes())) == ["01", ""]


def test_prompts_are_filled_with_moments_and_the_next_run_asks_for_changes(tmp_path: Path) -> None:
    prompts = {"From_Moment": "{since}", "To_Moment": "{until}", "Organization": "ALL"}
    with workday(tmp_path, "raas", params=prompts) as (partner, bench):
        partner.prompts = ("From Moment", "To Moment")
        first = list(bench.changes())
        assert partner.requests[-1].query["From_Moment"] == "1900-01-01T00:00:00"
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d", partner.requests[-1].query["To_Moment"])
        assert partner.requests[-1].query["Organization"] == "ALL"
        assert completes(first)
        (cursor,) = cursors(first)
        second = list(bench.changes({stream: {"since": "2026-11-22T18:00:00+00:00"} for stream in STREAMS}))
        assert partner.requests[-1].query["From_Moment"] == "2026-11-21T18:00:00", "a day covers every time zone"
        assert completes(second) == set(), "who did not change has not left"
        assert cursor["since"] < cursors(second)[-1]["since"]


def test_workers_that_share_an_address_are_counted_and_never_merged(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.rows = [{"Employee_ID": number, **MINIMAL} for number in ("01", "02", "01")]
        assert people(list(bench.changes())) == ["01", "02", "01"]
        (event,) = [event for event in bench.recorder.events if event.event == "connector.message"]
        assert event.level == "warning"
        assert event.details["same_email"] == 1
        assert "a@x.example" not in json.dumps(event.as_dict())


def test_dates_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    with workday(tmp_path, "raas") as (partner, bench):
        partner.rows = [{"Employee_ID": "01", **MINIMAL, "Hire_Date": "31.01.2024"}]
        list(bench.changes())
        assert [e.details for e in bench.recorder.events if e.event == "connector.message"] == [
            {"unreadable_dates": 1}
        ]


@pytest.mark.parametrize("total", [0, 7, None])
def test_rest_pages_to_the_end_whatever_the_total_says(tmp_path: Path, total: int | None) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.total = total
        changes = list(bench.changes())
        assert set(people(changes)) == set(partner.expected("rest")["people"])
        assert completes(changes) == {(stream, "offset") for stream in STREAMS}


def test_a_full_last_page_is_followed_by_an_empty_one(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.rows = [{"id": str(number)} for number in range(20)]
        assert len(people(list(bench.changes()))) == 20
        assert offsets(partner) == [0, 10, 20]


def test_pages_shorter_than_asked_are_followed_while_the_total_says_so(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", page_size=100) as (partner, bench):
        partner.rows = [{"id": str(number)} for number in range(7)]
        partner.total = 9
        assert len(people(list(bench.changes()))) == 7
        assert offsets(partner) == [0, 7]


def test_the_same_page_for_ever_is_an_error(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.ignores_offset = True
        with pytest.raises(PartnerError, match="offset 10"):
            list(bench.changes())


def test_a_page_that_repeats_some_workers_goes_on(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        numbers = [*range(10), *range(5, 15), *range(15, 18)]
        partner.rows = [{"id": str(number)} for number in numbers]
        assert set(people(list(bench.changes()))) == {str(number) for number in range(18)}


def test_a_short_last_page_of_workers_seen_before_is_the_end(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", page_size=10) as (partner, bench):
        numbers = [*range(10), 9]  # somebody was added in front between the two pages
        partner.rows = [{"id": str(number)} for number in numbers]
        assert set(people(list(bench.changes()))) == {str(number) for number in range(10)}


def test_each_page_has_a_checkpoint_for_each_stream(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", size=40) as (_, bench):
        changes = list(bench.changes())
        for stream in STREAMS:
            assert cursors(changes, stream) == [{"offset": 10}, {"offset": 20}, {"offset": 30}, None]


def test_a_resumed_listing_starts_at_the_oldest_cursor(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", size=40) as (partner, bench):
        list(bench.changes({"people": {"offset": 20}, "org_units": {"offset": 10}, "memberships": {"offset": 20}}))
        assert offsets(partner)[0] == 0, "job_roles has no cursor"
        list(bench.changes({stream: {"offset": 10 if stream == "org_units" else 20} for stream in STREAMS}))
        assert 10 in offsets(partner)
        assert offsets(partner).count(0) == 1


def test_a_token_that_expires_between_two_pages_is_renewed(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        changes = bench.changes()
        seen = [next(changes)]
        partner.tokens.revoke()
        seen += changes
        assert set(people(seen)) == set(partner.expected("rest")["people"])
        assert sum(request.path.endswith("/token") for request in partner.requests) == 2


def test_a_rotated_refresh_token_is_used_for_the_next_token_of_the_run(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.tokens.rotates = True
        changes = bench.changes()
        seen = [next(changes)]
        partner.tokens.revoke()
        seen += changes
        sent = [r.form["refresh_token"] for r in partner.requests if r.path.endswith("/token")]
        assert len(set(sent)) == 2
        assert cursors(seen)[-1] is None


def test_the_client_authenticates_in_the_form_and_no_header(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        list(bench.changes())
        token = partner.requests[0]
        assert token.path == "/ccx/oauth2/northwind_dpt1/token"
        assert set(token.form) == {"grant_type", "refresh_token", "client_id", "client_secret"}
        assert "authorization" not in token.headers


def test_no_page_asks_for_more_than_workday_allows(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", page_size=100) as (partner, bench):
        list(bench.changes())
        assert partner.requests[-1].query == {"limit": "100", "offset": "0"}
