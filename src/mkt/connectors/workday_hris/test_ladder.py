from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation import faults
from mkt.testing.ladder import failure, outcomes, said
from mkt.testing.workbench import Workbench


@contextmanager
def workday(folder: Path, variant: str = "raas", **settings: Any) -> Iterator[tuple[WorkdaySimulator, Workbench]]:
    with WorkdaySimulator() as partner, Workbench(folder, partner, variant) as bench:
        bench.configure({**bench.configuration.settings, **settings})
        yield partner, bench


def test_a_report_read_by_the_systems_user_passes_without_a_token(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        assert outcomes(bench) == {
            "credentials": "pass",
            "token": "skip",
            "endpoint": "pass",
            "page": "pass",
            "columns": "pass",
            "leavers": "pass",
        }
        assert "5 of 25 workers are terminated" in said(bench, "leavers")


def test_an_api_client_asks_for_a_token(tmp_path: Path) -> None:
    with workday(tmp_path, "raas-oauth") as (_, bench):
        assert "granted an access token for 60 minutes" in said(bench, "token")


def test_rest_has_no_columns_and_shows_no_leavers(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (_, bench):
        assert (outcomes(bench)["columns"], outcomes(bench)["leavers"]) == ("skip", "warn")
        assert "All Active and Terminated Workers" in said(bench, "leavers")


def test_a_report_that_hides_leavers_is_warned_of(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.rows = [
            {"Employee_ID": "1", "primaryWorkEmail": "a@x.example", "Job_Title": "A", "Worker_Status": "1"}
        ]
        assert outcomes(bench)["leavers"] == "warn"
        assert "All Active and Terminated Workers" in said(bench, "leavers")


def test_rest_refuses_the_systems_user_before_anything_is_sent(tmp_path: Path) -> None:
    with workday(tmp_path, mode="rest") as (partner, bench):
        assert failure(bench) == ("credentials", "workday.rest_needs_oauth", "us")
        assert partner.requests == []


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("WORKDAY_REFRESH_TOKEN", "workday.invalid_grant"),
        ("WORKDAY_CLIENT_SECRET", "workday.invalid_client"),
        ("WORKDAY_CLIENT_ID", "workday.invalid_client"),
    ],
)
def test_each_wrong_part_of_an_api_clients_credentials_fails_the_token_step(
    tmp_path: Path, secret: str, code: str
) -> None:
    with workday(tmp_path, "rest") as (_, bench):
        bench.environ[secret] = "something-else"
        assert failure(bench) == ("token", code, "customer")


def test_a_wrong_password_is_tried_once_only(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.environ["WORKDAY_ISU_PASSWORD"] = "something-else"
        assert failure(bench) == ("endpoint", "workday.isu_refused", "customer")
        assert len(partner.requests) == 1


def test_an_expired_static_token_recommends_a_refresh_token(tmp_path: Path) -> None:
    with workday(tmp_path, "rest-bearer") as (partner, bench):
        partner.tokens.revoke()
        assert failure(bench) == ("endpoint", "workday.static_token_expired", "us")
        assert "static token expired; configure a refresh token" in said(bench, "endpoint")


def test_a_wrong_tenant_name_is_named_behind_a_503_of_the_token_endpoint(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", tenant="nortwind") as (_, bench):
        assert failure(bench) == ("token", "workday.token_unavailable", "us")
        assert "tenant name nortwind" in said(bench, "token")


def test_a_404_of_the_token_endpoint_is_a_wrong_address(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.inject(faults.status(404), times=None, path="/token")
        assert failure(bench) == ("token", "workday.token_url", "us")


def test_an_unknown_report_is_our_mistake(tmp_path: Path) -> None:
    with workday(tmp_path, report="isu_mkt/Lerner_Roster") as (_, bench):
        assert failure(bench) == ("endpoint", "workday.no_report", "us")


def test_an_unknown_api_path_is_our_mistake(tmp_path: Path) -> None:
    with workday(tmp_path, "rest", api_path="/ccx/api/v1/{tenant}/people") as (_, bench):
        assert failure(bench) == ("endpoint", "workday.no_resource", "us")


@pytest.mark.parametrize(("variant", "code"), [("raas", "report_denied"), ("rest", "workers_denied")])
def test_a_403_says_which_right_is_missing(tmp_path: Path, variant: str, code: str) -> None:
    with workday(tmp_path, variant) as (partner, bench):
        partner.inject(faults.status(403), times=None, path="/(workers|Learner_Roster)")
        assert failure(bench) == ("endpoint", f"workday.{code}", "customer")


def test_a_500_that_says_not_authorized_is_permanent(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.shared = False
        assert failure(bench) == ("endpoint", "workday.report_denied", "customer")
        assert len(partner.requests) == 1


def test_a_required_prompt_is_named_with_what_to_write(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.prompts = ("From Moment",)
        assert failure(bench) == ("endpoint", "workday.report_prompt", "us")
        assert '"From Moment"' in said(bench, "endpoint")
        assert '`From_Moment: "{since}"`' in said(bench, "endpoint")


def test_workdays_own_words_are_shown_of_what_is_not_valid(tmp_path: Path) -> None:
    body = '{"error": "Validation error occurred.", "errors": [{"error": "offset: must be a number"}]}'
    with workday(tmp_path, "rest") as (partner, bench):
        partner.inject(faults.status(400, body=body), times=None, path="/workers")
        assert failure(bench) == ("endpoint", "workday.validation", "us")
        assert "Validation error occurred.: offset: must be a number" in said(bench, "endpoint")


def test_a_mapped_column_that_no_row_has_fails_the_columns_step(tmp_path: Path) -> None:
    with workday(tmp_path, columns={"email": "Work_Mail", "location": "Location"}) as (_, bench):
        assert failure(bench) == ("columns", "workday.column_missing", "us")
        assert "column Work_Mail (for email)" in said(bench, "columns")


def test_an_empty_report_is_a_warning(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.rows = []
        assert outcomes(bench) == {
            **dict.fromkeys(("credentials", "endpoint"), "pass"),
            **dict.fromkeys(("page", "columns", "leavers"), "warn"),
            "token": "skip",
        }


def test_workers_without_id_are_warned_of(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.rows = [{"id": "1", "descriptor": "A"}, {"descriptor": "B"}]
        assert "1 of 2 workers have no id" in said(bench, "page")


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"Report_Entry": {}}', b'{"report": "x"}'])
def test_an_answer_without_entries_is_no_report(tmp_path: Path, body: bytes) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.inject(faults.status(200, {"Content-Type": "application/json"}, body), times=None)
        assert failure(bench) == ("page", "workday.no_report_entry", "us")


def test_an_answer_without_data_is_no_page_of_workers(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        partner.inject(faults.status(200, body=b'{"total": 3}'), times=None, path="/workers")
        assert failure(bench)[:2] == ("page", "workday.no_data")


def test_a_maintenance_page_is_expected_to_pass(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.inject(faults.html(), times=None)
        result = bench.verify()
        assert result.failure is not None
        assert result.failure.error_class == "transient"


def test_another_kind_of_ids_than_the_stored_one_is_warned_of(tmp_path: Path) -> None:
    with workday(tmp_path, "rest") as (partner, bench):
        bench.sync()
        bench.configure(partner.settings("raas"))
        assert "the next sync would replace them all" in said(bench, "page")
