"""The rules of single families where the corpus is not enough: defaults, several files, the real connectors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mkt.configs.base import Problem
from mkt.lint import check
from mkt.registry import ConnectorRegistry
from mkt.secrets.env import EnvBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.settings import AllDefaults, GuardDefaults

Lint = Callable[..., list[Problem]]
ENTRY = "integrations:\n  - connector: acme-hr\n    settings: {base_url: https://api.acme.example}\n"
FILE = f"tenant: northwind\n{ENTRY}"


@pytest.fixture
def real(tmp_path: Path) -> Callable[[str], list[Problem]]:
    """Lint one integration of a connector of this installation, given from `connector:` on."""

    def run(entry: str) -> list[Problem]:
        path = tmp_path / "northwind.yaml"
        path.write_text(f"tenant: northwind\nintegrations:\n  - {entry}", encoding="utf-8")
        return check(
            [path],
            root=tmp_path,
            config_dir=Path("configs"),
            registry=ConnectorRegistry.discover(),
            defaults=AllDefaults(),
            backends=[EnvBackend(), KeyringBackend()],
        )

    return run


Real = Callable[[str], list[Problem]]
WORKDAY = (
    "connector: workday-hris\n    settings:\n      base_url: https://wd5-services1.workday.com\n      tenant: nw\n{}"
)


@pytest.mark.parametrize(
    "path", ["northwind.yaml", "northwind.yml", "emea/northwind.yaml", "northwind/hr.yaml", "NorthWind.yaml"]
)
def test_a_file_or_its_folder_is_called_as_the_tenant(path: str, lint: Lint) -> None:
    assert lint({path: FILE}) == []


def test_a_copied_file_is_shown_at_its_tenant(lint: Lint) -> None:
    (problem,) = lint({"southwind.yaml": FILE})
    assert (problem.code, problem.severity, str(problem.position)) == (
        "MKT206",
        "warning",
        "configs/southwind.yaml:1:9",
    )
    assert problem.remedy == "Call the file northwind.yaml, or correct the tenant."


def test_a_default_guard_that_guards_nothing_is_shown_at_every_integration_that_has_it(lint: Lint) -> None:
    off = AllDefaults(guard=GuardDefaults(max_delete_percent=100, ignore_below=5000))
    own = FILE + "    guard: {max_delete_percent: 5, ignore_below: 10}\n"
    assert [p.code for p in lint({"northwind.yaml": FILE}, defaults=off)] == ["MKT602", "MKT603"]
    assert all("mkt.toml" in f"{p.message}{p.remedy}" for p in lint({}, defaults=off))
    assert lint({"northwind.yaml": own}, defaults=off) == []


def fleet(number: int, rest: str = '    schedule: "0 2 * * *"\n') -> dict[str, str]:
    names = [f"tenant-{n}" for n in range(number)]
    return {f"{name}.yaml": f"tenant: {name}\n{ENTRY}{rest}" for name in names}


def test_many_tenants_in_one_minute_are_found_where_nothing_spreads_them(lint: Lint) -> None:
    problems = lint(fleet(12), defaults=AllDefaults(jitter=0))
    assert {problem.code for problem in problems} == {"MKT505"}
    assert len(problems) == 12
    assert problems[0].message == "12 tenants begin in the same minute (0 2 * * *, UTC), since jitter is 0"
    assert problems[0].position.line == 5


def test_one_file_of_many_in_one_minute_is_compared_with_the_whole_folder(lint: Lint, tmp_path: Path) -> None:
    path = tmp_path / "configs" / "tenant-3.yaml"
    (problem,) = lint(fleet(12), path, defaults=AllDefaults(jitter=0))
    assert (problem.code, problem.position.path) == ("MKT505", str(path))


def test_a_default_schedule_without_jitter_is_shown_at_the_connector(lint: Lint) -> None:
    problems = lint(fleet(10, ""), defaults=AllDefaults(schedule="@daily", jitter="0"))
    assert {(problem.code, problem.position.line) for problem in problems} == {("MKT505", 3)}


@pytest.mark.parametrize(
    ("number", "rest", "defaults"),
    [
        (12, '    schedule: "0 2 * * *"\n', AllDefaults()),
        (12, '    schedule: "0 2 * * *"\n', AllDefaults(jitter="5m")),
        (9, '    schedule: "0 2 * * *"\n', AllDefaults(jitter=0)),
        (12, '    schedule: "0 2 * * *"\n    enabled: false\n', AllDefaults(jitter=0)),
        (12, '    schedule: "0 2 * * *"\n    disabled: {reason: move}\n', AllDefaults(jitter=0)),
        (12, "    schedule: null\n", AllDefaults(jitter=0, schedule="@daily")),
    ],
)
def test_few_or_spread_or_resting_tenants_are_no_peak(
    number: int, rest: str, defaults: AllDefaults, lint: Lint
) -> None:
    assert lint(fleet(number, rest), defaults=defaults) == []


def test_what_belongs_to_the_alternative_that_was_begun_is_missed(real: Real) -> None:
    (problem,) = real(WORKDAY.format("    secrets: {WORKDAY_ISU_USERNAME: env:NW_USER}\n"))
    assert (problem.code, problem.severity) == ("MKT406", "warning")
    assert problem.message.startswith("WORKDAY_ISU_PASSWORD is needed too")
    assert "env:MKT_SECRET__NORTHWIND__WORKDAY_HRIS__WORKDAY_ISU_PASSWORD" in problem.remedy
    assert "keyring:mkt/northwind/workday-hris/WORKDAY_ISU_PASSWORD" in problem.remedy


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "    secrets: {}\n",
        "    secrets: {WORKDAY_BEARER_TOKEN: env:NW}\n",
        "    secrets: {WORKDAY_ISU_USERNAME: env:NW_USER, WORKDAY_ISU_PASSWORD: env:NW_PASSWORD}\n",
        "      workday_isu_username: isu_mkt\n    secrets: {WORKDAY_ISU_PASSWORD: env:NW_PASSWORD}\n",
        "      workday_isu_username: isu_mkt\n",
    ],
)
def test_a_whole_alternative_or_the_default_places_miss_nothing(rest: str, real: Real) -> None:
    assert real(WORKDAY.format(rest)) == []


@pytest.mark.parametrize(
    ("rest", "line", "column"),
    [
        ("      mode: raas\n", 7, 13),
        ("      mode: rest\n      page_size: 500\n", 8, 18),
        ("      columns: {external_id: A, emial: B}\n", 7, 40),
        ('      params: {Since: "{sinse}"}\n', 7, 23),
    ],
)
def test_a_fault_of_several_settings_is_shown_at_the_first_that_it_names(
    rest: str, line: int, column: int, real: Real
) -> None:
    (problem,) = real(WORKDAY.format(rest))
    assert (problem.code, problem.position.line, problem.position.column) == ("MKT305", line, column)


def test_a_setting_that_another_one_needs_is_missed_at_the_other_one(real: Real) -> None:
    (problem,) = real("connector: lti-1p3-deeplink\n    settings: {platform: sakai}\n")
    assert problem.message == "settings: platform sakai also needs token_url"
    assert (problem.position.line, problem.position.column) == (4, 26)


@pytest.mark.parametrize("key", ["WORKDAY_ISU_PASSWORD", "Workday_Isu_Password", "workday-isu-password"])
def test_a_secret_under_settings_is_found_however_it_is_written(key: str, real: Real) -> None:
    (problem,) = real(WORKDAY.format(f"      {key}: hunter2\n"))
    assert (problem.code, problem.position.line) == ("MKT306", 7)
    assert "hunter2" not in f"{problem.message}{problem.remedy}"


@pytest.mark.parametrize("key", ["client_secret", "refresh-token"])
def test_a_secret_under_settings_is_found_by_the_end_of_its_name(key: str, real: Real) -> None:
    (problem,) = real(WORKDAY.format(f"      {key}: hunter2\n"))
    assert (problem.code, problem.position.line) == ("MKT306", 7)
    assert problem.message.startswith(f"WORKDAY_{key.upper().replace('-', '_')} is sensitive")


def test_an_identifier_that_is_no_text_is_told_what_to_write(real: Real) -> None:
    assert real(WORKDAY.format("      workday_isu_username: {a: b}\n"))[0].remedy == "Write text."
    assert real(WORKDAY.format("      workday_isu_username: 12\n"))[0].remedy == "Put it in quotes."


def test_an_identifier_in_capitals_is_told_how_settings_write_it(real: Real) -> None:
    (problem,) = real(WORKDAY.format("      WORKDAY_ISU_USERNAME: isu_mkt\n"))
    assert problem.code == "MKT303"
    assert problem.remedy.startswith("Write workday_isu_username here")
