"""Changing what a tenant's file says, on its text: comments, order, quotes and line ends stay.

One small change at a time, each on a fresh reading of what the one before has left; then the whole is read again, and
a result that says anything else than what was meant is refused.
"""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from yaml import SequenceNode

from mkt.configs.canonical import Entry, as_written, digest, of_file
from mkt.configs.document import Path, read
from mkt.configs.flow import flow
from mkt.configs.splice import (
    Splice,
    break_at,
    end_of,
    entry,
    inserted,
    item_added,
    item_removed,
    removed,
    replaced,
    spliced,
)
from mkt.configs.structure import read_structure
from mkt.contract import Json
from mkt.errors import Refused

_LIST: Final = "integrations"
_INDENT: Final = "  "


def rewritten(content: bytes, path: str, wanted: Mapping[str, Entry | None], labels: Entry) -> bytes:
    """Return the file with these integrations as they are wanted, None gone, and with the tenant's labels.

    The file is one without problems. Raise `Refused` where its style does not let the change be made alone.
    """
    text = _Text(content.removeprefix(codecs.BOM_UTF8).decode(), path)
    mark = content[: len(content) - len(text.text.encode())]
    _change(text, wanted, labels)
    if read_structure(read(text.text.encode(), path)).problems or not _is_meant(content, text, wanted, labels):
        raise _not_edited(path)
    return mark + text.text.encode()


def new_tenant_file(tenant: str, entries: Sequence[Entry], labels: Entry, schema: str) -> str:
    """Return the text of a new tenant's file; `schema` is the path from it to the JSON Schema.

    Raise `Refused` where no file says what is asked, such as a key that is longer than YAML reads.
    """
    lines = [f"# yaml-language-server: $schema={schema}", f"tenant: {flow(tenant)}"]
    lines += [f"labels: {flow(labels)}"] if labels else []
    lines += [f"{_LIST}:"]
    text = "\n".join([*lines, *(f"{_INDENT}{line}" for each in entries for line in _item_lines(each))]) + "\n"
    found = read_structure(read(text.encode(), tenant))
    if found.problems or not _same(_said(found.document.data, labels), {str(each["name"]): each for each in entries}):
        raise Refused(
            f"a row of {tenant} says what no file can; nothing was changed",
            remedy=f"Look for it: `mkt config diff {tenant}`. Correct the row in Supabase.",
        )
    return text


def _not_edited(path: str) -> Refused:
    return Refused(
        f"{path} is written in a style that mkt does not edit, or is to say what no file can; nothing was changed",
        remedy="Write it by hand: `mkt config diff` shows what.",
    )


