import codecs
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.document import read
from mkt.configs.edit import switched
from mkt.contract import Disabled
from mkt.errors import Refused

HOLIDAYS = Disabled(until=date(2027, 1, 7), reason="school holidays")
BLOCK = """\
# yaml-language-server: $schema=../schema.json
tenant: northwind
integrations:
  - name: roster            # the name
    connector: workday-hris   # a comment

    # on the schedule
    schedule: '15 2 * * *'
  - connector: acme-hr
"""


def state(content: bytes, index: int = 0) -> tuple[Any, Any]:
    document: Any = read(content, "a.yaml")
    assert document.problems == ()
    integration = document.data["integrations"][index]
    return integration.get("enabled", True), integration.get("disabled")


def disabled(text: str, index: int = 0, what: Disabled = HOLIDAYS) -> str:
    return switched(text.encode(), "a.yaml", [index], what).decode()


def enabled(text: str, index: int = 0) -> str:
    return switched(text.encode(), "a.yaml", [index], None).decode()


def test_disabling_adds_one_line_behind_the_connectors() -> None:
    line = "    disabled: {until: 2027-01-07, reason: school holidays}\n"
    assert disabled(BLOCK) == BLOCK.replace("# a comment\n", f"# a comment\n{line}")
    assert disabled(BLOCK, 1) == BLOCK + line


def test_a_file_without_a_line_break_at_its_end_gets_none() -> None:
    text = BLOCK.removesuffix("\n")
    assert disabled(text, 1) == f"{text}\n    disabled: {{until: 2027-01-07, reason: school holidays}}"
    assert enabled(disabled(text, 1), 1) == text


def test_several_integrations_are_changed_at_once() -> None:
    content = switched(BLOCK.encode(), "a.yaml", [0, 1], Disabled())
    assert [state(content, index) for index in (0, 1)] == [(True, {}), (True, {})]
    assert switched(content, "a.yaml", [0, 1], None) == BLOCK.encode()


def test_the_word_enabled_gives_way_and_its_comment_stays() -> None:
    text = "tenant: a\nintegrations:\n  - connector: x\n    enabled: true   # default true\n    name: y\n"
    resting = disabled(text, what=Disabled(reason="move"))
    assert resting == text.replace("enabled: true", "disabled: {reason: move}")
    assert enabled(resting) == text


def test_enabled_false_becomes_true_in_its_place() -> None:
    text = "tenant: a\nintegrations:\n- enabled: false # why\n  connector: x\n"
    assert enabled(text) == text.replace("false", "true")


def test_a_disabled_of_several_lines_is_replaced_as_a_whole() -> None:
    text = "tenant: a\nintegrations:\n  - connector: x\n    disabled:\n      until: 2026-12-01\n      reason: >\n"
    text += "        a move\n\n    # about the name\n    name: y\n"
    new = "    disabled: {until: 2027-01-07, reason: school holidays}\n"
    start, end = text.index("    disabled:"), text.index("\n    # about")
    assert disabled(text) == text[:start] + new + text[end:]
    assert enabled(text) == text[:start] + text[end:]


def test_disabled_behind_the_dash_leaves_the_dash() -> None:
    text = "tenant: a\nintegrations:\n  - disabled: {}\n    connector: x\n"
    assert enabled(text) == "tenant: a\nintegrations:\n  - connector: x\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{connector: x, disabled: {reason: b}, name: y}", "{connector: x, name: y}"),
        ("{disabled: {reason: b}, connector: x}", "{connector: x}"),
        ("{connector: x, disabled: {reason: b}}", "{connector: x}"),
        ("{connector: x, disabled: {reason: b},}", "{connector: x,}"),
        ("{connector: x,\n   # c, d\n   disabled: {},\n   name: y}", "{connector: x,\n   # c, d\n   name: y}"),
    ],
)
def test_a_comma_goes_with_what_it_parts(before: str, after: str) -> None:
    text = "tenant: a\nintegrations:\n - {}\n"
    assert enabled(text.format(before)) == text.format(after)


def test_json_stays_json() -> None:
    text = '{"tenant": "a", "integrations": [{"connector": "x", "name": "y"}]}'
    wanted = '"disabled": {"until": "2027-01-07", "reason": "school holidays"}'
    assert disabled(text) == text.replace('"x",', f'"x", {wanted},')
    assert enabled(disabled(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "tenant: a\nintegrations: [connector: x]\n",
        "tenant: a\nintegrations:\n  - ? connector\n    : x\n",
    ],
)
def test_a_style_that_does_not_let_it_be_done_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="does not edit; nothing was changed") as refusal:
        disabled(text)
    assert "`disabled: {until: 2027-01-07, reason: school holidays}`" in refusal.value.remedy


