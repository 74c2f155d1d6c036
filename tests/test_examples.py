import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mkt.cli.stage import EXAMPLES
from mkt.cli.wiring import build_registry, build_source
from mkt.configs.base import Configs
from mkt.configs.connector_settings import build_settings
from mkt.secrets.base import Reference
from mkt.settings import load

ROOT = Path(__file__).parents[1]
BROKEN = "initech"


@pytest.fixture(scope="module")
def configs() -> Configs:
    return build_source(load(EXAMPLES, {})).load()


def lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkt", "lint", "--project", str(EXAMPLES), "--output", "text", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_example_loads_but_the_one_that_is_broken_on_purpose(configs: Configs) -> None:
    assert {*configs.tenants, BROKEN} == {path.stem for path in EXAMPLES.glob("configs/*.yaml")}
    assert [broken.tenant for broken in configs.broken] == [BROKEN]


def test_the_settings_of_every_example_are_right(configs: Configs) -> None:
    registry = build_registry()
    models = [build_settings(c, registry[c.connector]) for c in configs.configurations]
    assert len(models) == len(configs.configurations) > 0


def test_each_secret_is_a_variable_of_its_own(configs: Configs) -> None:
    references = [Reference.parse(text) for c in configs.configurations for text in c.secrets.values()]
    assert {reference.scheme for reference in references} == {"env"}
    assert len(references) == len(set(references))


def test_no_example_talks_to_a_real_customers_tenant_in_plain_text(configs: Configs) -> None:
    urls = [str(c.settings["base_url"]) for c in configs.configurations]
    assert [url for url in urls if not url.startswith("https://")] == []


def test_lint_finds_what_is_broken_on_purpose_and_nothing_else() -> None:
    found = lint()
    places = [line for line in found.stdout.splitlines() if ": MKT" in line]
    assert places == [
        "configs/initech.yaml:6:5: MKT201 shedule is not known",
        "configs/initech.yaml:10:7: MKT303 settings.reprot is not known",
    ]
    assert "Did you mean schedule?" in found.stdout
    assert "Did you mean report?" in found.stdout
    assert found.returncode == 1


def test_the_broken_example_says_so_in_its_first_line() -> None:
    first, *_ = (EXAMPLES / "configs" / f"{BROKEN}.yaml").read_text().splitlines()
    assert first.startswith("# BROKEN ON PURPOSE")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What an installation gets, by way of a source archive as on a package index."""
    folder = tmp_path_factory.mktemp("dist")
    hatch = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), "--target"]
    subprocess.run([*hatch, "sdist"], cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run([sys.executable, "-m", "tarfile", "--extract", str(archive), str(folder)], check=True)
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    subprocess.run([*hatch, "wheel"], cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as names:
        return set(names.namelist())


def test_an_installation_has_the_examples(packed: set[str]) -> None:
    wanted = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("configs/*.yaml")} | {"mkt.toml"}
    assert {f"mkt/examples/{name}" for name in wanted} <= packed


def test_an_installation_has_every_connector_with_its_manifest_and_simulator(packed: set[str]) -> None:
    for connector in build_registry().values():
        folder = connector.package.replace(".", "/")
        assert {f"{folder}/manifest.yaml", f"{folder}/simulator.py", f"{folder}/settings.py"} <= packed


def test_an_installation_has_no_tests_and_nothing_that_somebody_left_in_the_examples(packed: set[str]) -> None:
    unwanted = [name for name in packed if "/test_" in name or "/fixtures/" in name or "/.mkt/" in name]
    assert unwanted == []
    assert {name.partition("/")[0].partition("-")[0] for name in packed} == {"mkt", "mkt_connectors"}
