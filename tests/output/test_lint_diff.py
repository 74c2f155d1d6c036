"""The diff of what would be fixed."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mkt.configs.base import Position, Problem
from mkt.lint.fix import Mended
from mkt.output.lint_diff import lint_diff


def mended(before: str, after: str, *problems: Problem) -> Mended:
    return Mended(
        list(problems), list(problems), before={"a.yaml": before.encode()}, after={"a.yaml": after.encode()}
    )


def test_changed_lines_are_shown_with_three_around_them() -> None:
    before = "".join(f"line {n}\n" for n in range(1, 20))
    after = before.replace("line 5\n", "LINE 5\n").replace("line 6\n", "LINE 6\n").replace("line 19", "LINE 19")
    assert lint_diff(mended(before, after)).splitlines() == [
        "--- a.yaml",
        "+++ a.yaml",
        "@@ -2,8 +2,8 @@",
        " line 2",
        " line 3",
        " line 4",
        "-line 5",
        "-line 6",
        "+LINE 5",
        "+LINE 6",
        " line 7",
        " line 8",
        " line 9",
        "@@ -16,4 +16,4 @@",
        " line 16",
        " line 17",
        " line 18",
        "-line 19",
        "+LINE 19",
    ]


def test_a_secret_near_a_change_is_not_shown() -> None:
    secret = Problem("MKT802", "random", Position("a.yaml", 1, 4, 1, 11))
    text = lint_diff(mended("a: hunter2\nenabled: yes\n", "a: hunter2\nenabled: true\n", secret))
    assert text.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " a: ***", "-enabled: yes", "+enabled: true"]


LINES = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=40)


@given(LINES)
@settings(max_examples=30, deadline=None)
def test_git_makes_the_one_from_the_other(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("diff")
    before = "".join(f"{letter}\n" for letter, _ in lines)
    after = "".join(f"{letter.upper() if change else letter}\n" for letter, change in lines)
    (folder / "a.yaml").write_text(before)
    if before != after:
        (folder / "diff").write_text(lint_diff(mended(before, after)))
        command = ["git", "apply", "--unsafe-paths", "-p0", "diff"]
        subprocess.run(command, cwd=folder, check=True)
    assert (folder / "a.yaml").read_text() == after


def test_values_of_secrets_on_lines_of_their_own_are_not_shown() -> None:
    before = (
        "integrations:\n- secrets:\n    A: |\n      hunter2\n    B:\n    - hunter4\n"
        "    C: d, hunter5\n    D: env:NAME\n  enabled: yes\n"
    )
    text = lint_diff(mended(before, before.replace("yes", "true").replace("A: |", "AA: |")))
    assert "hunter" not in text
    assert [line[1:].strip() for line in text.splitlines()[3:]] == [
        *("integrations:", "- secrets:", "A: ***", "AA: ***", "***", "B:", "- ***"),
        *("C: ***", "D: env:NAME", "enabled: yes", "enabled: true"),
    ]
