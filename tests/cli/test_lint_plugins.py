"""`mkt lint` where another distribution's connector misbehaves: the other findings are told all the same."""

from pathlib import Path

import pytest
from tests.cli.front import ENVIRONMENT, Answer, Project
from tests.cli.process import run

MANIFEST = (Path(__file__).parents[1] / "lint" / "acme_hr" / "manifest.yaml").read_text()
FAILING = """\
    @field_validator("base_url")
    @classmethod
    def check(cls, value: str) -> str:
        raise RuntimeError(value)
"""
ENTRY = "  - connector: acme-odd\n    settings: {base_url: https://api.acme.example/hunter2}\n"


@pytest.fixture
def plugins(tmp_path: Path, project: Project) -> Path:
    """A tenant of the connector acme-odd, and the folder in which it is installed."""
    (project.root / "configs" / "northwind.yaml").write_text(f"tenant: northwind\nfoo: 1\nintegrations:\n{ENTRY}")
    folder = tmp_path / "plugins"
    metadata = folder / "acme_odd-1.dist-info"
    for made in (folder / "acme_odd", metadata):
        made.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-odd\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[mkt.connectors]\nacme-odd = acme_odd\n")
    (folder / "acme_odd" / "__init__.py").touch()
    (folder / "acme_odd" / "manifest.yaml").write_text(MANIFEST.replace("acme-hr", "acme-odd"))
    return folder


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("raise RuntimeError('oh')", "", "settings.py: RuntimeError: oh"),
        ("raise SystemExit(5)", "", "settings.py: SystemExit: 5"),
        ("", FAILING, "settings.py: RuntimeError in a validator"),
    ],
    ids=["raises", "exits", "validator"],
)
def test_a_connector_that_fails_is_one_finding(first: str, last: str, said: str, plugins: Path) -> None:
    answer = _linted(plugins, first, last)
    assert answer.code == 1
    assert [found["code"] for found in answer.document] == ["MKT201", "MKT302"]
    assert said in answer.document[1]["message"]
    assert "hunter2" not in answer.out + answer.err


def test_what_a_connector_prints_is_no_part_of_the_findings(plugins: Path) -> None:
    answer = _linted(plugins, "print('hello')")
    assert [found["code"] for found in answer.document] == ["MKT201"]
    assert answer.err == "hello\n"


def _linted(plugins: Path, first: str, last: str = "") -> Answer:
    settings = (
        f"from pydantic import BaseModel, field_validator\n{first}\nclass Settings(BaseModel):\n    base_url: str\n"
    )
    (plugins / "acme_odd" / "settings.py").write_text(f"{settings}{last}")
    return run("lint", "-o", "json", environment={**ENVIRONMENT, "PYTHONPATH": str(plugins)})
