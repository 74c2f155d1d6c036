"""Annotations of a GitHub workflow, and the summary of its job."""

from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.base import Position, Problem, Severity
from mkt.output.github import annotations, job_summary


def _problem(number: int, severity: Severity = "error", message: str = "wrong") -> Problem:
    return Problem("MKT201", f"{message} {number}", Position("a.yaml", number, 1, number, 4), severity=severity)


def test_a_finding_is_one_command_and_errors_come_first() -> None:
    warning = Problem("MKT501", "late", Position("a.yaml", 1, 1, 1, 1), severity="warning")
    error = Problem("MKT201", "100% odd", Position("b,c.yaml", 3, 5, 3, 13), remedy="Mend it.")
    assert list(annotations([warning, error])) == [
        "::error file=b%2Cc.yaml,line=3,endLine=3,col=5,title=MKT201 unknown-key,endColumn=12::100%25 odd. Mend it.",
        "::warning file=a.yaml,line=1,endLine=1,col=1,title=MKT501 wrong-schedule::late.",
    ]


def test_paths_are_those_of_the_repository() -> None:
    [line] = annotations([_problem(1)], lambda path: f"ops/{path}")
    assert "file=ops/a.yaml," in line
    assert "ops/a.yaml:1:1" in job_summary([_problem(1)], lambda path: f"ops/{path}").replace("&#95;", "_")


def test_what_github_does_not_show_is_counted_in_one_line() -> None:
    problems = [_problem(n, "warning") for n in range(1, 13)] + [_problem(n) for n in range(1, 31)]
    lines = list(annotations(problems))
    assert [sum(line.startswith(f"::{kind} ") for line in lines) for kind in ("error", "warning", "notice")] == [
        10,
        10,
        1,
    ]
    assert lines[-1] == (
        "::notice title=mkt lint::30 errors, 12 warnings in 1 file; 22 of them are not shown here:"
        " see the job's summary, or type `mkt lint`"
    )


@given(message=st.text(), path=st.text())
def test_no_text_starts_a_command_of_its_own(message: str, path: str) -> None:
    [line] = annotations([Problem("MKT101", message, Position(path))])
    assert "\n" not in line
    assert "\r" not in line
    assert line.startswith("::error file=")


def test_the_summary_is_a_table_of_all_findings() -> None:
    text = job_summary([_problem(7, "warning"), _problem(3)])
    assert text.splitlines() == [
        "### mkt lint: 1 error, 1 warning in 1 file",
        "",
        "| place | rule | what is wrong | what to do |",
        "|---|---|---|---|",
        "| a.yaml:3:1 | MKT201 unknown-key (error) | wrong 3 |  |",
        "| a.yaml:7:1 | MKT201 unknown-key (warning) | wrong 7 |  |",
    ]
    assert job_summary([]) == "### mkt lint: no problems found\n\n"


def test_a_summary_keeps_below_what_github_takes_and_counts_the_rest() -> None:
    text = job_summary([_problem(n) for n in range(1, 5001)])
    assert text.endswith("\n… and 4,000 more: `mkt lint` lists them all.\n")
    long = job_summary([_problem(n, message="x" * 10_000) for n in range(1, 500)])
    assert len(long.encode()) < 1_000_000
    assert " more: `mkt lint` lists them all." in long


@given(st.text())
def test_no_text_leaves_its_cell_of_the_summary(text: str) -> None:
    summary = job_summary([Problem("MKT101", text, Position("a.yaml"))])
    assert len(summary.splitlines()) == 5
    row = summary.splitlines()[4]
    assert row.count("|") == 5
    assert not set("<`@[") & set(row)
