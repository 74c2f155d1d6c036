import codecs
from collections.abc import Callable

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.configs.base import Problem
from mkt.configs.document import read
from mkt.configs.scalars import resolve

Lint = Callable[..., list[Problem]]

LABEL = "tenant: northwind\nlabels: {{x: {}}}\n"
WORDS = [
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "N",
    "1:30",
    "190:20:30",
    "012",
    "0o17",
    "0b101",
    "1_000",
    "2026-01-07",
    "1e3",
]
PLAIN = st.sampled_from(WORDS) | st.from_regex(r"[-+0-9a-zA-Z_:.~]{1,10}", fullmatch=True)


def trapped(text: str, lint: Lint) -> list[Problem]:
    return [problem for problem in lint({"northwind.yaml": text}) if problem.code == "MKT115"]


@pytest.mark.parametrize("word", [word for word in WORDS if isinstance(resolve(word), str)])
@pytest.mark.parametrize("around", ["{}", "{},", "  {}  # duty", "'a', y2: {}"])
def test_text_that_yaml_1_1_reads_otherwise_is_found_at_its_place(word: str, around: str, lint: Lint) -> None:
    text = LABEL.format(around.format(word))
    if "#" in around:
        text = text.replace("labels: {x:", "labels:\n  x:").replace("}", "")
    (problem,) = trapped(text, lint)
    place = problem.position
    assert text.splitlines()[place.line - 1][place.column - 1 : place.end_column - 1] == word
    assert problem.remedy == f'Write "{word}".'


@pytest.mark.parametrize(
    "text", ['"no"', "'1:30'", "north", "no, thanks", "not on duty", "1:75:00", "10:x", "v1_000", "nO"]
)
def test_quoted_text_and_text_that_all_read_alike_are_no_traps(text: str, lint: Lint) -> None:
    quoted = text if text[0] in "\"'" else f"{text}"
    assert trapped(f"tenant: northwind\nlabels:\n  x: {quoted}\n", lint) == []


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(PLAIN)
def test_where_no_trap_is_found_a_reader_of_yaml_1_1_reads_the_same_text(lint: Lint, word: str) -> None:
    """PyYAML reads YAML 1.1."""
    text = f"tenant: northwind\nlabels:\n  x: {word}\n"
    document = read(text.encode(), "x.yaml")
    if document.problems or not isinstance(document.data, dict):
        return
    labels = document.data["labels"]
    ours = labels["x"] if isinstance(labels, dict) else None
    if not isinstance(ours, str) or trapped(text, lint):
        return
    assert yaml.safe_load(text)["labels"]["x"] == ours


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(PLAIN)
def test_what_the_fix_writes_means_the_same_and_is_no_trap(lint: Lint, word: str) -> None:
    text = LABEL.format(word)
    for problem in trapped(text, lint):
        assert problem.fix is not None
        written = LABEL.format(problem.fix.edits[0].text)
        assert read(written.encode(), "x").data == read(text.encode(), "x").data
        assert trapped(written, lint) == []


SETTINGS = "tenant: northwind\nintegrations:\n  - connector: acme-hr\n    settings:\n{}"


def test_a_day_where_the_connector_takes_a_day_is_no_trap(lint: Lint) -> None:
    text = SETTINGS.format(
        "      base_url: https://api.acme.example\n      since: 2026-01-07\n      params: {a: 2026-01-07}\n"
    )
    (problem,) = trapped(text, lint)
    assert problem.position.line == 7


def test_days_are_left_alone_where_nobody_knows_whether_the_connector_takes_one(lint: Lint) -> None:
    assert trapped(SETTINGS.format("      since: 2026-01-07\n"), lint) == []
    assert trapped(SETTINGS.format("      since: 2026-01-07\n").replace("acme-hr", "acme-broken"), lint) == []


def test_the_day_that_a_pause_ends_is_no_trap(lint: Lint) -> None:
    text = SETTINGS.format("      base_url: https://api.acme.example\n")
    assert lint({"northwind.yaml": f"{text}    disabled: {{until: 2999-01-07, reason: move}}\n"}) == []


def test_what_is_refused_for_its_type_is_told_once(lint: Lint) -> None:
    text = SETTINGS.format("      base_url: https://api.acme.example\n      archived: no\n") + "    enabled: yes\n"
    assert [problem.code for problem in lint({"northwind.yaml": text})] == ["MKT305", "MKT203"]


def test_a_tab_is_found_where_it_stands_for_a_space_only(lint: Lint) -> None:
    text = "tenant:\tnorthwind\t# a\tremark\nlabels: {a: 'x\ty',\n\tb: |-\n"
    text = "tenant:\tnorthwind\t# a\tremark\t\nlabels: {a: 'x\ty',\n\t\tb: \"x\ty\"}\n"
    places = [problem.position for problem in lint({"northwind.yaml": text})]
    assert [(place.line, place.column, place.end_column) for place in places] == [(1, 8, 9), (1, 18, 19), (3, 1, 3)]


def test_a_tab_that_indents_is_no_yaml(lint: Lint) -> None:
    (problem,) = lint({"northwind.yaml": "tenant: northwind\nlabels:\n\tregion: emea\n"})
    assert problem.code == "MKT101"
    assert "not tabs" in problem.remedy


def test_the_byte_order_mark_of_windows_is_a_warning_and_moves_no_place(lint: Lint) -> None:
    mark = codecs.BOM_UTF8.decode()
    problems = lint({"northwind.yaml": f"{mark}tenant: northwind\nlabel: {{}}\n"})
    assert [(problem.code, problem.severity) for problem in problems] == [("MKT113", "warning"), ("MKT201", "error")]
    assert problems[1].position.column == 1


@pytest.mark.parametrize(
    "text",
    ["enabeld: no\n", "tenant: northwind\ntenant: no\n", "foo: {bar: [no], baz: on}\n"],
)
def test_what_the_loader_has_refused_is_no_trap_besides(text: str, lint: Lint) -> None:
    head = "" if text.startswith("tenant") else "tenant: northwind\n"
    assert trapped(f"{head}{text}", lint) == []


def test_beside_a_key_that_is_refused_a_trap_is_found(lint: Lint) -> None:
    (problem,) = trapped("tenant: northwind\nfoo: {bar: no}\nlabels: {x: no}\n", lint)
    assert (problem.position.line, problem.position.column) == (3, 13)


def test_a_number_out_of_range_is_one_finding(lint: Lint) -> None:
    found = lint({"northwind.yaml": f"tenant: northwind\nlabels: {{a: {'9' * 30}}}\n"})
    assert [problem.code for problem in found] == ["MKT112"]
