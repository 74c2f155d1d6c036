"""Bad files and bad answers, through the front door: a message that leads there, and nothing lost."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cli.front import Project
from tests.cli.process import live, records, run
from tests.unprivileged import UNPRIVILEGED

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.connectors.workday_hris.workforce import common_row, recruit
from mkt.simulation import Reply, faults
from mkt.simulation.exchange import Exchange, Fault

FILE = "configs/northwind.yaml"


@pytest.fixture
def before(partner: WorkdaySimulator) -> str:
    """All records after a good sync of northwind/roster."""
    del partner
    assert run("sync").code == 0
    return records()


@dataclass(frozen=True)
class Files:
    """What is written in place of northwind's file, and where the message has to lead."""

    written: str
    place: str
    words: str


BAD_FILES = {
    "no YAML": Files("tenant: northwind\nintegrations: ]\n", f"{FILE}:2:15", "this is not YAML"),
    "a wrong type": Files("tenant: northwind\nintegrations: 7\n", f"{FILE}:2:15", "list"),
    "a wrong type within": Files(
        "tenant: northwind\nintegrations:\n  - connector: workday-hris\n    enabled: maybe\n", f"{FILE}:4:14", "true"
    ),
    "nothing": Files("", f"{FILE}:1:1", "empty"),
    "a list": Files("- tenant: northwind\n", f"{FILE}:1:1", "tenant"),
}


@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_shown_at_its_line_and_its_records_stay(project: Project, before: str, bad: Files) -> None:
    (project.root / FILE).write_text(bad.written)
    linted, synced, verified = run("lint"), run("sync", "northwind", "-o", "table"), run("verify", "-o", "table")
    assert (linted.code, synced.code, verified.code) == (1, 1, 1)
    for answer in (linted, synced, verified):
        assert bad.place in answer.out
        assert bad.words in answer.out
    assert synced.out.splitlines()[-1] == "next: mkt lint"
    assert records() == before


@pytest.mark.usefixtures("partner")
def test_one_tenant_in_two_files_is_refused_in_both(project: Project, before: str) -> None:
    text = (project.root / FILE).read_text()
    (project.root / "configs" / "old.yaml").write_text(text)
    linted, synced = run("lint"), run("sync", "northwind", "-o", "table")
    assert (linted.code, synced.code) == (1, 1)
    assert f"{FILE}:2:12: MKT701 tenant northwind stands in another file too: configs/old.yaml:2" in linted.out
    assert f"configs/old.yaml:2:12: MKT701 tenant northwind stands in another file too: {FILE}:2" in linted.out
    assert f"{FILE}:2:12: tenant northwind stands in another file too: configs/old.yaml:2" in synced.out
    assert records() == before


@pytest.mark.usefixtures("partner")
def test_a_folder_in_place_of_a_file_is_that_tenants_failure(project: Project, before: str) -> None:
    (project.root / "configs" / "acme.yaml").mkdir()
    linted, synced = run("lint"), run("sync", "--all", "-o", "table")
    assert (linted.code, synced.code) == (1, 3)
    for answer in (linted, synced):
        assert "configs/acme.yaml cannot be read: it is not a file" in answer.out
    assert records() == before


@pytest.mark.usefixtures("partner")
def test_a_file_without_read_permission_is_that_tenants_failure(project: Project, before: str) -> None:
    (project.root / "configs" / "acme.yaml").write_text("tenant: acme\nintegrations: []\n")
    (project.root / "configs" / "acme.yaml").chmod(0)
    linted = run("lint", before=UNPRIVILEGED)
    synced = run("sync", "--all", "-o", "table", before=UNPRIVILEGED)
    assert (linted.code, synced.code) == (1, 3)
    for answer in (linted, synced):
        assert "configs/acme.yaml cannot be read: Permission denied" in answer.out
    assert records() == before


@pytest.mark.parametrize("command", ["lint", "verify", "sync", "status"])
def test_an_empty_config_folder_stops_every_command(project: Project, before: str, command: str) -> None:
    (project.root / FILE).rename(project.root / "northwind.yaml")
    answer = run(command)
    assert (answer.code, answer.out) == (2, "")
    assert "mkt: empty config folder: " in answer.err
    assert f"{project.root}/configs has no file that ends in .yaml or .yml" in answer.err
    assert records() == before


def test_a_config_folder_without_read_permission_stops_the_start(project: Project, before: str) -> None:
    (project.root / "configs").chmod(0)
    answer = run("sync", before=UNPRIVILEGED)
    (project.root / "configs").chmod(0o700)
    assert (answer.code, answer.out) == (2, "")
    assert "cannot be read: Permission denied" in answer.err
    assert records() == before


@dataclass(frozen=True)
class Answers:
    """A partner's bad answer, the words that tell of it, and the step of the ladder that meets it."""

    fault: Fault
    words: str
    step: str


def _instead(body: Any) -> Fault:
    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        del answer
        exchange.send(Reply.json(body))

    return fault


