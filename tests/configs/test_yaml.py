import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.unprivileged import UNPRIVILEGED

from mkt.configs.base import Configs
from mkt.configs.yaml import YamlSource
from mkt.contract import Disabled, Guard, Schedule
from mkt.errors import StartError
from mkt.settings import AllDefaults

Load = Callable[..., Configs]


NORTHWIND = """\
# yaml-language-server: $schema=../schema.json
tenant: northwind
labels: {region: emea, owner: team-hr}         # free, filterable with --label region=emea
integrations:
  - name: roster                                # unique in the tenant; default: the connector's id
    connector: workday-hris
    enabled: true
    disabled: {until: 2027-01-07, reason: school holidays}
    schedule: "15 2 * * *"                      # cron, 5 fields, or @hourly @daily @weekly
    timezone: Europe/London                     # default UTC
    settings:                                   # typed by the connector
      base_url: https://wd5-services1.workday.com
      tenant: northwind_dpt1
      report: isu_mkt/Learner_Roster
      columns: {external_id: Employee_ID, email: primaryWorkEmail, title: Job_Title}
    secrets:                                    # name -> reference; a value never stands here
      WORKDAY_ISU_USERNAME: env:NORTHWIND_ISU_USER
      WORKDAY_ISU_PASSWORD: keyring:mkt/northwind/roster/WORKDAY_ISU_PASSWORD
    guard: {max_delete_percent: 10, max_change_percent: 75, ignore_below: 20}
"""
MINIMAL = "tenant: {}\nintegrations:\n  - connector: acme-hr\n"


def test_the_example_of_the_documentation_loads(load: Load) -> None:
    configs = load({"northwind.yaml": NORTHWIND})
    (roster,) = configs.configurations
    assert configs.broken == ()
    assert configs.tenants == ("northwind",)
    assert roster.target == "northwind/roster"
    assert roster.labels == {"region": "emea", "owner": "team-hr"}
    assert roster.disabled == Disabled(until=date(2027, 1, 7), reason="school holidays")
    assert roster.schedule == Schedule("15 2 * * *", "Europe/London")
    assert roster.settings["columns"] == {
        "external_id": "Employee_ID",
        "email": "primaryWorkEmail",
        "title": "Job_Title",
    }
    assert roster.secrets["WORKDAY_ISU_USERNAME"] == "env:NORTHWIND_ISU_USER"
    assert roster.guard == Guard(max_delete_percent=10, max_change_percent=75, ignore_below=20)


def test_every_key_has_its_place(load: Load) -> None:
    (roster,) = load({"emea/northwind.yaml": NORTHWIND}).configurations
    assert roster.place() == "configs/emea/northwind.yaml:5"
    assert roster.place("schedule") == "configs/emea/northwind.yaml:9"
    assert roster.place("settings.columns.email") == "configs/emea/northwind.yaml:15"
    assert roster.place("settings.nowhere") == "configs/emea/northwind.yaml:11"
    assert roster.place("secrets.WORKDAY_ISU_PASSWORD") == "configs/emea/northwind.yaml:18"
    assert len(roster.origin.lines) == len(list(roster.origin.lines)) == 23


def test_what_a_file_leaves_out_has_a_default(load: Load) -> None:
    (configuration,) = load({"northwind.yaml": MINIMAL.format("northwind")}).configurations
    assert configuration.name == "acme-hr"
    assert configuration.enabled
    assert configuration.schedule is None
    assert configuration.guard == Guard()
    assert configuration.settings == configuration.secrets == configuration.labels == {}


def test_a_tenant_without_integrations_is_a_tenant(load: Load) -> None:
    configs = load({"northwind.yaml": "tenant: northwind\nlabels:\n"})
    assert configs.tenants == ("northwind",)
    assert configs.configurations == ()


DEFAULTS = AllDefaults.model_validate(
    {
        "schedule": "@daily",
        "guard": {"ignore_below": 5},
        "acme-hr": {"timezone": "Europe/Berlin", "guard": {"max_delete_percent": 3}},
    }
)


def test_the_operators_defaults_fill_what_a_file_leaves_out(load: Load) -> None:
    (configuration,) = load({"northwind.yaml": MINIMAL.format("northwind")}, DEFAULTS).configurations
    assert configuration.schedule == Schedule("@daily", "Europe/Berlin")
    assert configuration.guard == Guard(max_delete_percent=3, ignore_below=5)


def test_a_file_wins_over_the_operators_defaults(load: Load) -> None:
    text = MINIMAL.format("northwind") + "    schedule: null\n    guard: {ignore_below: 7}\n"
    (configuration,) = load({"northwind.yaml": text}, DEFAULTS).configurations
    assert configuration.schedule is None
    assert configuration.guard == Guard(max_delete_percent=3, ignore_below=7)


def test_one_broken_file_leaves_the_others(load: Load) -> None:
    configs = load({"a.yaml": MINIMAL.format("alpha"), "b.yaml": "tenant: [", "c.yml": MINIMAL.format("gamma")})
    (broken,) = configs.broken
    assert configs.tenants == ("alpha", "gamma")
    assert broken.tenant == "b"
    assert broken.problems[0].tenant == "b"
    assert str(broken.problems[0].position) == "configs/b.yaml:2:1"