BLOCK_SWITCHES = [
    *([], ["enabled: true"], ["enabled: False"], ["disabled: {reason: b, until: 2026-12-01}"], ["disabled:"]),
    *(["disabled: {reason: b,\n  until: 2026-12-01}"], ["disabled:\n  until: 2026-12-01\n  reason: 'it''s'"]),
    *(["disabled:\n  reason: |\n    one\n    two\n"], ["disabled: {}", "enabled: false"]),
]
FLOW_SWITCHES = [["disabled: ~"], *(each for each in BLOCK_SWITCHES if not re.search(r"\n|:$", "".join(each)))]
OTHERS = [
    "name: {}",
    "schedule: '@daily'",
    "settings:\n  a: 1\n  b: [x, y]",
    "secrets:\n- {{a: b}}",
    "guard: {{a: 1}}",
]


@st.composite
def block_entries(draw: st.DrawFn, name: str) -> list[str]:
    """One integration as lines of a block, keys in any order, comments here and there."""
    others = [text.format(name) for text in draw(st.lists(st.sampled_from(OTHERS), unique=True))]
    parts = [f"connector: {draw(st.sampled_from(['x', chr(34) + 'x' + chr(34), '>-' + chr(10) + '  x']))}", *others]
    parts += draw(st.sampled_from(BLOCK_SWITCHES))
    lines: list[str] = []
    for part in draw(st.permutations(parts)):
        lines += [*draw(st.lists(st.sampled_from(["", "# on its own"]), max_size=2)), *part.split("\n")]
        if "\n" not in part:
            lines[-1] += draw(st.sampled_from(["", "  # behind"]))
    while not lines[0] or lines[0].startswith("#"):
        lines.append(lines.pop(0))
    return lines


@st.composite
def block_files(draw: st.DrawFn) -> bytes:
    indent = " " * draw(st.integers(0, 3))
    lines = ["# first", "tenant: a", "integrations: # all"]
    for name in ("one", "two"):
        first, *rest = draw(block_entries(name))
        lines += [f"{indent}- {first}", *(f"{indent}  {line}" if line else "" for line in rest)]
    text = draw(st.sampled_from(["\n", "\r\n"])).join(
        [*lines, *draw(st.sampled_from([[""], [], ["labels: {a: b}"]]))]
    )
    return draw(st.sampled_from([b"", codecs.BOM_UTF8])) + text.encode()


@st.composite
def flow_files(draw: st.DrawFn) -> bytes:
    gap = draw(st.sampled_from([" ", "\n   ", " # behind\n   "]))
    entries = []
    for name in ("one", "two"):
        parts = ["connector: x", f"name: {name}", *draw(st.sampled_from(FLOW_SWITCHES))]
        entries.append(
            "{" + f",{gap}".join(draw(st.permutations(parts))) + draw(st.sampled_from(["}", ",}", "\n }"]))
        )
    return f"tenant: a\nintegrations: [{f',{gap}'.join(entries)}]\n".encode()


def without_switches(content: bytes) -> list[dict[str, Any]]:
    document: Any = read(content, "a.yaml")
    return [
        {key: value for key, value in entry.items() if key not in {"enabled", "disabled"}}
        for entry in document.data["integrations"]
    ]


@given(block_files() | flow_files(), st.sampled_from([[0], [1], [0, 1]]))
def test_in_every_style_only_the_switch_changes(content: bytes, indexes: list[int]) -> None:
    resting = switched(content, "a.yaml", indexes, HOLIDAYS)
    running = switched(resting, "a.yaml", indexes, None)
    for index in (0, 1):
        wanted = {"until": "2027-01-07", "reason": "school holidays"}
        assert state(resting, index) == ((True, wanted) if index in indexes else state(content, index))
        assert state(running, index) == ((True, None) if index in indexes else state(content, index))
    assert without_switches(content) == without_switches(resting) == without_switches(running)
    for changed in (resting, running, switched(content, "a.yaml", indexes, None)):
        assert re.findall(rb"#[^\r\n]*", changed) == re.findall(rb"#[^\r\n]*", content)
        assert (b"\r\n" in changed) == (b"\r\n" in content)
        assert changed.count(b"\n") - changed.count(b"\r\n") == 0 or b"\r\n" not in content
        assert changed.startswith(codecs.BOM_UTF8) == content.startswith(codecs.BOM_UTF8)


@given(block_files() | flow_files(), st.sampled_from([0, 1]))
def test_what_had_no_switch_comes_back_byte_for_byte(content: bytes, index: int) -> None:
    plain = switched(content, "a.yaml", [0, 1], None)
    if b"enabled" not in plain:
        assert switched(switched(plain, "a.yaml", [index], HOLIDAYS), "a.yaml", [index], None) == plain
