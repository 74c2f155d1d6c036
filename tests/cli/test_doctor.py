"""`mkt doctor`."""

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyring
import pytest
from keyring.core import load_keyring
from tests.cli.front import Mkt, Project
from tests.cli.process import run

from mkt.cli.checkup import checkup
from mkt.cli.options import Installation
from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.output.checks import Check

PLUGIN = Path(__file__).parents[1] / "plugin"
PREFIX = "MKT_SECRET__NORTHWIND__ROSTER__"
PASSWORD = "keyring:mkt/northwind/roster/WORKDAY_ISU_PASSWORD"


def give_cron(project: Project, partner: WorkdaySimulator) -> None:
    """Put the variables where a line of cron reads them."""
    lines = [f"{PREFIX}{name}='{value}'\n" for name, value in partner.secrets().items()]
    (project.root / ".env").write_text("".join(lines))


def write_crontab(folder: Path, monkeypatch: pytest.MonkeyPatch, assignments: str) -> None:
    """Have `crontab -l` list these."""
    crontab = folder / "bin" / "crontab"
    crontab.parent.mkdir()
    crontab.write_text(f"#!/bin/sh\ncat <<'END'\n{assignments}\n* * * * * mkt sync\nEND\n")
    crontab.chmod(0o755)
    monkeypatch.setenv("PATH", f"{crontab.parent}:/usr/bin:/bin")


def _named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_a_good_installation_passes_every_check(mkt: Mkt, project: Project, partner: WorkdaySimulator) -> None:
    give_cron(project, partner)
    answer = mkt("doctor", "-o", "json")
    assert answer.code == 0
    names = (
        "python",
        "sqlite",
        "time zones",
        "connectors",
        "project",
        "configs",
        "store",
        "keyring",
        "alerts",
        "cron",
        "clock",
    )
    assert [check["name"] for check in answer.document if check["ok"]] == list(names)
    assert mkt("doctor", "-q").out == ""
    assert mkt("doctor").out.splitlines()[-2] == "all 11 checks are ok"


