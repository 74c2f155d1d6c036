import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.base import Problem
from mkt.configs.folder import tenant_file
from mkt.lint import security, structure, traps
from mkt.lint.tokens import known_tokens, looks_random, may_hold_random_text, may_hold_token, random_texts

Lint = Callable[..., list[Problem]]

LETTERS = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
SHAPES = {
    "an AWS access key id": "AKIA" + "Z7Q2M4N8K1J5H3G6",
    "a GitHub token": "github_pat_" + LETTERS[:30],
    "a GitLab token": "glpat-" + LETTERS[:20],
    "a Slack token": "xoxb-" + "123456789012-" + LETTERS[:24],
    "a Stripe key": "sk_live_" + LETTERS[:24],
    "a JSON Web Token": f"eyJ{LETTERS[:17]}.eyJ{LETTERS[:20]}.{LETTERS}",
    "a private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "a HubSpot token": "pat-" + f"na1-{UUID}",
    "a Salesforce session": "00D" + f"5g0000001abc!{LETTERS}",
    "a Google API key": "AIza" + LETTERS[:35],
    "a Google client secret": "GOCSPX-" + LETTERS[:28],
    "a Supabase secret key": "sb_secret_" + LETTERS[:31],
    "an npm token": "npm_" + LETTERS[:36],
    "a SendGrid key": "SG." + f"{LETTERS[:22]}.{LETTERS}",
    "an Anthropic key": "sk-ant-" + f"api03-{LETTERS}",
    "an OpenAI key": "sk-proj-" + LETTERS,
    "a webhook's signing key": "whsec_" + LETTERS[:32],
    "a password in a URL": "postgres://reader:hunter2@db.example/hr",
}


@pytest.mark.parametrize(("name", "token"), SHAPES.items(), ids=SHAPES)
@pytest.mark.parametrize(
    "around", ["{}", "# asked with {} once", "note: '{}'", "https://a.example/?key={}&x=1", "[{}]"]
)
def test_a_token_is_known_by_its_shape_wherever_it_stands(name: str, token: str, around: str) -> None:
    text = around.format(token)
    assert may_hold_token(text.encode())
    assert [spot.what for spot in known_tokens(text)] == [name]


@pytest.mark.parametrize("name", SHAPES)
def test_a_token_is_found_in_any_part_of_a_file_and_never_repeated(name: str, lint: Lint) -> None:
    token = SHAPES[name]
    text = f"# {token}\ntenant: northwind\nlabels:\n  note: '{token}'\n"
    problems = [problem for problem in lint({"northwind.yaml": text}) if problem.code == "MKT801"]
    assert [problem.position.line for problem in problems] == [1, 4]
    hidden = token.removeprefix("postgres")
    assert not any(hidden in f"{problem.message}{problem.remedy}" for problem in problems)


def test_a_token_is_found_in_a_file_that_is_no_yaml(lint: Lint) -> None:
    text = f"tenant: northwind\nlabels: {{note: {SHAPES['a GitHub token']}\n"
    assert {problem.code for problem in lint({"northwind.yaml": text})} == {"MKT101", "MKT801"}


@pytest.mark.parametrize(
    "text",
    [
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "env:NORTHWIND_WORKDAY_CLIENT_SECRET_2",
        "https://wd5-services1.workday.com/ccx/api/v1/northwind_dpt1/workers",
        "https://user@example.com",
        "pat-answer",
        "task-sk-anterior",
        "isu_mkt/All_Active_and_Terminated_Workers_2026",
        "AllActiveAndTerminatedWorkersOfTheCompany",
        "ActiveWorkers2026ReportV2ForLearners",
        UUID,
        "0123456789012345678901234567890123456789",
        "keyring:mkt/northwind/roster/WORKDAY_ISU_PASSWORD",
        "v43.0",
    ],
)
def test_what_people_write_is_no_secret(text: str) -> None:
    assert [*known_tokens(text), *random_texts(text)] == []


@pytest.mark.parametrize("letters", [string.ascii_letters + string.digits, string.ascii_lowercase + string.digits])
def test_most_random_text_is_told_from_names(letters: str) -> None:
    dice = random.Random(7)  # noqa: S311 - the same secrets in each run
    drawn = ["".join(dice.choices(letters, k=40)) for _ in range(200)]
    assert sum(map(looks_random, drawn)) > 190


@given(st.text(alphabet=[*"a1B-_./=+ :\n", "é", "\u200b"], max_size=200))
def test_the_glance_misses_nothing(text: str) -> None:
    if any(True for _ in random_texts(text)):
        assert may_hold_random_text(text.encode())
    if any(True for _ in known_tokens(text)):
        assert may_hold_token(text.encode())


HEAD = "tenant: northwind\nintegrations:\n  - connector: acme-hr\n    settings: {{base_url: {}}}\n"


def test_a_value_where_a_reference_belongs_is_told_once(lint: Lint) -> None:
    text = (
        HEAD.format("https://api.acme.example") + f"    secrets: {{ACME_CLIENT_SECRET: {SHAPES['a Stripe key']}}}\n"
    )
    assert [problem.code for problem in lint({"northwind.yaml": text})] == ["MKT402"]


def test_a_password_in_the_url_of_a_setting_is_told_once(lint: Lint) -> None:
    text = HEAD.format("'https://isu:hunter2@api.acme.example'")
    assert [problem.code for problem in lint({"northwind.yaml": text})] == ["MKT308"]


def test_a_private_key_of_many_lines_is_one_finding(lint: Lint) -> None:
    body = "\n    ".join(LETTERS * 2 for _ in range(20))
    key = f"{SHAPES['a private key']}\n    {body}\n    -----END OPENSSH PRIVATE KEY-----"
    text = f"tenant: northwind\nlabels:\n  key: |\n    {key}\n"
    assert [problem.code for problem in lint({"northwind.yaml": text})] == ["MKT801"]


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\u200b", "\u2060", "\ufeff", "\U000e0041", "\u200d"])
def test_a_hidden_character_is_found_at_its_place(letter: str, lint: Lint) -> None:
    (problem,) = lint({"northwind.yaml": f"tenant: northwind\nlabels: {{region: em{letter}ea}}\n"})
    place = problem.position
    assert (problem.code, place.line, place.column, place.end_column) == ("MKT803", 2, 20, 21)
    assert f"U+{ord(letter):04X}" in problem.message
    assert letter not in problem.message


@pytest.mark.parametrize("text", ["été", "سلام\u200cعلیک", "👩\u200d🎓", "Zürich"])
def test_text_of_other_scripts_hides_nothing(text: str, lint: Lint) -> None:
    assert lint({"northwind.yaml": f"tenant: northwind\nlabels: {{region: '{text}'}}\n"}) == []


ADVERSE = ["ghp_", "eyJ", "eyJa.", "://a:", "00D", "-----BEGIN ", "a1B2" * 5 + " ", "a1B2", "\u200b", "SG.", "xoxb-"]
ADVERSE += ["no ", "no, ", "1:", "0", "- ", "\t", "1_", ": "]


@pytest.mark.parametrize("unit", ADVERSE)
@pytest.mark.parametrize("shape", ["# {}\n", "labels: {{x: {}}}\n"])
def test_a_large_file_of_one_thing_takes_time_in_proportion_to_its_size(unit: str, shape: str) -> None:
    """Time in the square of it would be over the limit of a test."""
    text = "tenant: northwind\n" + shape.format(unit * (200_000 // len(unit)))
    file = tenant_file(text.encode(), "northwind.yaml")
    for judge in (structure.judge_file, traps.judge_file, security.judge_file):
        assert sum(1 for _ in judge(file)) <= len(text)
