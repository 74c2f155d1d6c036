"""Annotations of a GitHub workflow."""

from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.base import Position, Problem
from mkt.output.github import annotations


def test_a_finding_is_one_command_and_errors_come_first() -> None:
    warning = Problem("MKT501", "late", Position("a.yaml", 1, 1, 1, 1), severity="warning")
    error = Problem("MKT201", "100% unknown", Position("b,c.yaml", 3, 5, 3, 13), remedy="Remove it.")
    assert list(annotations([warning, error])) == [
        "::error file=b%2Cc.yaml,line=3,endLine=3,col=5,title=MKT201,endColumn=12::100%25 unknown Remove it.",
        "::warning file=a.yaml,line=1,endLine=1,col=1,title=MKT501::late",
    ]


@given(message=st.text(), path=st.text())
def test_no_text_starts_a_command_of_its_own(message: str, path: str) -> None:
    [line] = annotations([Problem("MKT101", message, Position(path))])
    assert "\n" not in line
    assert "\r" not in line
    assert line.startswith("::error file=")
