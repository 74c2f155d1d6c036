"""`mkt lint --fix`: what it mends, what it leaves alone, and that nothing else in a file changes."""

import codecs
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.configs.base import Edit, Fix, Position, Problem
from mkt.configs.document import read
from mkt.configs.suggestion import is_slip, suggestion
from mkt.lint import check
from mkt.lint.fix import Mended, apply, mend, with_fixes
from mkt.lint.texts import Texts
from mkt.registry import ConnectorRegistry
from mkt.secrets.env import EnvBackend
from mkt.settings import AllDefaults

Mend = Callable[[bytes], Mended]
HEAD = "tenant: alpha\nintegrations:\n  - connector: acme-hr\n"
GOOD = "    settings: {base_url: https://api.acme.example}\n"
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
SHOWN = "configs/alpha.yaml"


@pytest.fixture
def fixing(tmp_path: Path, registry: ConnectorRegistry) -> Mend:
    """Mend one file, which is not on disk."""
    (tmp_path / "configs").mkdir()

    def mended(content: bytes) -> Mended:
        def find(contents: Mapping[str, bytes]) -> list[Problem]:
            given = {str(tmp_path / SHOWN): content, **contents}
            found = check(
                [tmp_path / SHOWN],
                root=tmp_path,
                config_dir=Path("configs"),
                registry=registry,
                defaults=AllDefaults(),
                backends=[EnvBackend()],
                given=given,
            )
            return with_fixes(found, Texts(tmp_path, given))

        return mend(find, lambda _: content)

    return mended


def text_after(mended: Mended) -> str:
    (after,) = mended.after.values()
    return after.decode()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (GOOD + "    enabled: yes # or no\n", GOOD + "    enabled: true # or no\n"),
        (GOOD + "    enabled: 'off'\n", GOOD + "    enabled: false\n"),
        (GOOD + "    shedule: '@daily'\n", GOOD + "    schedule: '@daily'\n"),
        (GOOD + '    "shcedule": "@daily"\n', GOOD + '    "schedule": "@daily"\n'),
        (GOOD + "    guard: {max_delete_percent: '5'}\n", GOOD + "    guard: {max_delete_percent: 5}\n"),
        (
            '    settings: {base-url: https://api.acme.example, page_size: "100"}\n',
            "    settings: {base_url: https://api.acme.example, page_size: 100}\n",
        ),
        (GOOD + "    secrets: {ACME_CLIENT_SECRT: env:A}\n", GOOD + "    secrets: {ACME_CLIENT_SECRET: env:A}\n"),
    ],
)
def test_what_needs_no_decision_is_mended(wrong: str, right: str, fixing: Mend) -> None:
    mended = fixing((HEAD + wrong).encode())
    assert text_after(mended) == HEAD + right
    assert not [problem for problem in mended.problems if problem.severity == "error"]


def test_a_number_where_text_belongs_gets_its_quotes(fixing: Mend) -> None:
    mended = fixing(("labels: {region: 007, old: true} # both\n" + HEAD + GOOD).encode())
    assert text_after(mended).startswith('labels: {region: "007", old: "true"} # both\n')


@pytest.mark.parametrize(
    "wrong",
    [
        GOOD + "    secrets: {ACME_CLIENT_SECRET: 12345}\n",
        GOOD.replace("https", "http"),
        GOOD + "  - connector: acme-h\n",
        GOOD + "    timezone: Europe/Londom\n",
        GOOD + "    enabled: maybe\n",
        GOOD + "    guard: {max_delete_percent: '007'}\n",
        GOOD + "    sch: '@daily'\n",
        GOOD + "    reasons: x\n",
    ],
)
def test_what_a_person_has_to_decide_is_left_alone(wrong: str, fixing: Mend) -> None:
    mended = fixing((HEAD + wrong).encode())
    assert mended.found
    assert mended.after == {}


def test_a_fix_that_would_show_another_problem_is_left_to_a_person(fixing: Mend) -> None:
    mended = fixing((HEAD + GOOD + "    shedule: never\n    enabled: yes\n").encode())
    assert "shedule: never\n    enabled: true\n" in text_after(mended)
    assert mended.left_out == 1
    assert {problem.code for problem in mended.problems} == {"MKT201"}


@pytest.mark.parametrize("word", ["rat", "rates", "arte", "raet", "Rote"])
def test_a_slip_is_one_letter(word: str) -> None:
    assert is_slip(word, "rate")


