from collections.abc import Callable

import pytest

from mkt.configs.base import Problem
from mkt.lint import rules

Lint = Callable[..., list[Problem]]
FILE = """\
tenant: northwind
integrations:
  - connector: acme-hr
    disabled: {{}}{behind}
    settings: {{base_url: https://api.acme.example}}
"""


def found(problems: list[Problem]) -> list[tuple[str, int]]:
    return [(problem.code, problem.position.line) for problem in problems]


@pytest.mark.parametrize(
    "comment",
    [
        "  # mkt: ignore[MKT208]",
        "  #mkt:ignore[MKT208]",
        "  # summer # mkt: ignore[ mkt208 ]",
    ],
)
def test_a_comment_silences_a_warning_of_its_line(lint: Lint, comment: str) -> None:
    assert found(lint({"northwind.yaml": FILE.format(behind="")})) == [("MKT208", 4)]
    assert found(lint({"northwind.yaml": FILE.format(behind=comment)})) == []


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("  # mkt: ignore[MKT208,MKT504]", ["MKT901"]),
        ("  # mkt: ignore[MKT209]", ["MKT208", "MKT901"]),
        ("  # mkt: ignore[MKT2]", ["MKT208", "MKT902"]),
        ("  # mkt: ignore[]", ["MKT208", "MKT902"]),
        ("  # mkt: ignore", ["MKT208", "MKT902"]),
        ("\n    # mkt: ignore[MKT208]", ["MKT208", "MKT901"]),
        ("  # mkt: ignored[MKT208]", ["MKT208"]),
    ],
)
def test_a_comment_that_silences_nothing_is_reported(lint: Lint, comment: str, codes: list[str]) -> None:
    assert [code for code, _ in found(lint({"northwind.yaml": FILE.format(behind=comment)}))] == codes


@pytest.mark.parametrize(
    "text",
    [
        'labels: {note: "# mkt: ignore[MKT206]"}\n',
        "labels: {note: 'x # mkt: ignore[MKT206]'}\n",
        "labels:\n  note: |\n    # mkt: ignore[MKT206]\n    x\n",
        "labels:\n  note: >-\n    x\n    # mkt: ignore[MKT206]\n",
        'labels:\n  note: "x\n    # mkt: ignore[MKT206]"\n',
        "labels:\n  note: x#mkt:ignore[MKT206]\n",
    ],
)
def test_a_text_is_no_comment(lint: Lint, text: str) -> None:
    assert lint({"northwind.yaml": f"tenant: northwind\n{text}"}) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("labels:\n  note: |  # mkt: ignore[MKT206]\n    x\n", 3),
        ("labels:  # mkt: ignore[MKT206]\n  note: x\n", 2),
        ('labels: {note: "a # b"}  # mkt: ignore[MKT206]\n', 2),
        ("labels:\n  note: |\n    x\n  # mkt: ignore[MKT206]\n", 5),
        ("labels: {note: x,  # mkt: ignore[MKT206]\n  more: z}\n", 2),
    ],
)
def test_a_comment_is_found_wherever_yaml_has_one(lint: Lint, text: str, line: int) -> None:
    assert found(lint({"northwind.yaml": f"tenant: northwind\n{text}"})) == [("MKT901", line)]


def test_what_keeps_a_tenant_from_running_is_never_silenced(lint: Lint) -> None:
    text = "tenant: northwind\nlabel: {}  # mkt: ignore[MKT201]\n"
    assert found(lint({"northwind.yaml": text})) == [("MKT201", 2), ("MKT903", 2)]


def test_a_comment_in_a_file_that_is_no_yaml_silences_nothing(lint: Lint) -> None:
    assert found(lint({"northwind.yaml": "tenant: [x  # mkt: ignore[MKT101]\n"})) == [("MKT101", 1)]


def test_what_two_files_have_in_common_can_be_silenced_in_one(lint: Lint) -> None:
    text = FILE.replace("disabled: {{}}{behind}", "secrets: {{ACME_CLIENT_ID: env:ACME}}{behind}")
    files = {
        f"{name}.yaml": text.format(behind=behind).replace("northwind", name)
        for name, behind in (
            ("northwind", "  # mkt: ignore[MKT702,MKT406]"),
            ("southwind", "  # mkt: ignore[MKT406]"),
        )
    }
    problems = lint(files)
    assert [(problem.code, problem.position.path) for problem in problems if problem.code == "MKT702"] == [
        ("MKT702", "configs/southwind.yaml")
    ]


def test_a_warning_can_be_silenced_and_of_the_errors_those_that_only_lint_knows() -> None:
    for rule in rules():
        assert rule.suppressible == (rule.severity == "warning" or rule.lint_only)
    assert not {rule.code for rule in rules() if rule.suppressible} & {"MKT101", "MKT201", "MKT305", "MKT701"}
