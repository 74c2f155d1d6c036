"""Every bad file of the corpus says in its first lines what lint has to find, and where."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mkt.configs.base import Problem
from mkt.lint import rules

Lint = Callable[..., list[Problem]]


CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
EXPECTED = re.compile(r"^# expect: (MKT\d{3}) (\d+):(\d+)(?: (.*))?$", re.MULTILINE)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_problem_is_found_with_its_code_at_its_place(path: Path, lint: Lint) -> None:
    text = path.read_text()
    expected = EXPECTED.findall(text)
    found = [
        (problem.code, str(problem.position.line), str(problem.position.column))
        for problem in lint({f"northwind/{path.name}": text})
    ]
    assert found == [entry[:3] for entry in expected]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_words_say_what_the_corpus_expects(path: Path, lint: Lint) -> None:
    text = path.read_text()
    for (*_, words), problem in zip(EXPECTED.findall(text), lint({f"northwind/{path.name}": text}), strict=True):
        assert words in f"{problem.message} | {problem.remedy}"


def test_the_corpus_has_an_example_of_every_rule_that_one_text_file_can_break() -> None:
    beyond_one_text_file = {"MKT102", "MKT103", "MKT407", "MKT505", "MKT701", "MKT702"}
    shown = {code for path in CORPUS for code, *_ in EXPECTED.findall(path.read_text())}
    assert shown == {rule.code for rule in rules()} - beyond_one_text_file
