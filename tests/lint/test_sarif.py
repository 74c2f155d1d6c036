"""SARIF, as the official schema and code scanning want it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker  # type: ignore[import-untyped]

from mkt.configs.base import Problem
from mkt.lint import rules
from mkt.lint.fix import with_fixes
from mkt.lint.texts import Texts
from mkt.output.sarif import sarif_log

Lint = Callable[..., list[Problem]]
HERE = Path(__file__).parent
# The committee's schema as the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT) carries it.
SCHEMA = json.loads((HERE / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
CORPUS = sorted((HERE / "corpus").glob("*.yaml"))
TENANT = "tenant: {}\nintegrations:\n  - connector: acme-hr\n    shedule: '@daily'\n    settings: {{base_ulr: x}}\n"


@pytest.fixture
def log(lint: Lint, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def logged(files: dict[str, str], locate: Callable[[str], str] = str) -> dict[str, Any]:
        texts = Texts(tmp_path)
        found = sarif_log(with_fixes(lint(files), texts), rules(), texts, locate)
        valid: dict[str, Any] = json.loads(json.dumps(found))
        Draft4Validator(SCHEMA, format_checker=FormatChecker()).validate(valid)
        return valid

    return logged


Log = Callable[..., dict[str, Any]]


def results(log: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log["runs"][0]["results"]
    return found


def fingerprints(log: dict[str, Any]) -> set[str]:
    return {result["partialFingerprints"]["mktFinding/v1"] for result in results(log)}


def test_the_schema_is_one_that_refuses() -> None:
    assert not Draft4Validator(SCHEMA).is_valid({"version": "2.1.0", "runs": [{"results": []}]})


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_finding_of_the_corpus_is_valid(path: Path, log: Log) -> None:
    found = log({path.name: path.read_text()})
    assert {result["ruleId"] for result in results(found)} <= {rule.code for rule in rules()}


def test_a_log_without_findings_is_valid_and_has_every_rule(log: Log) -> None:
    found = log({"a.yaml": "tenant: a\nintegrations: []\n"})
    assert results(found) == []
    told = found["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in told] == [rule.code for rule in rules()]
    assert all(rule["help"]["markdown"] and rule["defaultConfiguration"]["level"] for rule in told)


def test_a_result_points_at_its_rule_and_its_place(log: Log) -> None:
    found = log({"a b.yaml": TENANT.format("a")}, lambda path: f"ops/{path}")
    result = next(result for result in results(found) if result["ruleId"] == "MKT201")
    assert found["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "MKT201"
    place = result["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "ops/configs/a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 12},
    }
    assert "%SRCROOT%" in found["runs"][0]["originalUriBaseIds"]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "schedule"}


def test_a_file_outside_of_the_repository_is_named_by_its_whole_path(log: Log) -> None:
    found = log({"a.yaml": TENANT.format("a")}, lambda _: "/srv/a.yaml")
    location = results(found)[0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": "file:///srv/a.yaml"}


def test_fingerprints_stay_when_lines_move(log: Log) -> None:
    before = fingerprints(log({"a.yaml": TENANT.format("a")}))
    after = fingerprints(log({"a.yaml": "# a comment\n\n" + TENANT.format("a")}))
    assert before == after
    assert len(before) == len(results(log({"a.yaml": TENANT.format("a")})))


def test_the_same_finding_twice_has_two_fingerprints(log: Log) -> None:
    twice = TENANT.format("a") + "  - connector: acme-hr\n    name: b\n    shedule: '@daily'\n"
    found = log({"a.yaml": twice})
    assert len(fingerprints(found)) == len(results(found))


def test_no_secret_is_in_a_log(log: Log) -> None:
    text = TENANT.format("a") + "    secrets: {ACME_CLIENT_SECRET: hunter2}\n"
    assert "hunter2" not in json.dumps(log({"a.yaml": text}))


def test_a_fingerprint_tells_nothing_of_a_secret(log: Log) -> None:
    one, other = (
        fingerprints(log({"a.yaml": TENANT.format("a") + f"    secrets: {{ACME_CLIENT_SECRET: {value}}}\n"}))
        for value in ("hunter2", "hunter3")
    )
    assert one == other


def test_a_file_name_that_is_no_text_is_a_uri_all_the_same(log: Log) -> None:
    (result, *_) = results(log({os.fsdecode(b"\xff.yaml"): "tenant: a\nfoo: 1\n"}))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "configs/%FF.yaml"
    assert "called \\udcff.yaml" in result["message"]["text"]