@pytest.mark.parametrize("word", ["ra", "raters", "tare", "eater", "", "xaty"])
def test_two_letters_are_no_slip(word: str) -> None:
    assert not is_slip(word, "rate")


def test_of_two_keys_that_could_be_meant_none_is_taken() -> None:
    assert suggestion("rate_c", ["rate_a", "rate_b", "other"]) == "Did you mean rate_a or rate_b?"
    assert suggestion("rate_a1", ["rate_a", "rate_b", "other"]) == "Did you mean rate_a?"
    position = Position("a", 1, 1, 1, 7)
    problem = Problem("MKT303", "rate_c is not known", position, "Did you mean rate_a or rate_b?")
    assert with_fixes([problem], Texts(Path(), {"a": b"rate_c: 1\n"}))[0].fix is None


def test_a_misspelt_key_beside_the_right_one_is_left_to_a_person(fixing: Mend) -> None:
    mended = fixing((HEAD + GOOD + "    shedule: '@daily'\n    schedule: '@daily'\n").encode())
    assert mended.after == {}
    assert mended.left_out == 1


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_fixed_file_of_the_corpus_has_no_new_finding_and_is_fixed_once_for_all(path: Path, fixing: Mend) -> None:
    mended = fixing(path.read_bytes())
    before = {(problem.code, problem.position.line) for problem in mended.found}
    assert {(problem.code, problem.position.line) for problem in mended.problems} <= before
    for content in mended.after.values():
        assert fixing(content).after == {}


LINES = st.sampled_from(
    [
        "    enabled: yes",
        "    enabled: true   # as it is",
        "    shedule: '@daily'",
        "    scedule: never",
        "    timezone: no",
        "    guard: {max_delete_percent: '5', ignore_below: \"7\"}",
        "    guard:\t{max_delete_percent: 5}",
        "    # 名前: yes",
        "    disabled: {reason: 1:30, until: 2027-01-07}",
        "    name: on",
        "    settings: {base_url: 'https://api.acme.example', page_size: '3', archived: off}",
        "    settings: {baseurl: https://api.acme.example}",
        "    secrets: {ACME_CLIENT_ID: env:A, ACME_CLIENT_SECRT: env:B}",
        "    secrets: {ACME_CLIENT_SECRET: 'hunter2'}",
        "",
    ]
)
FILES = st.builds(
    lambda mark, end, lines: mark + end.join([*HEAD.splitlines(), *lines, ""]).encode(),
    st.sampled_from([b"", codecs.BOM_UTF8]),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(LINES, max_size=6),
)


@given(FILES)
@settings(suppress_health_check=list(HealthCheck), max_examples=60, deadline=None)
def test_fixing_twice_is_fixing_once_and_shows_nothing_new(fixing: Mend, content: bytes) -> None:
    mended = fixing(content)
    before = {(problem.code, problem.position.line) for problem in mended.found}
    assert {(problem.code, problem.position.line) for problem in mended.problems} <= before
    for after in mended.after.values():
        assert fixing(after).after == {}
        changed = {edit.position.line for problem in mended.fixed if problem.fix for edit in problem.fix.edits}
        kept = zip(content.split(b"\n"), after.split(b"\n"), strict=True)
        differ = {number for number, (one, other) in enumerate(kept, 1) if one != other}
        assert differ <= changed


@given(
    st.text(alphabet=st.sampled_from("ab名\t é"), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n", "\r", "\u2028"]),
    st.booleans(),
    st.text(alphabet=st.sampled_from('xy" é'), max_size=5),
)
def test_an_edit_changes_its_span_and_nothing_else(line: str, end: str, mark: bool, new: str) -> None:
    text = f"first{end}{line}{end}last"
    content = codecs.BOM_UTF8 * mark + text.encode()
    edit = Edit(Position("f", 2, 1, 2, 1 + len(line)), new)
    expected = codecs.BOM_UTF8 * mark + f"first{end}{new}{end}last".encode()
    assert apply(content, [Fix((edit,), "")]) == expected


def test_the_data_of_all_other_keys_stays(fixing: Mend) -> None:
    content = (HEAD + GOOD + "    shedule: '@daily'\n    enabled: no\nlabels: {a: '01', b: [x]}\n").encode()
    (after,) = fixing(content).after.values()
    one, other = read(content, "a").data, read(after, "a").data
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert one["labels"] == other["labels"]
    assert one["integrations"][0]["settings"] == other["integrations"][0]["settings"]
