import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from mkt.configs.base import Problem
from mkt.configs.document import read
from mkt.contract import Json
from mkt.lint.schema import config_schema
from mkt.registry import ConnectorRegistry

Lint = Callable[..., list[Problem]]
Drawn = st.SearchStrategy[Any]
JUDGED_BY_THE_SCHEMA = ("MKT2", "MKT30", "MKT310", "MKT401", "MKT402", "MKT601")
BEYOND_A_SCHEMA = {"MKT205", "MKT206", "MKT207", "MKT208", "MKT209", "MKT307", "MKT308", "MKT309", "MKT302"}

WORDS = st.sampled_from(
    ["x", "acme-hr", "https://api.acme.example", "env:A", "full", "any", "2026-01-31", "A--b", "", "no"]
)
SCALARS = WORDS | st.booleans() | st.none() | st.integers(-5, 600) | st.sampled_from([0.5, 99.5, -0.5])
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
)


def mostly(right: Drawn) -> Drawn:
    """Draw the right kind of value most of the time, so that whole configs are right now and then."""
    return st.integers(0, 19).flatmap(lambda dice: ANY if dice == 0 else right)


def keys(required: dict[str, Drawn], **optional: Drawn) -> Drawn:
    extra = {"x-unknown": SCALARS}
    full = {name: mostly(value) for name, value in optional.items()}
    good = st.fixed_dictionaries({name: mostly(value) for name, value in required.items()}, optional=full)
    bad = st.fixed_dictionaries({}, optional={**required, **full, **extra})
    return st.integers(0, 9).flatmap(lambda dice: bad if dice == 0 else good)


NUMBERS = st.integers(1, 500)
SETTINGS = keys(
    {"base_url": st.just("https://api.acme.example")},
    mode=st.sampled_from(["full", "delta"]),
    page_size=NUMBERS,
    ratio=st.sampled_from([0.5, 1, 2]),
    units=st.just("any") | st.lists(WORDS, max_size=2),
    columns=st.lists(keys({"field": WORDS}, alias=WORDS), max_size=2),
    params=st.dictionaries(WORDS, mostly(WORDS), max_size=2),
    archived=st.booleans(),
    acme_client_id=st.just("abc"),
    acme_client_secret=WORDS,
)
INTEGRATION = keys(
    {"connector": st.just("acme-hr"), "settings": SETTINGS},
    name=st.sampled_from(["one", "two"]),
    enabled=st.booleans(),
    disabled=keys({}, until=st.just("2027-01-07"), reason=WORDS) | st.none(),
    schedule=st.just("@daily") | st.none(),
    timezone=st.just("Europe/London"),
    secrets=st.dictionaries(
        st.sampled_from(["ACME_CLIENT_ID", "ACME_CLIENT_SECRET", "OTHER"]), mostly(st.just("env:A"))
    ),
    guard=keys({}, max_delete_percent=NUMBERS, max_change_percent=st.just(75), ignore_below=NUMBERS),
)
CONFIG = keys(
    {"tenant": st.just("northwind"), "integrations": st.lists(INTEGRATION, max_size=2)},
    labels=st.dictionaries(st.sampled_from(["region", "a=b", ""]), mostly(WORDS), max_size=2),
)


Verdict = Callable[[Json, str], None]


@pytest.fixture
def agree(lint: Lint, registry: ConnectorRegistry) -> Verdict:
    """Hold that the schema refuses what lint refuses. A text that is no schedule is beyond a schema."""
    validator = Draft202012Validator(config_schema(registry))

    def compare(data: Json, text: str) -> None:
        found = {problem.code for problem in lint({"a.yaml": text})} - BEYOND_A_SCHEMA
        refused = {code for code in found if code.startswith(JUDGED_BY_THE_SCHEMA)}
        errors = [error.message for error in validator.iter_errors(data)]
        assert errors or not refused
        assert refused or found & {"MKT501", "MKT502"} or not errors

    return compare


@given(CONFIG)
@settings(suppress_health_check=list(HealthCheck), max_examples=150, deadline=None)
def test_schema_and_loader_agree(agree: Verdict, config: Json) -> None:
    agree(config, json.dumps(config))


CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_schema_and_loader_agree_on_the_corpus(agree: Verdict, path: Path) -> None:
    document = read(path.read_bytes(), "x.yaml")
    if not document.problems:
        agree(document.data, path.read_text())


def test_the_schema_of_all_connectors_here_is_one_that_check_jsonschema_takes(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(config_schema(ConnectorRegistry.discover())))
    command = [sys.executable, "-m", "check_jsonschema", "--check-metaschema", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_broken_connector_leaves_the_schema_of_the_others(registry: ConnectorRegistry) -> None:
    schema = config_schema(registry)
    assert schema["$defs"]["IntegrationPart"]["properties"]["connector"]["enum"] == list(registry)
    assert "acme-hr.settings" in schema["$defs"]
    assert "acme-unimportable.settings" not in schema["$defs"]


EXAMPLES = Path(__file__).parents[2] / "examples" / "configs"


def test_what_mkt_config_schema_prints_judges_the_examples_as_lint_does(tmp_path: Path) -> None:
    printed = subprocess.run([sys.executable, "-m", "mkt", "config", "schema"], capture_output=True, check=True)
    file = tmp_path / "schema.json"
    file.write_bytes(printed.stdout)
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(file)]
    right = [str(path) for path in sorted(EXAMPLES.glob("*.yaml")) if path.stem != "initech"]
    done = subprocess.run([*command, *right], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = subprocess.run([*command, str(EXAMPLES / "initech.yaml")], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "'reprot' was unexpected" in wrong.stdout
