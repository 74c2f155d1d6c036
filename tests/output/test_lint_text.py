"""Lint findings for a person."""

from collections.abc import Callable
from pathlib import Path

from mkt.configs.base import Edit, Fix, Position, Problem
from mkt.lint.texts import Texts
from mkt.output.lint_text import lint_page, lint_summary

Render = Callable[..., str]


def _problem(line: int, start: int, end: int, code: str = "MKT201", **more: str) -> Problem:
    position = Position("configs/northwind.yaml", line, start, line, end)
    given = {"message": "unknown key conector", "remedy": "Did you mean connector?", **more}
    return Problem(code, position=position, **given)


def _texts(text: str) -> Texts:
    return Texts(Path("/nowhere"), {"configs/northwind.yaml": text.encode()})


def _fixable(problem: Problem) -> Problem:
    fix = Fix((Edit(problem.position, "connector"),), "write connector")
    return Problem(problem.code, problem.message, problem.position, problem.remedy, fix=fix)


CONECTOR = _texts("tenant: northwind\nintegrations:\n  - conector: workday-hris\n")


def test_a_finding_shows_place_code_message_and_marks_the_spot(render: Render) -> None:
    assert render(lint_page([_problem(3, 5, 13)], CONECTOR)).splitlines() == [
        "configs/northwind.yaml:3:5: MKT201 unknown key conector",
        "    3 |   - conector …",
        "      |     ^^^^^^^^",
        "      = Did you mean connector?",
        "1 error, 0 warnings in 1 file",
        "next: mkt lint --explain MKT201",
    ]


def test_what_can_be_fixed_is_told_with_what_to_type(render: Render) -> None:
    lines = render(lint_page([_fixable(_problem(3, 5, 13))], CONECTOR, asked=["a b.yaml"])).splitlines()
    assert lines[-3:] == [
        "      = Did you mean connector? (--fix does it)",
        "1 error, 0 warnings in 1 file; 1 fixable with --fix",
        "next: mkt lint --diff 'a b.yaml'",
    ]


def test_what_came_on_standard_input_is_not_asked_for_again(render: Render) -> None:
    lines = render(lint_page([_fixable(_problem(3, 5, 13))], CONECTOR, asked=None)).splitlines()
    assert lines[-1] == "next: mkt lint --explain MKT201"


def test_a_file_that_is_gone_has_no_excerpt(tmp_path: Path, render: Render) -> None:
    lines = render(lint_page([_problem(3, 5, 13)], Texts(tmp_path))).splitlines()
    assert lines[0].startswith("configs/northwind.yaml:3:5:")
    assert len(lines) == 4


def test_nothing_found_is_said(render: Render) -> None:
    assert render(lint_page([], CONECTOR)) == "no problems found\n"
    assert lint_summary([]) == "no problems found"


def test_lines_are_counted_as_yaml_counts_them(render: Render) -> None:
    texts = _texts("tenant: a\r\nlabels: {b: 'c\x0bd'}\rintegrations: []\n")
    assert "    3 | integrations …" in render(lint_page([_problem(3, 1, 13)], texts))


def test_many_findings_fit_a_terminal_and_a_pipe_gets_all(render: Render) -> None:
    texts = _texts("key: x\n" * 3000)
    problems = [_problem(n + 1, 1, 4, message=f"key {n} is not known") for n in range(3000)]
    folded = render(lint_page(problems, texts, folded=True), 100).splitlines()
    assert len(folded) == 10 * 4 + 3
    assert folded[-3] == "MKT201 unknown-key: 3,000 in 1 file; `mkt lint --select MKT201 | cat` shows all"
    assert folded[-2] == "3,000 errors, 0 warnings in 1 file"
    assert render(lint_page(problems, texts)).count(": MKT201 key ") == 3000


def test_many_that_say_the_same_are_told_once_at_a_terminal(render: Render) -> None:
    problems = [_problem(n, 1, 4) for n in range(1, 8)]
    folded = render(lint_page(problems, _texts("key: x\n" * 9), folded=True), 120)
    assert folded.count("MKT201 unknown key") == 1
    assert "and 6 alike: configs/northwind.yaml:2:1, " in folded


def test_every_rule_that_is_left_out_is_counted(render: Render) -> None:
    problems = [_problem(n, 1, 4, code, message=str(n)) for code in ("MKT201", "MKT501") for n in range(1, 30)]
    folded = render(lint_page(problems, _texts("key: x\n" * 30), folded=True), 120)
    assert "MKT201 unknown-key: 29 in 1 file" in folded
    assert "MKT501 wrong-schedule: 29 in 1 file" in folded
