"""Every finding spans what is meant, from its first character to its last."""

import codecs
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.configs.base import Position, Problem
from mkt.configs.document import read
from mkt.lint.texts import starts_of

Lint = Callable[..., list[Problem]]
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
OF_THE_WHOLE_FILE = {"MKT104", "MKT113"}
"""An empty file and a byte order mark have no word to point at."""
BLANK = {"MKT101", "MKT114"}
"""A tab is what is meant."""


def bounds(text: str, place: Position) -> tuple[int, int]:
    starts = starts_of(text)
    return starts[place.line - 1] + place.column - 1, starts[place.end_line - 1] + place.end_column - 1


def span(text: str, problem: Problem) -> str:
    start, end = bounds(text, problem.position)
    assert 0 <= start < end <= len(text)
    return text[start:end]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_finding_of_the_corpus_spans_a_whole_word_of_the_file(path: Path, lint: Lint) -> None:
    text = path.read_bytes().removeprefix(codecs.BOM_UTF8).decode()
    for problem in lint({f"northwind/{path.name}": path.read_text()}):
        if problem.code in OF_THE_WHOLE_FILE:
            continue
        meant = span(text, problem)
        assert meant == meant.strip() or (problem.code in BLANK and not meant.strip(" \t"))
        assert "\n" not in meant or meant[0] in "[{\"'|>"
        start, end = bounds(text, problem.position)
        assert not re.search(r"\w\w", f"{text[start - 1 : start + 1]} {text[end - 1 : end + 1]}")


WORDS = st.sampled_from(["a", "tenant", "ä\U0001f600", "x y", "'q'", '"e\\u0041"', "12", "no", "~", "|"])
TREES = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=12
)


def written(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{written(key)}: {written(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ",\n  ".join(map(written, tree)) + "]"
    return str(tree).replace("|", "b")


@given(TREES)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_the_span_of_every_scalar_is_how_it_is_written(tree: object) -> None:
    text = f"root: {written(tree)}\n"
    document = read(text.encode(), "x.yaml")
    for scalar in document.scalars():
        start, end = bounds(text, document.span(scalar.node))
        own = text[start:end]
        assert own == text[scalar.node.start_mark.index : scalar.node.end_mark.index]
        assert scalar.style or own == scalar.text


def test_a_missing_key_points_at_the_key_of_its_parent(lint: Lint) -> None:
    text = "tenant: northwind\nintegrations:\n  - connector: acme-hr\n    settings: {}\n"
    (problem,) = lint({"northwind.yaml": text})
    assert (problem.code, span(text, problem)) == ("MKT304", "settings")


def test_an_entry_with_nothing_in_it_points_at_the_key_of_its_list(lint: Lint) -> None:
    text = "tenant: northwind\nintegrations:\n  -\n"
    (problem,) = lint({"northwind.yaml": text})
    assert (problem.code, span(text, problem)) == ("MKT203", "integrations")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a: &all {}", "&all"),
        ("a: *all", "*all"),
        ("a: */15 * * * *", "*/15"),
        ("a: !!str x", "!!str"),
        ("a: !<tag:x> x", "!<tag:x>"),
        ('a: "open\nb: c\n', '"'),
        ("a: [1, 2\n", "["),
        ("a: b: c", ":"),
        ("a: @home", "@home"),
        ("a: b\n---\nc: d\n", "---"),
    ],
)
def test_what_is_no_yaml_for_us_points_at_the_word_or_at_what_was_opened(lint: Lint, text: str, meant: str) -> None:
    (problem,) = lint({"northwind.yaml": text})
    assert span(text, problem) == meant
