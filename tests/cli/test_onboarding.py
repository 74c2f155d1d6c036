"""`mkt tenants add|remove`, `mkt handover`, `mkt enable|disable` and `mkt config show`."""

import os
import pty
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.store.base import Key
from mkt.store.sqlite import SqliteStore

NEXT_WEEK = str(datetime.now(UTC).date() + timedelta(days=7))
READY = """\
tenant: northwind
integrations:
  - name: roster          # people
    connector: workday-hris
    settings: {base_url: https://wd5-services1.workday.com, tenant: nw}
  - name: contractors
    connector: workday-hris
    disabled: {reason: moved}
    settings: {base_url: https://wd5-services1.workday.com, tenant: nw}
"""


@pytest.fixture
def file(project: Project) -> Path:
    path = project.root / "configs" / "northwind.yaml"
    path.write_text(READY)
    return path


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A terminal as stdin, and a person who answers."""
    person, screen = pty.openpty()
    with os.fdopen(screen, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield lambda answer: os.write(person, f"{answer}\n".encode())
    os.close(person)


def actions(mkt: Mkt) -> list[tuple[str, str, str]]:
    events = mkt("events", "-o", "jsonl").lines
    details = [event["details"] for event in events if event["event"] == "operator.action"]
    return [(each["what"], each["target"], each["reason"]) for each in details]


def test_a_tenant_is_added_filled_in_enabled_and_synced(
    mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = mkt("tenants", "add", "northwind", "-c", "workday", "--label", "region=emea")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "wrote configs/northwind.yaml; its integrations are disabled until `mkt enable`",
        "  northwind/workday-hris: fill in base_url, tenant",
        "next: mkt handover northwind",
        "next: mkt secrets list northwind",
        "next: mkt verify northwind",
        "next: mkt enable northwind",
    ]
    refused = mkt("enable", "northwind")
    assert refused.code == 1
    assert "configs/northwind.yaml:10: settings.base_url is missing" in refused.err
    unfilled = mkt("verify", "northwind", "-o", "table")
    assert "Fill in base_url, tenant at configs/northwind.yaml:10. " in unfilled.out
    assert "not reached" not in unfilled.out
    with WorkdaySimulator() as simulator:
        path = project.root / "configs" / "northwind.yaml"
        lines = "".join(f"\n      {name}: {value}" for name, value in simulator.settings().items())
        path.write_text(path.read_text().replace("    settings:", f"    settings:{lines}"))
        for name, value in simulator.secrets().items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__WORKDAY_HRIS__{name}", value)
        assert mkt("verify", "northwind").code == 0
        assert mkt("sync", "northwind", "--now").lines[-1]["details"]["ok"] == 0
        assert mkt("enable", "northwind", "--reason", "went live").code == 0
        assert mkt("sync", "northwind", "--now").lines[-1]["details"]["ok"] == 1
    assert actions(mkt) == [("add", "northwind", ""), ("enable", "northwind/workday-hris", "went live")]
    assert mkt("events", "northwind", "-o", "jsonl").lines[0]["details"]["what"] == "add"


def test_a_tenant_is_added_as_json_to_a_place_of_choice(mkt: Mkt, project: Project) -> None:
    given = mkt("tenants", "add", "acme", "-c", "workday-hris", "--path", "configs/emea/acme.yaml", "-o", "json")
    assert given.document["path"] == "configs/emea/acme.yaml"
    assert given.document["integrations"] == [{"integration": "workday-hris", "missing": ["base_url", "tenant"]}]
    text = (project.root / "configs/emea/acme.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../../schema.json\n")


@pytest.mark.parametrize("broken", ["tenant: acme\nintegrations: 3\n", "["])
def test_a_tenant_that_exists_in_a_broken_file_is_not_added(mkt: Mkt, project: Project, broken: str) -> None:
    (project.root / "configs" / "acme.yml").write_text(broken)
    answer = mkt("tenants", "add", "acme", "-c", "workday-hris")
    assert answer.code == 1
    assert "tenant acme exists already: configs/acme.yml" in answer.err
    assert actions(mkt) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["Acme", "-c", "workday-hris"], 2),
        (["acme"], 2),
        (["acme", "-c", "workday-hris", "--label", "x"], 2),
        (["acme", "-c", "salesfarce"], 1),
        (["acme", "-c", "workday-hris", "-c", "workday-hris"], 1),
        (["acme", "-c", "workday-hris", "--path", "acme.yaml"], 1),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    mkt: Mkt, project: Project, arguments: list[str], code: int
) -> None:
    assert mkt("tenants", "add", *arguments).code == code
    assert list((project.root / "configs").iterdir()) == []


def test_disable_writes_the_day_and_the_reason_and_enable_takes_them_out(mkt: Mkt, file: Path) -> None:
    answer = mkt("disable", "northwind/roster", "--until", NEXT_WEEK, "--reason", "school  holidays")
    assert answer.out.splitlines() == [
        f"northwind/roster: disabled until {NEXT_WEEK} (school holidays)  configs/northwind.yaml",
        "next: mkt status northwind/roster",
    ]
    line = f"    disabled: {{until: {NEXT_WEEK}, reason: school holidays}}\n"
    assert file.read_text() == READY.replace("connector: workday-hris\n", f"connector: workday-hris\n{line}", 1)
    assert mkt("enable", "northwind/roster").code == 0
    assert file.read_text() == READY
    assert [what for what, *_ in actions(mkt)] == ["disable", "enable"]


def test_disabling_a_tenant_wakes_nobody_who_rests_longer(mkt: Mkt, file: Path) -> None:
    found = mkt("disable", "northwind", "--until", NEXT_WEEK, "-o", "json").document
    assert [(each["integration"], each["changed"]) for each in found] == [("roster", True), ("contractors", False)]
    assert found[1]["disabled"] == {"until": None, "reason": "moved"}
    assert "disabled: {reason: moved}" in file.read_text()
    assert mkt("disable", "northwind/contractors", "--until", NEXT_WEEK).code == 0
    assert "moved" not in file.read_text()


def test_a_tenants_later_day_wins_over_an_earlier_one(mkt: Mkt, file: Path) -> None:
    mkt("disable", "northwind/roster", "--until", NEXT_WEEK)
    assert mkt("disable", "northwind", "--reason", "gone", "-o", "json").document[0]["changed"]
    assert NEXT_WEEK not in file.read_text()


def test_enabling_a_tenant_enables_all_of_it_once(mkt: Mkt, file: Path) -> None:
    assert [each["changed"] for each in mkt("enable", "northwind", "-o", "json").document] == [False, True]
    assert file.read_text() == READY.replace("    disabled: {reason: moved}\n", "")
    assert (
        mkt("enable", "northwind").out.splitlines()[0] == "northwind/roster: already enabled  configs/northwind.yaml"
    )
    assert len(actions(mkt)) == 1


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    "arguments",
    [
        ["northwind", "--until", "2020-01-01"],
        ["northwind", "--until", str(datetime.now(UTC).date())],
        ["northwind", "--until", "tomorrow"],
        ["northwind", "--reason", "a\x07b"],
        ["northwnd"],
        ["northwind/rooster"],
        [],
    ],
)
def test_a_day_a_reason_or_a_target_that_makes_no_sense_starts_nothing(mkt: Mkt, arguments: list[str]) -> None:
    assert mkt("disable", *arguments).code == 2


@pytest.mark.parametrize("command", ["enable", "disable", "handover"])
def test_a_broken_file_is_left_alone(mkt: Mkt, file: Path, command: str) -> None:
    file.write_text(READY + "x: 1\n")
    answer = mkt(command, "northwind")
    assert (answer.code, "configs/northwind.yaml:10:1" in answer.err) == (1, True)
    assert file.read_text() == READY + "x: 1\n"
    file.write_text("tenant: northwind\n")
    assert mkt(command, "northwind").code == 1


def test_of_several_tenants_none_is_changed_where_one_cannot_be(mkt: Mkt, project: Project, file: Path) -> None:
    project.write("acme", disabled={"reason": "onboarding"})
    assert mkt("enable", "northwind", "acme").code == 1
    assert file.read_text() == READY
    project.write("acme", connector="nobody", enabled=False)
    assert "there is no connector nobody" in mkt("enable", "acme").err


def test_handover_is_markdown_for_the_customer_and_json_for_scripts(mkt: Mkt, file: Path) -> None:
    assert file.exists()
    text = mkt("handover", "northwind/roster").out
    assert text.startswith("# Workday HCM: northwind/roster\n\nIn Workday, an administrator")
    assert mkt("handover", "northwind/roster", "-o", "json").document["integration"] == "roster"
    assert len(mkt("handover", "northwind", "-o", "json").document) == 2


def test_handover_needs_a_connector(mkt: Mkt, project: Project) -> None:
    project.write("acme", connector="nobody")
    answer = mkt("handover", "acme")
    assert (answer.code, "there is no connector nobody" in answer.err) == (1, True)


def test_each_effective_value_has_its_origin(
    mkt: Mkt, project: Project, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "mkt.toml").write_text(
        '[defaults]\nschedule = "@daily"\n[defaults.workday-hris]\ntimezone = "Europe/London"\n'
    )
    monkeypatch.setenv("MKT_DEFAULTS__GUARD__IGNORE_BELOW", "7")
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_BEARER_TOKEN", "hunter2-hunter2")
    file.write_text(READY.replace("# people", "\n    guard: {max_delete_percent: 5}", 1))
    answer = mkt("config", "show", "northwind/roster", "-o", "json")
    assert "hunter2" not in answer.out
    found = {each["key"]: (each["value"], each["origin"]) for each in answer.document["values"]}
    assert found["connector"] == ("workday-hris", "configs/northwind.yaml:5")
    assert found["schedule"] == ("@daily", "mkt.toml: defaults.schedule")
    assert found["timezone"] == ("Europe/London", "mkt.toml: defaults.workday-hris.timezone")
    assert found["guard.max_delete_percent"] == (5, "configs/northwind.yaml:4")
    assert found["guard.max_change_percent"] == (75, "default")
    assert found["guard.ignore_below"] == (7, "variable MKT_DEFAULTS__GUARD__IGNORE_BELOW")
    assert found["settings.base_url"] == ("https://wd5-services1.workday.com", "configs/northwind.yaml:6")
    assert found["settings.page_size"] == (100, "default")
    token = next(each for each in answer.document["secrets"] if each["name"] == "WORKDAY_BEARER_TOKEN")
    assert token["found"] == "env:MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_BEARER_TOKEN"


def test_a_value_in_the_wrong_place_is_not_shown(mkt: Mkt, project: Project) -> None:
    settings = {
        "base_url": "https://isu:hunter2@wd5.workday.com",
        "workday_bearer_token": "hunter2",
        "pasword": "hunter2",
        "workday_client_id": "client-7",
        "columns": {"email": "https://hunter2@x"},
    }
    secrets = {"WORKDAY_ISU_PASSWORD": "pass:hunter2", "WORKDAY_CLIENT_SECRET": "hunter2"}
    project.write("acme", settings=settings, secrets=secrets, disabled={"until": NEXT_WEEK})
    table, document = mkt("config", "show", "acme"), mkt("config", "show", "acme", "-o", "json")
    assert (table.code, document.code) == (0, 0)
    assert "hunter2" not in table.out + document.out
    assert "client-7" in table.out
    assert table.out.splitlines()[-1] == "next: mkt lint"
    values = {each["key"]: each for each in document.document[0]["values"]}
    assert values["settings.tenant"]["origin"] == "missing"
    assert values["disabled"]["value"] == {"until": NEXT_WEEK, "reason": ""}


def test_the_operators_settings_have_origins_too(mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "mkt.toml").write_text("[defaults.workday-hris]\nschedule = '@daily'\n")
    (project.root / ".env").write_text("MKT_PUBLIC_URL=https://mkt.example\n")
    monkeypatch.setenv("MKT_CONCURRENCY", "3")
    found = {
        each["key"]: (each["value"], each["origin"])
        for each in mkt("config", "show", "--store", "sqlite:x.db", "-o", "json").document
    }
    assert found["store"] == ("sqlite:x.db", "--store")
    assert found["concurrency"] == (3, "variable MKT_CONCURRENCY")
    assert found["public_url"] == ("https://mkt.example", ".env: MKT_PUBLIC_URL")
    assert found["defaults.workday-hris.schedule"] == ("@daily", "mkt.toml: defaults.workday-hris.schedule")
    assert "defaults.workday-hris.timezone" not in found
    assert found["retention.runs"] == (365, "default")
    assert "concurrency  " in mkt("config", "show").out


def test_removing_needs_a_word_where_nobody_can_be_asked(mkt: Mkt, file: Path) -> None:
    answer = mkt("tenants", "remove", "northwind")
    assert (answer.code, file.exists()) == (2, True)
    assert "--yes" in answer.err
    assert mkt("tenants", "remove", "northwind", "--yes").out.splitlines()[:2] == [
        "removed configs/northwind.yaml",
        "its records, runs, states and events stay in the store; --purge erases them for good",
    ]
    assert not file.exists()
    assert actions(mkt) == [("remove", "northwind", "")]


def test_on_a_terminal_a_person_is_asked(mkt: Mkt, file: Path, terminal: Any) -> None:
    terminal("n")
    answer = mkt("tenants", "remove", "northwind")
    assert (answer.code, file.exists()) == (1, True)
    assert "Remove configs/northwind.yaml of tenant northwind?" in answer.err
    terminal("y")
    assert mkt("tenants", "remove", "northwind").code == 0
    assert not file.exists()


def test_a_file_that_holds_something_else_stays(mkt: Mkt, file: Path) -> None:
    file.write_text(f"{READY}passwords: []\n")
    answer = mkt("tenants", "remove", "northwind", "--yes")
    assert (answer.code, file.exists()) == (1, True)
    assert "holds passwords besides" in answer.err


@pytest.mark.usefixtures("partner")
def test_purging_erases_the_records_also_after_the_file_has_gone(mkt: Mkt) -> None:
    mkt("sync", "northwind", "--now")
    mkt("tenants", "remove", "northwind", "--yes")
    assert mkt("records", "list", "-o", "json").document != []
    assert mkt("tenants", "remove", "northwind", "--yes").code == 1
    answer = mkt("tenants", "remove", "northwind", "--yes", "--purge", "-o", "json")
    assert answer.document == {"tenant": "northwind", "path": None, "purged": True}
    assert mkt("records", "list", "-o", "json").document == []
    assert mkt("runs", "list", "-o", "json").document == []
    assert actions(mkt) == [("purge", "northwind", "")]


def test_what_runs_is_not_purged_and_what_is_left_to_do_is_said(mkt: Mkt, file: Path, project: Project) -> None:
    with closing(SqliteStore.open(project.root / ".mkt" / "mkt.db")) as store:
        lease = store.acquire(Key("northwind", "roster"))
        answer = mkt("tenants", "remove", "northwind", "--yes", "--purge")
        assert (answer.code, file.exists()) == (1, False)
        assert "configs/northwind.yaml is removed, but its data is not: " in answer.err
        assert "`mkt tenants remove northwind --purge`" in answer.err
        assert lease is not None
        store.release(lease)
    assert actions(mkt) == [("remove", "northwind", "")]
    assert mkt("tenants", "remove", "northwind", "--yes", "--purge").code == 0


@pytest.mark.usefixtures("project")
def test_an_unknown_tenant_is_not_removed(mkt: Mkt) -> None:
    answer = mkt("tenants", "remove", "nobody", "--yes", "--purge")
    assert (answer.code, "there is no tenant nobody" in answer.err) == (1, True)


@pytest.mark.usefixtures("project")
def test_files_are_not_changed_while_the_configurations_come_from_elsewhere(mkt: Mkt) -> None:
    answer = mkt("tenants", "add", "acme", "-c", "workday-hris", "--source", "supabase")
    assert (answer.code, "come from supabase" in answer.err) == (1, True)