BAD_ANSWERS = {
    "a page of HTML": Answers(faults.html(), "answered a web page instead of JSON", "one page readable"),
    "JSON cut in half": Answers(faults.cut_json(), "JSON", "one page readable"),
    "another shape": Answers(_instead({"data": 7}), "no list `Report_Entry`", "one page readable"),
    "no rows at all": Answers(_instead([]), "no list `Report_Entry`", "one page readable"),
}


@pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_fails_at_its_step_and_changes_nothing(
    partner: WorkdaySimulator, before: str, bad: Answers
) -> None:
    partner.inject(bad.fault, path="customreport2", times=None)
    verified, synced = run("verify", "-o", "table"), run("sync", "--all", "-o", "table")
    assert (verified.code, synced.code) == (1, 1)
    assert f"fail  {bad.step}" in verified.out
    assert bad.words in verified.out
    assert bad.words in synced.out
    assert "acts: " in synced.out
    assert records() == before
    partner.heal()
    assert run("sync", "--all").code == 0
    assert records() == before


@pytest.fixture
def before_paged(paged: WorkdaySimulator) -> str:
    """All records after a good sync."""
    del paged
    assert run("sync", "--all").code == 0
    return records()


def test_the_same_page_for_ever_ends_and_changes_nothing(paged: WorkdaySimulator, before_paged: str) -> None:
    paged.ignores_offset = True
    answer = run("sync", "--all", "-o", "table")
    assert answer.code == 1
    assert "the page of workers at offset 10 has the same workers as one before it" in answer.out
    assert records() == before_paged


@pytest.mark.parametrize("total", [0, 3, 10_000])
def test_a_wrong_total_loses_nobody(paged: WorkdaySimulator, before_paged: str, total: int) -> None:
    paged.total = total
    for _ in range(2):  # who is missing from two listings in a row would be deleted
        assert run("sync", "--all").code == 0
    assert records() == before_paged


def test_a_page_cut_in_the_middle_of_the_listing_changes_nothing(paged: WorkdaySimulator, before_paged: str) -> None:
    paged.change()
    paged.inject(faults.cut_json(), path="workers", after=1, times=None)
    assert run("sync", "--all").code == 1
    assert records() == before_paged
    paged.heal()
    assert run("sync", "--all").code == 0
    assert records() != before_paged


def _rows(size: int) -> list[dict[str, Any]]:
    return [common_row(recruit(number)) for number in range(1, size + 1)]


def test_one_record_without_an_id_is_left_out_with_its_place_and_nobody_is_deleted(paged: WorkdaySimulator) -> None:
    paged.rows = _rows(300)
    assert run("sync", "--all").code == 0
    before = records()
    del paged.rows[250]["id"]
    answer = run("sync", "--all", "-o", "table")
    assert answer.code == 0
    assert "1 record of people left out: record 251 of this run: no external id" in answer.out
    assert "so what is no longer listed is kept" in answer.out
    assert run("sync", "--all").code == 0
    assert records() == before


def test_many_records_without_an_id_fail_the_run(paged: WorkdaySimulator, before_paged: str) -> None:
    paged.rows = [{**row, "id": ""} if number % 2 else row for number, row in enumerate(_rows(20))]
    answer = run("sync", "--all", "-o", "table")
    assert answer.code == 1
    assert "are not usable: people record 2 of this run: no external id" in answer.out
    assert records() == before_paged


def test_duplicate_ids_are_one_record_with_the_last_value(paged: WorkdaySimulator) -> None:
    paged.rows = [*_rows(4), {**_rows(1)[0], "businessTitle": "the last one"}]
    [result] = run("sync", "--all", "-o", "json").document["results"]
    assert result["streams"]["people"]["created"] == 4
    people = run("records", "export", "--stream", "people").lines
    assert len(people) == len({person["external_id"] for person in people}) == 4
    assert sum(person["data"]["title"] == "the last one" for person in people) == 1
    before = records()
    assert run("sync", "--all").code == 0
    assert records() == before


def test_of_two_streams_in_one_listing_the_empty_one_does_not_take_the_other_along(paged: WorkdaySimulator) -> None:
    paged.rows = _rows(30)
    assert run("sync", "--all").code == 0
    before = live()
    paged.rows = [{name: value for name, value in row.items() if "Organization" not in name} for row in paged.rows]
    for _ in range(2):
        answer = run("sync", "--all", "-o", "table")
        assert answer.code == 1
        assert "org_units: the partner listed none, 5 are stored" in answer.out
    assert live() == before


def test_an_empty_listing_after_a_full_one_deletes_nobody(paged: WorkdaySimulator, before_paged: str) -> None:
    paged.rows = []
    for _ in range(2):
        answer = run("sync", "--all", "-o", "table")
        assert answer.code == 1
        assert "the partner listed none" in answer.out
    assert records() == before_paged


def test_a_link_to_nowhere_and_a_pipe_are_told_and_not_waited_for(project: Project, before: str) -> None:
    (project.root / "configs" / "acme.yaml").symlink_to("nowhere")
    os.mkfifo(project.root / "configs" / "globex.yaml")
    answer = run("sync", "--all", "-o", "table")
    assert answer.code == 3
    assert "configs/acme.yaml cannot be read: the link leads nowhere" in answer.out
    assert "configs/globex.yaml cannot be read: it is not a file" in answer.out
    assert records() == before
