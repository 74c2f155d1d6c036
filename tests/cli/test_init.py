"""`mkt init`: a new project, and the files by which cron and systemd run it."""

import re
import shlex
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.contract import Guard
from mkt.settings import load

BARE = {"HOME": "/", "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
"""All that cron gives a command (crontab(5))."""


def by_cron(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: the sixth field goes to the shell, `\\%` is a percent sign."""
    command = line.split(maxsplit=5)[5].replace(r"\%", "%")
    return subprocess.run(
        ["/bin/sh", "-c", command], env=BARE, cwd="/", capture_output=True, text=True, check=False, timeout=60
    )


def jobs(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def awkward(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project in a folder whose name has all that shells, cron and systemd trip over."""
    folder = project.root / "it's 100% $HOME"
    folder.mkdir()
    for path in (project.root / "mkt.toml", project.root / "configs"):
        path.rename(folder / path.name)
    monkeypatch.chdir(folder)
    return Project(folder)


def test_a_new_project_is_ready_to_lint(mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = mkt("init", str(tmp_path / "new"))
    assert answer.code == 0
    assert f"next: mkt lint --project {tmp_path / 'new'}" in answer.out
    monkeypatch.chdir(tmp_path / "new")
    assert mkt("lint", "-o", "json").document == []
    (tenant,) = mkt("tenants", "list", "-o", "json").document
    assert (tenant["tenant"], tenant["integrations"][0]["enabled"]) == ("example", False)
    assert {".mkt/", ".env", ".secrets/"} <= set(Path(".gitignore").read_text().splitlines())


def test_what_is_commented_out_shows_the_defaults(mkt: Mkt, tmp_path: Path) -> None:
    mkt("init", str(tmp_path))
    file = tmp_path / "mkt.toml"
    before = load(tmp_path, {})
    file.write_text(re.sub(r"^#(?=\w+ = )", "", file.read_text(), flags=re.MULTILINE))
    after = load(tmp_path, {})
    assert (before.defaults.schedule, after.defaults.schedule) == (None, "15 2 * * *")
    assert before.model_dump(exclude={"defaults"}) == after.model_dump(exclude={"defaults"})
    assert after.defaults.timezone == "UTC"
    assert after.defaults.guard.model_dump() == asdict(Guard())


def test_nothing_that_is_there_is_overwritten(mkt: Mkt, project: Project) -> None:
    (project.root / "mkt.toml").write_text("concurrency = 3\n")
    answer = mkt("init")
    assert answer.code == 0
    assert "kept   mkt.toml" in answer.out
    assert (project.root / "mkt.toml").read_text() == "concurrency = 3\n"
    assert mkt("init").out.count("kept") == 4


def test_a_folder_that_cannot_be_made_is_said(mkt: Mkt, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = mkt("init", str(tmp_path / "file"))
    assert answer.code == 2
    assert "cannot be written: " in answer.err


def test_the_lines_of_cron_sync_and_alert_with_crons_bare_environment(
    mkt: Mkt, partner: WorkdaySimulator, awkward: Project
) -> None:
    variables = [f"MKT_SECRET__NORTHWIND__ROSTER__{name}={shlex.quote(v)}" for name, v in partner.secrets().items()]
    (awkward.root / ".env").write_text("\n".join(variables))
    sync, alert = jobs(mkt("init", "--cron").out)
    done = by_cron(sync)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert int(mkt("records", "list", "-o", "json").document[0]["live"]) > 0
    assert "sync.completed" in (awkward.root / ".mkt" / "mkt.log").read_text()
    assert by_cron(alert).stdout == ""


def test_cron_reads_a_value_as_every_other_command_does(
    mkt: Mkt, partner: WorkdaySimulator, awkward: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell would make something else of this line, and run a part of it."""
    password, variable = "two words $HOME `id`", "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD"
    partner.isu = (partner.isu[0], password)
    monkeypatch.delenv(variable)
    name = partner.secrets()["WORKDAY_ISU_USERNAME"]
    (awkward.root / ".env").write_text(
        f"{variable}={password}\nMKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_USERNAME={name}\n"
    )
    assert mkt("verify", "-q").code == 0
    sync, _ = jobs(mkt("init", "--cron").out)
    assert by_cron(sync).returncode == 0
    assert mkt("status", "--check").code == 0


@pytest.mark.usefixtures("partner")
def test_what_fails_is_in_crons_mail(mkt: Mkt) -> None:
    sync, alert = jobs(mkt("init", "--cron").out)
    failed = by_cron(sync)
    assert failed.returncode == 1
    assert "northwind/roster" in failed.stdout
    told = by_cron(alert)
    assert told.returncode == 1
    assert "northwind/roster  workday-hris  failing" in told.stdout


def test_the_table_can_be_given_to_crontab_as_it_is(mkt: Mkt, project: Project) -> None:
    text = mkt("init", "--cron").out
    assert all(line.split()[1:5] == ["*"] * 4 for line in jobs(text))
    assert str(project.root / ".mkt" / "mkt.log") in text
    assert "# # mkt: keeps eight weeks of its log" in text


def test_files_are_written_only_where_they_are_asked_for(mkt: Mkt, project: Project, tmp_path: Path) -> None:
    before = set(project.root.rglob("*"))
    mkt("init", "--cron")
    assert set(project.root.rglob("*")) == before
    assert mkt("init", "--cron", "--write", str(tmp_path / "out")).code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"mkt.crontab", "mkt.logrotate"}
    rotation = (tmp_path / "out" / "mkt.logrotate").read_text()
    assert f'"{project.root}/.mkt/mkt.log" {{' in rotation


@pytest.mark.usefixtures("awkward")
def test_the_units_of_systemd_are_well_formed(mkt: Mkt, tmp_path: Path) -> None:
    assert mkt("init", "--systemd", "--write", str(tmp_path / "units")).code == 0
    units = sorted(str(path) for path in (tmp_path / "units").iterdir() if path.suffix in (".service", ".timer"))
    assert len(units) == 7
    service = (tmp_path / "units" / "mkt-sync.service").read_text()
    assert '--project "' + str(Path.cwd()).replace("%", "%%").replace("$", "$$") + '"' in service
    if analyze := shutil.which("systemd-analyze"):
        checked = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_the_units_are_printed_each_under_its_path(mkt: Mkt, project: Project) -> None:
    text = mkt("init", str(project.root), "--systemd").out
    for name in (
        "mkt-sync.service",
        "mkt-sync.timer",
        "mkt-status.service",
        "mkt-status.timer",
        "mkt-alert@.service",
        "mkt-serve.service",
        "mkt-worker.service",
    ):
        assert f"# /etc/systemd/system/{name}\n[Unit]\n" in text
    assert "OnFailure=mkt-alert@%n.service" in text
    steps = text.partition("[Unit]")[0]
    assert "# sudo systemctl enable --now mkt-sync.timer mkt-status.timer\n" in steps
    assert "# sudo systemctl enable --now mkt-worker.service  # only where the store is in Supabase\n" in steps


def test_whoever_writes_the_units_reads_how_they_are_installed(mkt: Mkt, project: Project, tmp_path: Path) -> None:
    units = tmp_path / "my units"
    lines = mkt("init", str(project.root), "--systemd", "--write", str(units)).out.splitlines()
    steps = [line.removeprefix("next: ") for line in lines if line.startswith("next: ")]
    assert steps[0] == f"sudo cp '{units}'/mkt-*.service '{units}'/mkt-*.timer /etc/systemd/system/"
    assert steps[2:4] == [
        "sudo systemctl daemon-reload",
        "sudo systemctl enable --now mkt-sync.timer mkt-status.timer",
    ]


@pytest.mark.parametrize("arguments", [("--cron", "--systemd"), ("--write", "out")])
def test_options_that_make_no_sense_together_are_refused(mkt: Mkt, arguments: tuple[str, ...]) -> None:
    assert mkt("init", *arguments).code == 2


def test_lines_for_cron_need_a_project(mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = mkt("init", "--cron")
    assert answer.code == 2
    assert "no project here" in answer.err


def test_a_folder_with_a_line_break_in_its_name_is_refused(mkt: Mkt, tmp_path: Path) -> None:
    folder = tmp_path / "two\nlines"
    folder.mkdir()
    answer = mkt("init", str(folder), "--cron")
    assert answer.code == 1
    assert r"two\nlines" in answer.err.splitlines()[0]
