"""A YAML file as plain data, with the place of everything in it.

Nodes become dicts, lists and scalars in one pass; places are looked up in the nodes only when somebody asks, which
for a healthy fleet is never.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.scalars import TYPED_STARTS, WORDS, resolve
from mkt.configs.syntax import compose
from mkt.contract import Json

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root: `("integrations", 0, "settings", "base_url")`."""

_CONTROL: Final = frozenset(chr(code) for code in range(32)) - frozenset("\t\n\r")


@dataclass(frozen=True, slots=True)
class Document:
    """One file. `data` is None where the file could not be composed at all."""

    path: str
    data: Json
    problems: tuple[Problem, ...]
    root: Node | None = field(repr=False)

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return the span of a value, or of its key; of the nearest parent where the path leads nowhere."""
        node, key_node = self.root, None
        for part in path:
            step = _step(node, part)
            if step is None:
                return self._span(key_node or node)
            key_node, node = step
        if key or (isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index):
            return self._span(key_node or node)
        return self._span(node)

    def lines(self, key: str) -> list[int]:
        """Return the line on which each entry of a list in the root begins."""
        step = _step(self.root, key)
        return [child.start_mark.line + 1 for child in step[1].value] if step else []

    def places(self, path: Path) -> Iterator[tuple[str, Position]]:
        """Return the dotted name and the place of everything below a path, keys for mappings."""
        node = self.root
        for part in path:
            step = _step(node, part)
            node = step[1] if step else None
        yield from self._below(node, "")

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
        return Document(path, None, (root,), None)
    reader = _Reader(path)
    data = reader.value(root)
    return Document(path, data, tuple(reader.problems), root)


class _Reader:
    """One pass over the nodes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []

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
            if not _CONTROL.isdisjoint(text):
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
        first = next(key for key, _ in mapping.value if key.value == again.value)
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


def _step(node: Node | None, part: str | int) -> tuple[Node | None, Node] | None:
    """Return key node and value node of one part of a path; a list's entries have no key."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        return None, node.value[part]
    return None


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