def test_a_broken_file_goes_by_the_tenant_that_it_names(load: Load) -> None:
    (broken,) = load({"file.yaml": "tenant: northwind\nlabel: {}\n"}).broken
    assert broken.tenant == "northwind"


@pytest.mark.parametrize(("name", "tenant"), [("North Wind.yaml", "north-wind"), ("---.yaml", "unnamed")])
def test_a_file_without_a_tenant_goes_by_its_name_as_a_slug(load: Load, name: str, tenant: str) -> None:
    (broken,) = load({name: "[]"}).broken
    assert broken.tenant == tenant


def test_the_digest_changes_with_the_content(load: Load) -> None:
    first, same, other = (load({"b.yaml": text}).broken[0].digest for text in ("a: [", "a: [", "b: ["))
    assert first == same != other


def test_two_files_of_one_tenant_are_both_refused(load: Load) -> None:
    configs = load({"a.yaml": MINIMAL.format("northwind"), "b/a.yaml": MINIMAL.format("northwind")})
    (broken,) = configs.broken
    assert configs.tenants == ()
    assert [str(problem.position) for problem in broken.problems] == ["configs/a.yaml:1:9", "configs/b/a.yaml:1:9"]


def test_a_broken_file_takes_the_healthy_one_of_its_tenant_along(load: Load) -> None:
    configs = load({"a.yaml": MINIMAL.format("northwind"), "b.yaml": "tenant: northwind\nlabel: {}\n"})
    (broken,) = configs.broken
    assert configs.configurations == ()
    assert [problem.code for problem in broken.problems] == ["MKT701", "MKT701", "MKT201"]


def test_hidden_files_and_folders_and_other_files_are_not_read(load: Load) -> None:
    files = dict.fromkeys((".a.yaml", ".git/b.yaml", "README.md", "c.yaml.bak"), "[")
    assert load({**files, "northwind.yaml": MINIMAL.format("northwind")}).broken == ()


def test_a_byte_order_mark_is_no_harm(load: Load) -> None:
    content = b"\xef\xbb\xbf" + MINIMAL.format("northwind").encode()
    assert load({"northwind.yaml": content}).tenants == ("northwind",)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"tenant: caf\xe9\n", "MKT102"),
        (b"tenant: a\x07\n", "MKT102"),
        (b'tenant: "a\\0"\n', "MKT102"),
        ("tenant: a".encode("utf-16"), "MKT102"),
        (b"# " + b"x" * 1_000_000, "MKT103"),
        (b"", "MKT104"),
        (b"\xef\xbb\xbf", "MKT104"),
        (b"a: " + b"[" * 400_000, "MKT110"),
        (b"- " * 400_000, "MKT110"),
        (b"\n".join(b" " * depth + b"a:" for depth in range(1000)), "MKT110"),
    ],
)
def test_bytes_that_are_no_config_break_their_file_only(load: Load, content: bytes, code: str) -> None:
    configs = load({"bad.yaml": content, "northwind.yaml": MINIMAL.format("northwind")})
    assert configs.tenants == ("northwind",)
    assert [problem.code for broken in configs.broken for problem in broken.problems][:1] == [code]


def test_what_is_no_file_breaks_itself_only(load: Load, tmp_path: Path) -> None:
    (tmp_path / "configs" / "folder.yaml").mkdir(parents=True)
    (tmp_path / "configs" / "link.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "configs" / "pipe.yaml")
    configs = load({"northwind.yaml": MINIMAL.format("northwind")})
    assert [broken.tenant for broken in configs.broken] == ["folder", "link", "pipe"]
    assert {problem.code for broken in configs.broken for problem in broken.problems} == {"MKT103"}


_BROKEN = """
import sys
from pathlib import Path
from mkt.configs.yaml import YamlSource
from mkt.settings import AllDefaults
configs = YamlSource(Path("configs"), Path(sys.argv[1]), AllDefaults()).load()
print(configs.tenants, configs.broken[0].problems[0].message)
"""


def test_a_file_without_permission_breaks_itself_only(load: Load, tmp_path: Path) -> None:
    load({"secret.yaml": MINIMAL.format("secret"), "northwind.yaml": MINIMAL.format("northwind")})
    (tmp_path / "configs" / "secret.yaml").chmod(0)
    child = [*UNPRIVILEGED, sys.executable, "-c", _BROKEN, str(tmp_path)]
    said = subprocess.run(child, capture_output=True, text=True, check=True).stdout
    assert said == "('northwind',) configs/secret.yaml cannot be read: Permission denied\n"


def test_a_folder_that_links_to_its_parent_is_read_once(load: Load, tmp_path: Path) -> None:
    load({"northwind.yaml": MINIMAL.format("northwind")})
    (tmp_path / "configs" / "again").symlink_to(tmp_path / "configs")
    assert load({}).tenants == ("northwind",)


def test_without_a_folder_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be read: No such file"):
        YamlSource(Path("configs"), tmp_path, AllDefaults()).load()


def test_a_file_in_place_of_the_folder_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "configs").write_text("tenant: northwind")
    with pytest.raises(StartError, match="Not a directory"):
        YamlSource(Path("configs"), tmp_path, AllDefaults()).load()


def test_a_folder_without_files_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with pytest.raises(StartError, match="empty config folder"):
        YamlSource(Path("configs"), tmp_path, AllDefaults()).load()
