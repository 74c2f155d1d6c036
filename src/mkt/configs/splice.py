"""Small changes to a YAML text at the positions of its nodes, so that all around them stays as it was written."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from yaml import MappingNode, Node, ScalarNode, SequenceNode

_BREAK: Final = re.compile(r"\r\n|\r|\n")
_UP_TO_COMMA: Final = re.compile(r"(?:\s|(?<=\s)#[^\r\n]*)*,")


class Splice(NamedTuple):
    """What stands in `[start, end)`, counted in characters, becomes `text`."""

    start: int
    end: int
    text: str = ""


class Entry(NamedTuple):
    """One key of a mapping, with its place in it."""

    at: int
    key: Node
    value: Node


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with all changes made; they do not overlap."""
    for splice in sorted(splices, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    return text


def entry(mapping: MappingNode, name: str) -> Entry | None:
    """Return the entry of a key."""
    found = (Entry(index, key, value) for index, (key, value) in enumerate(mapping.value) if key.value == name)
    return next(found, None)


def inserted(text: str, mapping: MappingNode, after: Entry, name: str, value: str) -> Splice:
    """Write a new entry behind another: on a line of its own, or behind a comma."""
    end = end_of(text, after.value)
    if mapping.flow_style:
        return Splice(end, end, f", {name}: {value}")
    end = _line_end(text, end)
    indent = " " * after.key.start_mark.column
    return Splice(end, end, f"{break_at(text, end)}{indent}{name}: {value}")


def replaced(text: str, found: Entry, name: str, value: str) -> Splice:
    """Write another entry in place of this one; a comment behind it stays."""
    return Splice(found.key.start_mark.index, end_of(text, found.value), f"{name}: {value}")


def removed(text: str, mapping: MappingNode, found: Entry) -> Iterator[Splice]:
    """Take an entry out, with its line or its comma; a comment behind it stays."""
    start, end = found.key.start_mark.index, end_of(text, found.value)
    if mapping.flow_style:
        yield from _removed_with_comma(text, mapping, found.at, start, end)
    elif has_comment(text, found):
        yield Splice(start, text.index("#", end))
    elif text[_line_start(text, start) : start].isspace():
        yield _whole_line(text, start, _line_end(text, end))
    else:  # behind the dash of a list
        yield Splice(start, _next_start(text, mapping, found.at, _line_end(text, end)))


def _removed_with_comma(text: str, mapping: MappingNode, at: int, start: int, end: int) -> Iterator[Splice]:
    behind = _UP_TO_COMMA.match(text, end)
    before = _UP_TO_COMMA.match(text, end_of(text, mapping.value[at - 1][1])) if at else None
    if before and not text[before.end() : start].strip():
        yield Splice(before.end() - 1, end)
    elif behind:
        yield _with_blanks(text, start, behind.end())
    else:  # alone, or with a comment between it and the comma
        yield from [Splice(before.end() - 1, before.end())] if before else []
        yield Splice(start, end)


def item_removed(text: str, items: SequenceNode, index: int) -> Splice:
    """Take an entry of a list out, with its lines or its comma."""
    node = items.value[index]
    start, end = node.start_mark.index, end_of(text, node)
    if not items.flow_style:
        dash = text.rindex("-", 0, start)
        return _whole_line(text, dash, _line_end(text, end))
    if index:
        return Splice(end_of(text, items.value[index - 1]), end)
    following = items.value[1:2]
    return Splice(start, following[0].start_mark.index if following else end)


def item_added(text: str, items: SequenceNode, lines: Sequence[str], in_one: str) -> Splice:
    """Write a new entry behind the last one: as lines of its own, or `in_one` behind a comma."""
    last = items.value[-1]
    end = end_of(text, last)
    if items.flow_style:
        return Splice(end, end, f", {in_one}")
    dash = text.rindex("-", 0, last.start_mark.index)
    indent = " " * (dash - _line_start(text, dash))
    end = _line_end(text, end)
    return Splice(end, end, "".join(f"{break_at(text, end)}{indent}{line}" for line in lines))


def has_comment(text: str, found: Entry) -> bool:
    """Tell whether a comment stands behind the entry, on its line."""
    end = end_of(text, found.value)
    return text[end : _line_end(text, end)].lstrip().startswith("#")


def end_of(text: str, node: Node) -> int:
    """Return where what a node shows ends; libyaml's own end of a block is where the next thing begins."""
    if isinstance(node, ScalarNode) or node.flow_style or not node.value:  # type: ignore[attr-defined]
        start, end = node.start_mark.index, node.end_mark.index
        return int(start + len(text[start:end].rstrip()))
    last: Any = node.value[-1]
    return end_of(text, last[1] if isinstance(last, tuple) else last)


def _line_start(text: str, index: int) -> int:
    return max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1


def _line_end(text: str, index: int) -> int:
    found = _BREAK.search(text, index)
    return found.start() if found else len(text)


def break_at(text: str, index: int) -> str:
    """Return the line break that stands here or, at the end of the text, the one that the file uses."""
    found = _BREAK.match(text, index) or _BREAK.search(text)
    return found[0] if found else "\n"


def _whole_line(text: str, start: int, end: int) -> Splice:
    own = _BREAK.match(text, end)
    start = _line_start(text, start)
    if own:
        return Splice(start, own.end())
    before = text[:start]
    return Splice(len(before) - (2 if before.endswith("\r\n") else 1), end)


def _with_blanks(text: str, start: int, end: int) -> Splice:
    """Take the blanks on one side along, or the whole line where nothing else stands on it."""
    line_end = _line_end(text, end)
    before = text[_line_start(text, start) : start]
    if before.isspace() and not text[end:line_end].strip() and line_end < len(text):
        return _whole_line(text, start, line_end)
    behind = text[end:line_end]
    if behind.strip() and not behind.lstrip().startswith("#"):
        return Splice(start, end + len(behind) - len(behind.lstrip()))
    return Splice(_line_start(text, start) + len(before.rstrip()), end)


def _next_start(text: str, mapping: MappingNode, index: int, line_end: int) -> int:
    """Return where the next key begins; the end of the line where a comment stands between."""
    following = mapping.value[index + 1 : index + 2]
    start = following[0][0].start_mark.index if following else line_end
    return int(start) if text[line_end:start].isspace() else line_end