class _Text:
    """The text as it is so far."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self._path = path
        self._read()

    def splice(self, *splices: Splice) -> None:
        self.text = spliced(self.text, splices)
        self._read()

    def _read(self) -> None:
        document = read(self.text.encode(), "")
        if document.data is None:
            raise _not_edited(self._path)
        self.root: Any = document.root
        self.data: Any = document.data

    def node(self, path: Path) -> Any:
        """Return the node of a value."""
        node = self.root
        for part in path:
            node = node.value[part] if isinstance(part, int) else _value_node(node, part)
        return node

    def value(self, path: Path) -> Any:
        """Return a value as plain data."""
        value = self.data
        for part in path:
            value = value[part]
        return value


def _value_node(mapping: Any, key: str) -> Any:
    found = entry(mapping, key)
    return found.value if found else None


def _change(text: _Text, wanted: Mapping[str, Entry | None], labels: Entry) -> None:
    if labels:
        _put(text, (), "labels", labels)
    elif text.value(()).get("labels"):
        _drop(text, (), "labels")
    for name, target in wanted.items():
        index = _names(text.data).get(name)
        if target is None and index is not None:
            text.splice(item_removed(text.text, text.node((_LIST,)), index))
        elif target is not None and index is None:
            _append(text, target)
        elif target is not None and index is not None:
            _merge_entry(text, index, target)


def _names(data: Any) -> dict[str, int]:
    return {each.get("name") or each["connector"]: at for at, each in enumerate(data.get(_LIST) or ())}


def _merge_entry(text: _Text, index: int, target: Entry) -> None:
    """Make each key of an entry say what it has to; what says so already, in whatever words, is not touched."""
    path: Path = (_LIST, index)
    said, written = of_file(text.value(path), {}), as_written(target)
    for key in dict.fromkeys([*written, *text.value(path)]):
        if _same(said.get(key), target.get(key)):
            continue
        if key in written:
            _put(text, path, key, written[key])
        else:
            _drop(text, path, key)


def _put(text: _Text, path: Path, key: str, value: Json) -> None:
    """Let the mapping at a path have this value under a key."""
    mapping = text.node(path)
    found = entry(mapping, key)
    quoted = bool(mapping.flow_style and mapping.value and mapping.value[0][0].style == '"')
    name, words = flow(key, quoted=quoted), flow(value, quoted=quoted)
    if not found:
        anchor = entry(mapping, "connector") or entry(mapping, "tenant") or entry(mapping, mapping.value[-1][0].value)
        text.splice(*([inserted(text.text, mapping, anchor, name, words)] if anchor else []))
    elif _same(text.value(path)[key], value):
        return
    elif isinstance(value, Mapping) and value and isinstance(text.value((*path, key)), Mapping) and found.value.value:
        _merge(text, (*path, key), value)
    else:
        text.splice(replaced(text.text, found, name, words))


def _merge(text: _Text, path: Path, value: Mapping[str, Json]) -> None:
    """Change a mapping key by key; what comes comes first, so that it is never empty."""
    for key, item in value.items():
        _put(text, path, key, item)
    for key in list(text.value(path)):
        if key not in value:
            _drop(text, path, key)


def _drop(text: _Text, path: Path, key: str) -> None:
    mapping = text.node(path)
    found = entry(mapping, key)
    text.splice(*(removed(text.text, mapping, found) if found else ()))


def _append(text: _Text, target: Entry) -> None:
    """Write a new entry behind the last one, or the first one of all."""
    listed, lines = entry(text.root, _LIST), list(_item_lines(target))
    in_one = flow(as_written(target), quoted=True)
    if listed and isinstance(listed.value, SequenceNode) and listed.value.value:
        text.splice(item_added(text.text, listed.value, lines, in_one))
    elif text.root.flow_style:
        _put(text, (), _LIST, [as_written(target)])
    else:
        ends = break_at(text.text, 0)
        block = ends.join([f"{_LIST}:", *(_INDENT + line for line in lines)])
        last = text.root.value[-1][1]
        start, end = (
            (listed.key.start_mark.index, end_of(text.text, listed.value))
            if listed
            else (end_of(text.text, last), end_of(text.text, last))
        )
        text.splice(Splice(start, end, block if listed else ends + block))


def _item_lines(target: Entry) -> Iterator[str]:
    """Return an entry as lines of a block: a line for each key, and one for each setting and each secret."""
    lead = "- "
    for key, value in as_written(target).items():
        if isinstance(value, Mapping) and key in ("settings", "secrets"):
            yield f"{lead}{key}:"
            yield from (f"{_INDENT * 2}{flow(name)}: {flow(item)}" for name, item in value.items())
        else:
            yield f"{lead}{key}: {flow(value)}"
        lead = _INDENT


def _is_meant(content: bytes, text: _Text, wanted: Mapping[str, Entry | None], labels: Entry) -> bool:
    """Tell whether the new text says what the old one did, but for what is wanted."""
    before: Any = read(content, "").data
    expected = {**_said(before, labels), **wanted}
    rest = _same(_besides(before), _besides(text.data))
    return rest and _same({k: v for k, v in expected.items() if v}, _said(text.data, text.data.get("labels") or {}))


def _said(data: Any, labels: Entry) -> dict[str, Entry | None]:
    found = (of_file(each, labels) for each in data.get(_LIST) or ())
    return {str(each["name"]): each for each in found}


def _besides(data: Any) -> dict[str, Json]:
    return {key: value for key, value in data.items() if key not in (_LIST, "labels")}


def _same(first: Any, second: Any) -> bool:
    return digest({"": first}) == digest({"": second})
