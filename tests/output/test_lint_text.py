"""Lint findings for a person."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.base import Position, Problem
from mkt.output.lint_text import excerpt, lint_page, lint_summary

Render = Callable[..., str]


def _problem(line: int, start: int, end: int, code: str = "MKT201") -> Problem:
    position = Position("configs/northwind.yaml", line, start, line, end)
    return Problem(code, "unknown key conector", position, remedy="Did you mean connector?")


def _file(root: Path, text: str) -> None:
    (root / "configs").mkdir()
    (root / "configs" / "northwind.yaml").write_text(text, encoding="utf-8")


def test_a_finding_shows_place_code_message_and_marks_the_spot(tmp_path: Path, render: Render) -> None:
    _file(tmp_path, "tenant: northwind\nintegrations:\n  - conector: workday-hris\n")
    assert render(lint_page([_problem(3, 5, 13)], tmp_path)).splitlines() == [
        "configs/northwind.yaml:3:5: MKT201 unknown key conector",
        "    3 |   - conector …",
        "      |     ^^^^^^^^",
        "      = Did you mean connector?",
        "1 error, 0 warnings",
    ]


def test_a_file_that_is_gone_has_no_excerpt(tmp_path: Path, render: Render) -> None:
    lines = render(lint_page([_problem(3, 5, 13)], tmp_path)).splitlines()
    assert lines[0].startswith("configs/northwind.yaml:3:5:")
    assert len(lines) == 3


def test_nothing_found_is_said(tmp_path: Path, render: Render) -> None:
    assert render(lint_page([], tmp_path)) == "no problems found\n"
    assert lint_summary([]) == "no problems found"


def test_tabs_keep_the_marks_below_the_spot() -> None:
    shown, marks = excerpt("\tkey: x", Position("f", 1, 2, 1, 5), secret=False)
    assert (shown, marks) == ("\tkey …", "\t^^^")


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs"]), min_size=6).map(lambda s: f"v{s}v"))
def test_a_value_where_a_reference_belongs_is_never_shown(value: str) -> None:
    text = f"      TOKEN: {value}"
    spot = Position("f", 1, text.index(value) + 1, 1, len(text) + 1)
    assert value not in excerpt(text, spot, secret=True)[0]
    assert value not in excerpt(text, Position("f", 1, 7, 1, 12), secret=True)[0]


def test_a_secrets_name_is_shown_and_its_value_is_not() -> None:
    text = "  secrets: {WORKDAY_TOKN: HUNTER2}"
    key = text.index("WORKDAY") + 1
    assert excerpt(text, Position("f", 1, key, 1, key + 12), secret=True)[0] == "  secrets: {WORKDAY_TOKN …"
    value = text.index("HUNTER2") + 1
    assert "HUNTER2" not in excerpt(text, Position("f", 1, value, 1, value + 7), secret=True)[0]


def test_values_before_the_spot_are_hidden_too() -> None:
    text = "  secrets: {A_TOKEN: hunter2, B_TOKEN: env:B, C: x}"
    spot = text.index("C: x") + 1
    shown, _ = excerpt(text, Position("f", 1, spot, 1, spot + 1), secret=False)
    assert "hunter2" not in shown
    assert "env:B" in shown


def test_credentials_in_a_url_are_hidden() -> None:
    text = "  base_url: https://me:hunter2@hr.example"
    shown, _ = excerpt(text, Position("f", 1, 13, 1, len(text) + 1), secret=False)
    assert shown == "  base_url: https://***@hr.example"
