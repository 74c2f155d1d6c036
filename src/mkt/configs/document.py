"""A YAML file as plain data, with the place of everything in it.

Nodes become dicts, lists and scalars in one pass; places are looked up in the nodes only when somebody asks, which
for a healthy fleet is never.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.scalars import TYPED_STARTS, WORDS, resolve
from mkt.configs.syntax import compose
from mkt.contract import Json

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root: `("integrations", 0, "settings", "base_url")`."""

CONTROL: Final = frozenset(chr(code) for code in range(32)) - frozenset("\t\n\r")


_Index: TypeAlias = dict[str, tuple[Node, Node]]


class Scalar(NamedTuple):
    """A text, number or key as it is written; of a key, `path` is the one of its value."""

    path: Path
    text: str
    style: str
    """One of `'`, `"`, `|` and `>`, or none for a plain one."""
    is_key: bool
    node: ScalarNode


@dataclass(frozen=True)
class Document:
    """One file. `data` is None where the file could not be composed at all."""

    path: str
    data: Json
    problems: tuple[Problem, ...]
    root: Node | None = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    """The file as it is on disk, with its byte order mark."""
    _indexes: dict[int, _Index] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def text(self) -> str:
        """The file's text without byte order mark, as places count it; empty where it is not UTF-8."""
        try:
            return self.content.removeprefix(codecs.BOM_UTF8).decode()
        except UnicodeDecodeError:
            return ""

    def scalars(self, path: Path = ()) -> Iterator[Scalar]:
        """Return every scalar below a path in order of place. Look through `text` first: most files have nothing."""
        found = self._found(path)
        yield from _scalars(found[1] if found else None, path, is_key=False)

    def span(self, node: Node) -> Position:
        """Return the place of a node: of a block mapping or list its first key or entry."""
        return self._span(node)

    def plain(self, path: Sequence[str | int]) -> bool:
        """Tell whether a scalar without quotes stands at a path."""
        found = self._found(path)
        return found is not None and isinstance(found[1], ScalarNode) and not found[1].style

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return the span of a value, or of its key; of the nearest parent where the path leads nowhere."""
        node, key_node, last_key = self.root, None, None
        for part in path:
            step = self._step(node, part)
            if step is None:
                return self._span(key_node or node)
            key_node, node = step
            last_key = key_node or last_key
        if isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index:
            return self._span(last_key or node)
        if key:
            return self._span(key_node or node)
        return self._span(node)

    def lines(self, key: str) -> list[int]:
        """Return the line on which each entry of a list in the root begins."""
        step = self._step(self.root, key)
        return [child.start_mark.line + 1 for child in step[1].value] if step else []

    def places(self, path: Path) -> Iterator[tuple[str, Position]]:
        """Return the dotted name and the place of everything below a path, keys for mappings."""
        found = self._found(path)
        yield from self._below(found[1] if found else None, "")

    def _found(self, path: Sequence[str | int]) -> tuple[Node | None, Node | None] | None:
        """Return key node and value node at a path, None where it leads nowhere."""
        step: tuple[Node | None, Node | None] | None = (None, self.root)
        for part in path:
            step = self._step(step[1], part) if step else None
        return step

    def _step(self, node: Node | None, part: str | int) -> tuple[Node | None, Node] | None:
        """Return key node and value node of one part of a path; a list's entries have no key.

        A mapping's keys are indexed when the first of them is looked up: a file may have as many findings as keys.
        """
        if isinstance(node, MappingNode):
            index = self._indexes.get(id(node))
            if index is None:
                index = self._indexes[id(node)] = _indexed(node)
            return index.get(part) if isinstance(part, str) else None
        if isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
            return None, node.value[part]
        return None

    def _below(self, node: Node | None, name: str) -> Iterator[tuple[str, Position]]:
        for part, place, child in _children(node):
            dotted = f"{name}.{part}" if name else str(part)
            yield dotted, self._span(place)
            yield from self._below(child, dotted)

    def _span(self, node: Node | None) -> Position:
        if node is None:
            return Position(self.path)
        start, end = node.start_mark, _shown(node).end_mark
        return Position(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def read(content: bytes, path: str) -> Document:
    """Read one file; what is wrong stands in `problems`. Nothing is raised."""
    root = compose(content, path)
    if isinstance(root, Problem):
        return Document(path, None, (root,), None, content)
    reader = _Reader(path)
    data = reader.value(root)
    return Document(path, data, tuple(reader.problems), root, content)


class _Reader:
    """One pass over the nodes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._firsts: dict[int, _Index] = {}

    def value(self, node: Node) -> Json:
        kind = type(node)
        if kind is ScalarNode:
            return self._scalar(node)
        if kind is MappingNode:
            return self._mapping(node)
        return [self.value(child) for child in node.value]

    def _mapping(self, node: Node) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if (type(key_node) is not ScalarNode or _odd(key)) and not self._is_key(key_node):
                continue
            if key in found:
                self._duplicate(node, key_node)
                continue
            # The two lines of `value` and `_scalar` that most values need, without their calls.
            text = value_node.value
            if type(value_node) is ScalarNode and not value_node.style and text and text[0] not in TYPED_STARTS:
                found[key] = text
            else:
                found[key] = self.value(value_node)
        return found

    def _scalar(self, node: Node) -> Json:
        text: str = node.value
        if node.style:  # type: ignore[attr-defined]
            if not CONTROL.isdisjoint(text):
                self._add(codes.ENCODING, "the text has a control character in it", node, "Leave the escape out.")
            return text
        try:
            return resolve(text)
        except ValueError as error:
            self._add(codes.NUMBER_RANGE, f"{error} cannot be stored", node, "Put it in quotes if it is an id.")
            return 0  # a number like any other to whoever judges the type

    def _is_key(self, node: Node) -> bool:
        if isinstance(node, ScalarNode) and node.value == "<<":
            remedy = "Write the keys out where they are needed."
            self._add(codes.MERGE_KEY, "merge keys (<<) are not read", node, remedy)
            return False
        if isinstance(node, ScalarNode) and isinstance(self._scalar(node), str):
            return True
        remedy = 'Put the key in quotes: "404".' if isinstance(node, ScalarNode) else "Use text as the key."
        self._add(codes.KEY_NOT_TEXT, "a key has to be text", node, remedy)
        return False

    def _duplicate(self, mapping: Node, again: Node) -> None:
        """Report a key that was there before; the first ones are looked for once, since all keys may be such."""
        if id(mapping) not in self._firsts:
            self._firsts[id(mapping)] = _indexed(mapping)
        first = self._firsts[id(mapping)][again.value][0]
        message = f"{again.value} stands here twice, first in line {first.start_mark.line + 1}"
        self._add(codes.DUPLICATE_KEY, message, again, "Keep one of them.")

    def _add(self, code: str, message: str, node: Node, remedy: str) -> None:
        start, end = node.start_mark, _shown(node).end_mark
        place = Position(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        self.problems.append(Problem(code, message, place, remedy))


_ODD_KEY_STARTS: Final = frozenset("-+.0123456789<")


def _odd(key: str) -> bool:
    """Tell whether a key, were it plain, might be something else than text."""
    return key in WORDS or key[0] in _ODD_KEY_STARTS


def _indexed(mapping: Node) -> _Index:
    """Return a mapping's entries by their keys, the first one where a key stands twice."""
    return {key.value: (key, value) for key, value in reversed(mapping.value) if isinstance(key, ScalarNode)}


def _scalars(node: Node | None, path: Path, *, is_key: bool) -> Iterator[Scalar]:
    if isinstance(node, ScalarNode):
        yield Scalar(path, node.value, node.style or "", is_key, node)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            below = (*path, key.value) if isinstance(key, ScalarNode) else path
            yield from _scalars(key, below, is_key=True)
            yield from _scalars(value, below, is_key=False)
    elif isinstance(node, SequenceNode):
        for index, child in enumerate(node.value):
            yield from _scalars(child, (*path, index), is_key=is_key)


def _children(node: Node | None) -> Iterator[tuple[str | int, Node, Node]]:
    if isinstance(node, MappingNode):
        yield from ((key.value, key, value) for key, value in node.value if isinstance(key, ScalarNode))
    elif isinstance(node, SequenceNode):
        yield from ((index, child, child) for index, child in enumerate(node.value))


def _shown(node: Node) -> Node:
    """Return the node whose end is the end of what is shown: a block goes on to the next key's line."""
    while not isinstance(node, ScalarNode) and not node.flow_style and node.value:  # type: ignore[attr-defined]
        first: Any = node.value[0]
        node = first[0] if isinstance(first, tuple) else first
    return node
