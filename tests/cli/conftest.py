"""A project with one integration of a simulated partner, and `mkt` run on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.front import ENVIRONMENT, Answer, Mkt, Project

from mkt.cli.app import run
from mkt.connectors.workday_hris.simulator import WorkdaySimulator


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) - set(ENVIRONMENT):
        monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "mkt.toml").touch()
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


@pytest.fixture
def partner(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    """A Workday tenant that northwind/roster is connected to, due every night."""
    with WorkdaySimulator() as simulator:
        for name, value in simulator.secrets().items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
        project.write("northwind", settings=simulator.settings(), schedule="15 2 * * *")
        yield simulator


@pytest.fixture
def paged(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    """A larger Workday tenant in the partner's place, read in pages of ten."""
    with WorkdaySimulator(600) as simulator:
        for name, value in simulator.secrets("rest").items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
        project.write("northwind", settings=simulator.settings("rest"), schedule="15 2 * * *")
        # At Workday's own pace its pages would take most of a test's time.
        pace = "[defaults.workday-hris]\nrate_limit = {requests = 1000, seconds = 1}\n"
        (project.root / "mkt.toml").write_text(pace)
        yield simulator


@pytest.fixture
def mkt(capsys: pytest.CaptureFixture[str]) -> Mkt:
    """Run `mkt` in this process, through its error boundary."""

    def called(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return called