def test_a_disk_that_is_nearly_full_is_told(
    mkt: Mkt, project: Project, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_cron(project, partner)
    monkeypatch.setattr(f"{checkup.__module__}._LITTLE", 2**63)
    answer = mkt("doctor", "-o", "json")
    assert answer.code == 1
    (disk,) = [check for check in answer.document if not check["ok"]]
    assert disk["name"] == "disk"
    assert f"MB are free on the disk of {project.root / '.mkt'}" in disk["found"]
    monkeypatch.setenv("MKT_STORE", "sqlite:elsewhere/mkt.db")
    assert f"MB are free on the disk of {project.root / 'elsewhere'}" in mkt("doctor").out


def test_without_a_project_the_rest_is_still_checked(
    mkt: Mkt, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    answer = mkt("doctor")
    assert answer.code == 1
    assert answer.out.splitlines()[0].split()[:2] == ["fail", "project"]
    assert "remedy" in answer.out


def test_a_store_that_cannot_be_opened_is_found(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    (project.root / ".mkt").write_text("in the way")
    assert mkt("doctor").code == 1
    check = _named(checkup(Installation()), "store")
    assert not check.ok
    assert check.remedy


def test_configs_that_cannot_be_read_are_found(project: Project) -> None:
    assert not _named(checkup(Installation()), "configs").ok
    project.write("northwind")
    assert _named(checkup(Installation()), "configs").found == "1 tenant, 1 integration"


def test_an_old_sqlite_is_found(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("northwind")
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 7, 17))
    assert not _named(checkup(Installation()), "sqlite").ok


@pytest.fixture
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(load_keyring("keyring.backends.fail.Keyring"))
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("no_keyring")
def test_a_keyring_is_missed_only_where_one_is_referred_to(project: Project) -> None:
    project.write("northwind")
    assert _named(checkup(Installation()), "keyring").ok
    project.write("northwind", secrets={"WORKDAY_BEARER_TOKEN": "keyring:mkt/token"})
    assert not _named(checkup(Installation()), "keyring").ok


@pytest.mark.usefixtures("partner")
def test_a_clock_behind_the_newest_run_is_found(mkt: Mkt) -> None:
    mkt("verify")
    checks = checkup(Installation(), now=lambda: datetime.now(UTC) - timedelta(hours=1))
    assert "before the newest run" in _named(checks, "clock").found


@pytest.mark.usefixtures("partner")
def test_variables_that_cron_lacks_are_named_with_what_to_do(mkt: Mkt, project: Project) -> None:
    answer = mkt("doctor")
    assert answer.code == 1
    (check,) = [check for check in checkup(Installation()) if check.name == "cron"]
    assert check.found == (
        f"northwind/roster: cron does not find WORKDAY_ISU_USERNAME (env:{PREFIX}WORKDAY_ISU_USERNAME), "
        f"WORKDAY_ISU_PASSWORD (env:{PREFIX}WORKDAY_ISU_PASSWORD)"
    )
    assert f"{project.root}/.env" in check.remedy


def test_a_connector_that_only_this_session_knows_is_named(
    project: Project, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_cron(project, partner)
    project.write("acme", name="hook", connector="hooked")
    monkeypatch.syspath_prepend(str(PLUGIN))
    (check,) = [check for check in checkup(Installation()) if check.name == "cron"]
    assert (check.ok, check.found) == (False, "cron sees no integration of the connector hooked")
    assert sys.executable in check.remedy


def test_a_secret_that_crons_older_package_does_not_know_is_named(
    project: Project, partner: WorkdaySimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_cron(project, partner)
    project.write("acme", name="hook", connector="hooked")
    older = tmp_path / "older"
    shutil.copytree(PLUGIN, older)
    manifest = older / "hooked" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("HOOK_SECRET", "HOOK_KEY"))
    monkeypatch.syspath_prepend(str(PLUGIN))
    write_crontab(tmp_path, monkeypatch, f"PYTHONPATH={older}")
    (check,) = [check for check in checkup(Installation()) if check.name == "cron"]
    assert (check.ok, check.found) == (False, "acme/hook: cron's mkt does not know the secret HOOK_SECRET")
    assert check.remedy.startswith("Is its hooked an older package?")


def test_an_integration_that_cron_does_not_see_is_named_where_it_sees_another_of_the_connector(
    project: Project, partner: WorkdaySimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_cron(project, partner)
    shutil.copytree(project.root / "configs", project.root / "other")
    project.write("acme")
    write_crontab(tmp_path, monkeypatch, "MKT_CONFIG_DIR=other")
    (check,) = [check for check in checkup(Installation()) if check.name == "cron"]
    assert (check.ok, check.found) == (False, "acme/roster: cron sees none of its secrets")
    assert "into mkt.toml" in check.remedy


def test_variables_in_crons_own_table_are_enough(
    mkt: Mkt, partner: WorkdaySimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignments = "\n".join(f'{PREFIX}{name} = "{value}"' for name, value in partner.secrets().items())
    write_crontab(tmp_path, monkeypatch, assignments)
    assert mkt("doctor").code == 0


def test_an_integration_that_is_not_enabled_may_lack_what_it_likes(mkt: Mkt, project: Project) -> None:
    project.write("northwind", enabled=False, settings={"base_url": "https://wd5.workday.com", "tenant": "n"})
    assert mkt("doctor").code == 0


def test_settings_that_only_this_session_has_are_found(
    project: Project, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_cron(project, partner)
    (project.root / "configs").rename(project.root / "tenants")
    monkeypatch.setenv("MKT_CONFIG_DIR", "tenants")
    check = _named(checkup(Installation()), "cron")
    assert "cron could not run mkt" in check.found
    assert "is no folder of configs" in check.found
    assert "--config-dir" in check.remedy
    assert _named(checkup(Installation(config_dir=Path("tenants"))), "cron").ok


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_a_keyring_that_hangs_on_the_session_is_found(
    project: Project,
    partner: WorkdaySimulator,
    session: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    give_cron(project, partner)
    for name, value in session.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(f"{PREFIX}WORKDAY_ISU_PASSWORD")
    project.write("northwind", settings=partner.settings(), secrets={"WORKDAY_ISU_PASSWORD": PASSWORD})
    assert run("secrets", "set", "northwind", "WORKDAY_ISU_PASSWORD", input=partner.isu[1].encode()).code == 0
    found = run("doctor", "-o", "json")
    assert found.code == 1
    keyring_check, cron = (check for check in found.document if check["name"] in ("keyring", "cron"))
    assert keyring_check["ok"]
    assert cron["found"] == f"northwind/roster: cron does not find WORKDAY_ISU_PASSWORD ({PASSWORD})"
    assert "secrets copy northwind/roster northwind/roster WORKDAY_ISU_PASSWORD --to file" in cron["remedy"]
    # The remedy's other half: the bus's address in cron's own table.
    write_crontab(tmp_path, monkeypatch, f"DBUS_SESSION_BUS_ADDRESS={session['DBUS_SESSION_BUS_ADDRESS']}")
    assert run("doctor").code == 0


def test_a_broken_file_is_not_all_right(mkt: Mkt, project: Project, partner: WorkdaySimulator) -> None:
    give_cron(project, partner)
    (project.root / "configs" / "acme.yaml").write_text("tenant: [", encoding="utf-8")
    found = next(check for check in mkt("doctor", "-o", "json").document if check["name"] == "configs")
    assert (found["ok"], found["found"]) == (False, "1 tenant, 1 integration, 1 broken")


@pytest.mark.usefixtures("partner")
def test_a_variable_that_nothing_reads_is_named_with_the_near_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKT_CONCURENCY", "4")
    monkeypatch.setenv("MKT_SECRET__OTHER__PROJECT__TOKEN", "s3cret-value")
    for read in ("MKT_CONCURRENCY", "MKT_HOSTS__ALLOW", "MKT_DEFAULTS__GUARD__IGNORE_BELOW", "MKT_MINE"):
        monkeypatch.setenv(read, "[]" if "ALLOW" in read else "5")
    project.write("hooli", secrets={"WORKDAY_BEARER_TOKEN": "env:MKT_MINE"})
    (project.root / ".env").write_text(f"{PREFIX}WORKDAY_ISU_PASWORD='hunter2-hunter2'\nMKT_NONSENSE=1\n")
    found = {check.found: check.remedy for check in checkup(Installation()) if check.name == "variables"}
    file = project.root / ".env"
    assert found == {
        "this session sets MKT_CONCURENCY, which nothing reads": "Did you mean MKT_CONCURRENCY?",
        f"{file} sets MKT_NONSENSE, which nothing reads": "Take it out, or see `mkt config show` for the names.",
        f"{file} sets {PREFIX}WORKDAY_ISU_PASWORD, which nothing reads": (
            f"Did you mean {PREFIX}WORKDAY_ISU_PASSWORD?"
        ),
    }


def test_messages_that_wait_for_a_dead_webhook_are_counted(mkt: Mkt, project: Project) -> None:
    project.write("northwind", settings={"base_url": "https://wd5.workday.com", "tenant": "n"}, schedule="@hourly")
    (project.root / "mkt.toml").write_text('[alerts]\nwebhook = "http://127.0.0.1:9/gone"\n')
    assert _named(checkup(Installation())[::-1], "alerts").found == "none waits, none was lost"
    mkt("sync")
    check = _named([check for check in checkup(Installation()) if not check.ok], "alerts")
    assert check.found.startswith("1 message waiting to be sent, the oldest from 0 s ago (")
    assert "; webhook: " in check.found
    assert "mkt alerts list" in check.remedy
