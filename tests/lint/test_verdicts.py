"""Lint and the published schema judge the same files alike, with the connectors of this installation.

Each config begins as one that is right, with the examples that the connectors give of their settings, and is then
changed in up to three places: a key removed, added or misspelt, a value replaced by one of another kind.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from mkt.configs.base import Problem
from mkt.lint import check
from mkt.lint.schema import config_schema
from mkt.registry import ConnectorRegistry
from mkt.secrets.env import EnvBackend
from mkt.settings import AllDefaults

REGISTRY: Final = ConnectorRegistry.discover()
VALIDATOR: Final = Draft202012Validator(config_schema(REGISTRY))

OF_BOTH: Final = ("MKT201", "MKT202", "MKT203", "MKT204", "MKT301", "MKT303", "MKT304", "MKT305", "MKT306", "MKT310")
"""The families structure and settings; MKT401, MKT402 and MKT601 are the same schema's, of secrets and the guard."""
OF_BOTH_TOO: Final = ("MKT401", "MKT402", "MKT601")
BEYOND_A_SCHEMA: Final = {
    "MKT205": "two integrations of one name: a schema compares whole entries only",
    "MKT305": "what a connector checks in Python: settings that contradict each other, URLs, times of day",
    "MKT307": "a URL that is plain http, or none",
    "MKT308": "a URL with a password",
    "MKT309": "a host that the manifest does not list",
    "MKT501": "text that is no cron",
    "MKT502": "text that is no time zone",
    "MKT204": "a day that no calendar has, such as 2027-02-30",
}
"""What lint alone refuses, and why. In reverse there is nothing: what the schema refuses, lint refuses."""
WORKDAY: Final = {"base_url": "https://wd5-services1.workday.com", "tenant": "nw"}
LINT_ALONE: Final = {
    "100.0 is a whole number to a schema": {"settings": {**WORKDAY, "page_size": 100.0}},
    "a pattern's end is before a last line break, in Python's validators": {
        "settings": {**WORKDAY, "tenant": "nw\n"}
    },
    "a day that no calendar has": {"disabled": {"until": "2027-02-30"}, "settings": WORKDAY},
    "settings that contradict each other": {"settings": {**WORKDAY, "mode": "raas"}},
    "a URL with a password": {"settings": {**WORKDAY, "base_url": "https://isu:x@wd5-services1.workday.com"}},
    "a foreign host": {"settings": {**WORKDAY, "base_url": "https://a.example.com"}},
    "no cron": {"schedule": "2:15", "settings": WORKDAY},
    "no time zone": {"timezone": "London", "settings": WORKDAY},
}

WORDS: Final = ["x", "", "no", "A--b", "any", "full", "https://a.example.com", "env:A", "2026-02-28", "@daily", "UTC"]
OTHERS: Final = [-1, 0, 1, 100, 5000, 0.5, True, False, None, [], {}, ["x"], [1], {"x": "y"}, {"x": 1}]
VALUES: Final = st.sampled_from([*WORDS, *OTHERS])
KEYS: Final = st.sampled_from(
    ["x-unknown", "name", "schedule", "workday_client_id", "lti_client_id", "workday_isu_password"]
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    connectors = draw(st.lists(st.sampled_from(sorted(REGISTRY)), min_size=1, max_size=2))
    entries = [_entry(draw, connector, f"name-{number}") for number, connector in enumerate(connectors)]
    config = {"tenant": "northwind", "labels": {"region": "emea"}, "integrations": entries}
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, config)
    return config


def _entry(draw: st.DrawFn, connector: str, name: str) -> dict[str, Any]:
    fields = REGISTRY[connector].settings_model.model_fields
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), max_size=6))
    wanted = {key: field for key, field in fields.items() if field.is_required() or key in chosen}
    return {
        "connector": connector,
        "name": name,
        "schedule": "15 2 * * *",
        "timezone": "Europe/London",
        "disabled": {"until": "2999-01-07", "reason": "move"},
        "settings": {key: copy.deepcopy(field.examples[0]) for key, field in wanted.items() if field.examples},
        "secrets": {REGISTRY[connector].require_manifest().secrets[0].name: "env:NORTHWIND"},
        "guard": {"max_delete_percent": 5, "ignore_below": 20},
    }


def _change(draw: st.DrawFn, config: Any) -> None:
    spots = list(_spots(config))
    if not spots:
        return
    container, key = spots[draw(st.integers(0, len(spots) - 1))]
    value = copy.deepcopy(draw(VALUES))
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "remove":
            del container[key]
        case "add" if isinstance(container, dict):
            container[draw(KEYS)] = value
        case _:
            container[key] = value


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _spots(value[key])


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[Any], list[Problem]]:
    """Return what lint refuses in a config, of all families."""

    def run(config: Any) -> list[Problem]:
        path = tmp_path / "northwind.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")
        found = check(
            [path],
            root=tmp_path,
            config_dir=Path("configs"),
            registry=REGISTRY,
            defaults=AllDefaults(),
            backends=[EnvBackend()],
        )
        return [problem for problem in found if problem.severity == "error" or problem.code == "MKT310"]

    return run


Refused = Callable[[Any], list[Problem]]


@settings(suppress_health_check=list(HealthCheck), max_examples=200, deadline=None)
@given(configs())
def test_lint_and_the_schema_accept_the_same_configs(refused: Refused, config: Any) -> None:
    problems = refused(config)
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(config)]
    event(f"lint {'refuses' if problems else 'accepts'}, schema {'refuses' if errors else 'accepts'}")
    assert problems or not errors
    said = [problem for problem in problems if problem.code not in BEYOND_A_SCHEMA or _is_plain(problem)]
    assert not [problem for problem in said if problem.code.startswith(OF_BOTH + OF_BOTH_TOO)] or errors


def _is_plain(problem: Problem) -> bool:
    """Tell a wrong type or an unknown word, which pydantic finds, from what is checked in Python."""
    return problem.code in ("MKT305", "MKT204") and " must be " in problem.message


@pytest.mark.parametrize("tenant", ["northwind", "hooli", "globex", "acme"])
def test_both_accept_the_examples(tenant: str, refused: Refused) -> None:
    config = yaml.safe_load((Path(__file__).parents[2] / "examples" / "configs" / f"{tenant}.yaml").read_text())
    assert refused(config) == []
    assert list(VALIDATOR.iter_errors(config)) == []


@pytest.mark.parametrize("entry", LINT_ALONE.values(), ids=LINT_ALONE)
def test_this_is_all_that_a_schema_cannot_say(entry: dict[str, Any], refused: Refused) -> None:
    config = {"tenant": "northwind", "integrations": [{"connector": "workday-hris", **entry}]}
    assert refused(config)
    assert list(VALIDATOR.iter_errors(config)) == []
