"""Files that are no text, or not the text that they seem."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.configs.base import Problem

Lint = Callable[..., list[Problem]]
TEXT = "tenant: northwind\nlabels: {city: Zürich}\n"


@pytest.fixture
def found(lint: Lint, tmp_path: Path) -> Callable[[bytes], list[str]]:
    """Lint a file of these bytes and return the codes."""

    def run(content: bytes) -> list[str]:
        path = tmp_path / "configs" / "northwind.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return [problem.code for problem in lint({})]

    return run


Found = Callable[[bytes], list[str]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"])
def test_another_encoding_is_refused(encoding: str, found: Found) -> None:
    assert found(TEXT.encode(encoding)) == ["MKT102"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_the_ends_of_lines_are_free(end: str, found: Found) -> None:
    assert found(TEXT.rstrip().replace("\n", end or "\n").encode() + end.encode()) == []


@pytest.mark.parametrize("letter", ["\0", "\x07", "\x1b", "\x7f", "\x9b"])
def test_a_control_character_is_refused(letter: str, found: Found) -> None:
    assert found(f"tenant: northwind\nlabels: {{a: 'x{letter}y'}}\n".encode()) == ["MKT102"]


@pytest.mark.parametrize("letter", ["\x85", "\u2028", "\u2029"])
def test_a_break_that_editors_do_not_show_ends_no_comment_unnoticed(letter: str, found: Found) -> None:
    assert found(f"# remark{letter}tenant: northwind\n".encode()) == ["MKT803"]


@pytest.mark.parametrize("escape", ["\\0", "\\a", "\\x1b", "\\e"])
def test_a_control_character_in_an_escape_is_refused(escape: str, found: Found) -> None:
    assert found(f'tenant: northwind\nlabels: {{a: "x{escape}y"}}\n'.encode()) == ["MKT102"]


@pytest.mark.parametrize("escape", ["\\x7f", "\\u202e", "\\U0000200B", "\\L", "\\x9b"])
def test_what_nobody_sees_is_found_in_escapes_too(escape: str, found: Found) -> None:
    assert found(f'tenant: northwind\nlabels: {{a: "x{escape}y"}}\n'.encode()) == ["MKT803"]


def test_a_billion_laughs_are_refused_at_the_first_anchor(found: Found) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert found("\n".join(lines).encode()) == ["MKT105"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_a_hundred_thousand_levels_are_too_deep(opening: str, found: Found) -> None:
    assert found(b"labels: " * (opening != "- ") + opening.encode() * 100_000) in (["MKT110"], ["MKT101"])


def test_a_file_over_a_megabyte_is_not_read(found: Found) -> None:
    assert found(b"tenant: northwind\n#" + b"x" * 1_000_000) == ["MKT103"]


CORPUS = [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus").glob("*.yaml"))]
PIECES = [
    b"\t",
    b"0b1",
    b"1E400",
    b"012345678901234567890123456789",
    b"-" * 30,
    b": ",
    b"\\u200b",
    "\u200d".encode(),
    b"#",
]
PIECES += [
    b"'",
    b'"',
    b"|\n",
    b"{",
    b"]",
    b"- ",
    b"\r",
    b"\xff",
    b"eyJ",
    b"://a:b@",
    b"2026-01-07",
    b"~",
    b"!",
    b"&a",
]


@settings(suppress_health_check=list(HealthCheck), max_examples=300, deadline=None)
@given(st.sampled_from(CORPUS), st.lists(st.tuples(st.integers(0, 900), st.sampled_from(PIECES)), max_size=4))
def test_no_file_stops_lint(found: Found, content: bytes, put: list[tuple[int, bytes]]) -> None:
    for place, piece in put:
        content = content[:place] + piece + content[place:]
    assert isinstance(found(content), list)


def test_utf_16_is_called_so_and_a_byte_is_found_behind_any_line_break(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").write_bytes(TEXT.encode("utf-16"))
    (tmp_path / "configs" / "b.yaml").write_bytes("tenant: b\rlabels: {a:\u2028 ü".encode() + b"\xff}\r")
    wide, byte = lint({})
    assert wide.message == "the file is UTF-16, as some editors on Windows write it"
    assert (byte.position.line, byte.position.column) == (3, 3)
