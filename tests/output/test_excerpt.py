"""A marked line: aligned, short, and without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mkt.configs.base import Position
from mkt.output.excerpt import excerpt

TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


def marked(text: str, part: str, *, secret: bool = False) -> tuple[str, str]:
    start = text.index(part) + 1
    return excerpt(text, Position("f", 1, start, 1, start + len(part)), secret=secret)


def test_what_follows_the_spot_is_left_out() -> None:
    assert marked("  key: value", "key") == ("  key …", "  ^^^")


def test_tabs_are_blanks_in_both_lines() -> None:
    assert marked("\tkey: x", "key") == ("    key …", "    ^^^")
    assert marked("a:\tb", "\t") == ("a:     …", "  ^^^^")


def test_wide_and_combining_characters_count_as_they_are_seen() -> None:
    assert marked("名前: x", "x") == ("名前: x", "      ^")
    assert marked("cafe\u0301: x", "x") == ("cafe\u0301: x", "      ^")
    assert marked("a: 名前", "名前") == ("a: 名前", "   ^^^^")


def test_what_nobody_sees_is_written_out() -> None:
    assert marked('a: "\u202ex"', "\u202e") == ('a: "\\u202e …', "    ^^^^^^")
    assert marked("a: \x1b[31m", "\x1b[31m") == ("a: \\x1b[31m", "   ^^^^^^^^")


def test_a_long_line_is_shown_around_its_spot() -> None:
    shown, marks = marked("a: " + "b " * 900 + "key: " + "c" * 5000, "key")
    assert shown.startswith("… b b b")
    assert shown.endswith("key …")
    assert shown[len(marks) - 3 : len(marks)] == "key"
    shown, marks = marked("a: " + "c" * 5000, "c" * 5000)
    assert len(shown) < 100
    assert len(marks) == len(shown)


def test_far_along_a_line_nothing_before_the_spot_is_shown() -> None:
    shown, _ = marked("A_TOKEN: " + "hunter2 " * 900 + "key: x", "key")
    assert shown == "…key …"


def test_a_spot_over_several_lines_is_marked_to_the_end_of_the_first() -> None:
    assert excerpt("a: [b,", Position("f", 1, 4, 2, 3), secret=False) == ("a: [b,", "   ^^^")


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs"]), min_size=6).map(lambda s: f"v{s}v"))
def test_a_value_where_a_reference_belongs_is_never_shown(value: str) -> None:
    text = f"      TOKEN: {value}"
    spot = Position("f", 1, text.index(value) + 1, 1, len(text) + 1)
    assert value not in excerpt(text, spot, secret=True)[0]
    assert value not in excerpt(text, Position("f", 1, 7, 1, 12), secret=True)[0]


def test_a_secrets_name_is_shown_and_its_value_is_not() -> None:
    text = "  secrets: {WORKDAY_TOKN: HUNTER2}"
    assert marked(text, "WORKDAY_TOKN", secret=True)[0] == "  secrets: {WORKDAY_TOKN …"
    assert "HUNTER2" not in marked(text, "HUNTER2", secret=True)[0]


def test_values_before_the_spot_are_hidden_too() -> None:
    shown, _ = marked("  secrets: {A_TOKEN: hunter2, B_TOKEN: env:B, C: x}", "C")
    assert "hunter2" not in shown
    assert "env:B" in shown


@pytest.mark.parametrize("value", [TOKEN, "x9Kq27LmZ4pT8vRw3NcB6yHd"])
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(value: str) -> None:
    shown, marks = marked(f"labels: {{note: {value}, b: yes}}", "yes")
    assert shown == "labels: {note: ***, b: yes …"
    assert marks == " " * 23 + "^^^"


def test_credentials_in_a_url_are_hidden() -> None:
    text = "  base_url: https://me:hunter2@hr.example"
    assert marked(text, "https://me:hunter2@hr.example")[0] == "  base_url: https://***@hr.example"


@given(st.text(max_size=300), st.integers(1, 320), st.integers(0, 320), st.booleans())
def test_every_line_has_marks_below_what_is_shown(text: str, column: int, length: int, secret: bool) -> None:
    shown, marks = excerpt(text, Position("f", 1, column, 1, column + length), secret=secret)
    assert "^" in marks
    assert len(marks) <= max(cell_len(shown), 1) + 1
    assert "\n" not in shown
    assert cell_len(shown) < 160


@pytest.mark.parametrize("spot", ["*hunter2", "&hunter2", "!hunter2", "@hunter2", "%hunter2", "hunter2"])
@pytest.mark.parametrize("name", ["WORKDAY_ISU_PASSWORD", "client_secret", "'api-key'", "- password"])
def test_a_value_that_is_no_yaml_is_hidden_by_its_name(name: str, spot: str) -> None:
    shown, marks = marked(f"  {name}: {spot}", spot)
    assert (shown, marks) == (f"  {name}: ***", " " * (len(name) + 4) + "^^^")


def test_all_that_follows_a_secrets_name_on_its_line_is_its_value() -> None:
    assert marked('  A_TOKEN: "one"two, hunter2', "two")[0] == "  A_TOKEN: ****** …"
    assert marked("  A_TOKEN: one,hunter2: x", "x")[0] == "  A_TOKEN: ******"


def test_in_braces_the_next_key_is_shown() -> None:
    text = "s: {A_TOKEN: 'a, b}', B_TOKEN: \"env:B\", other: x}"
    assert marked(text, "x")[0] == 's: {A_TOKEN: ***, B_TOKEN: "env:B", other: x …'


def test_an_address_of_tokens_is_no_token() -> None:
    assert marked("  token_url: http://x", "http://x")[0] == "  token_url: http://x"
