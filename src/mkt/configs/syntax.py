"""Bytes to libyaml nodes: what YAML itself, or our narrower reading of it, refuses."""

import codecs
import operator
import re
from typing import Final

from yaml import MarkedYAMLError, Node, YAMLError
from yaml._yaml import CParser, Mark
from yaml.composer import ComposerError
from yaml.error import Mark as PlainMark
from yaml.events import AliasEvent, NodeEvent, StreamEndEvent
from yaml.reader import ReaderError

from mkt.configs import codes
from mkt.configs.base import Position, Problem

DEEPEST: Final = 50
_OPENERS: Final = (b"[", b"{", b"?", b"- ")
BREAK: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML 1.1, which libyaml counts lines by."""
_WORD: Final = re.compile(r"\t+|[^\s,\[\]{}'\"]+|\S")
_QUOTE: Final = "Put the value in quotes."
_REMEDIES: Final = {
    "mapping values are not allowed": "Put a value that contains `: ` in quotes, or correct the indentation.",
    "could not find expected ':'": "A key needs `: ` after it; correct the indentation of a text of several lines.",
    "did not find expected key": "Correct the indentation: keys of one level stand under each other.",
    "did not find expected '-' indicator": "Correct the indentation: the `-` of one list stand under each other.",
    "found unexpected end of stream": "Close the quote that was opened.",
    "did not find expected ',' or": "Close the bracket, or put a comma between two entries.",
    "did not find expected node content": "Close the bracket, or put text in quotes.",
    "character that cannot start any token": "Indent with spaces, not tabs; put a value that begins with `@`, `%` or"
    " a backtick in quotes.",
    "found unknown escape character": "Write a backslash in double quotes twice, or use single quotes.",
}


class _TooDeepError(ComposerError):
    """More levels than any config needs: the nodes are composed by recursion."""


def _no_tag(_kind: type[Node], _value: str | None, _implicit: object) -> str:
    return ""


class _Loader(CParser):
    """libyaml's parser without PyYAML's scalars: `scalars.resolve` says what plain text means.

    The parser calls these three for every node; built-ins in place of methods save a third of its time.
    """

    resolve = staticmethod(_no_tag)
    descend_resolver = staticmethod(operator.is_)
    ascend_resolver = staticmethod(str)


class _CountingLoader(_Loader):
    """Counts levels, for the rare file that may have too many of them: libyaml's nodes are composed by recursion."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._depth = 0

    def descend_resolver(self, parent: Node | None, _index: object) -> None:  # type: ignore[override]
        self._depth += 1
        if parent is not None and self._depth > DEEPEST:
            raise _TooDeepError(None, None, "too deep", parent.start_mark)

    def ascend_resolver(self) -> None:  # type: ignore[override]
        self._depth -= 1


def compose(content: bytes, path: str) -> Node | Problem:
    """Return the root node of a file of one document, or what is wrong with it."""
    text = content.removeprefix(codecs.BOM_UTF8)
    problem = _not_text(text, path)
    if problem is not None:
        return problem
    try:
        refused = _refused(text, path) if b"&" in text or b"!" in text else None
        loader = _Loader if _shallow(text) else _CountingLoader
        root = refused or loader(text).get_single_node()
    except MarkedYAMLError as error:
        return _marked(error, text.decode(), path)
    except ReaderError as error:
        return _control_character(error, text, path)
    except YAMLError as error:
        return Problem(codes.SYNTAX, f"this is not YAML: {error}", Position(path), "Write it anew as UTF-8 text.")
    return root or Problem(codes.EMPTY, "the file is empty", Position(path), "Write `tenant:` or remove the file.")


def _shallow(text: bytes) -> bool:
    """Tell whether the file cannot be deeper than `DEEPEST`, at a fraction of the cost of counting.

    A level opens with a bracket or an indicator, or on a line that is indented further: at one column a mapping and
    a list in it, so two levels for each of twelve columns and one for each opener.
    """
    return b" " * 12 not in text and b"\t" not in text and sum(map(text.count, _OPENERS)) <= DEEPEST // 2


def _not_text(text: bytes, path: str) -> Problem | None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        place = _position(text, error.start, path)
        wide = text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        message = "the file is UTF-16, as some editors on Windows write it" if wide else "this byte is not UTF-8"
        return Problem(codes.ENCODING, message, place, "Save the file in the encoding UTF-8.")
    return None


def _refused(text: bytes, path: str) -> Problem | None:
    """Find the first anchor, alias or tag; nodes no longer show the anchors that they had."""
    parser = _Loader(text)
    event = parser.get_event()
    while event is not None and not isinstance(event, StreamEndEvent):
        if isinstance(event, AliasEvent | NodeEvent) and event.anchor:
            return _anchor(_at(event.start_mark, text.decode(), path))
        if getattr(event, "tag", None):
            message = "tags such as !!str are not read"
            place = _at(event.start_mark, text.decode(), path)
            return Problem(codes.TAG, message, place, "Leave the tag out; quotes make text.")
        event = parser.get_event()
    return None


def _anchor(place: Position) -> Problem:
    return Problem(
        codes.ANCHOR,
        "anchors (&name) and aliases (*name) are not read",
        place,
        "Write the value out; put text that begins with & or * in quotes.",
    )


def _marked(error: MarkedYAMLError, text: str, path: str) -> Problem:
    place = _at(_mark(error, text), text, path)
    what = error.problem or "cannot be read"
    if isinstance(error, _TooDeepError):
        message = f"nested deeper than {DEEPEST} levels"
        return Problem(codes.TOO_DEEP, message, place, "Write it flatter.")
    if "alias" in what or "anchor" in f"{what} {error.context}" or "an alias" in (error.context or ""):
        return _anchor(place)
    if what == "but found another document":
        message = "a second document begins here"
        return Problem(codes.SEVERAL_DOCUMENTS, message, place, "Give each tenant a file of its own.")
    remedy = next((text for start, text in _REMEDIES.items() if start in what), _QUOTE)
    opened = f" ({error.context}, line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    return Problem(codes.SYNTAX, f"this is not YAML: {what}{opened}", place, remedy)


def _mark(error: MarkedYAMLError, text: str) -> Mark | PlainMark | None:
    """Return where the error is to be mended: at what was opened where only the file's end shows that it is open."""
    mark, opened = error.problem_mark, error.context_mark
    if mark is None or (opened and not text[mark.index :].strip()) or _is_alias(error):
        return opened or mark
    return mark


def _is_alias(error: MarkedYAMLError) -> bool:
    return "an alias" in (error.context or "") or "an anchor" in (error.context or "")


def _control_character(error: ReaderError, text: bytes, path: str) -> Problem:
    place = _position(text, error.position, path)
    return Problem(codes.ENCODING, f"this is not YAML: {error.reason}", place, "Remove the invisible character.")


def _at(mark: Mark | PlainMark | None, text: str, path: str) -> Position:
    """Return the place of the word that begins at a mark."""
    if mark is None:
        return Position(path)
    word = _WORD.match(text, mark.index)
    line, column = mark.line + 1, mark.column + 1
    return Position(path, line, column, line, column + (len(word[0]) if word else 1))


def _position(text: bytes, offset: int, path: str) -> Position:
    before = BREAK.split(text[:offset].decode(errors="replace"))
    line, column = len(before), len(before[-1]) + 1
    return Position(path, line, column, line, column + 1)
