"""Disabling and enabling in a tenant's file as it is written: comments, order, quotes and line ends stay.

The change is made on the text, at the positions of the nodes; then the result is read again, and a result that says
anything else than what was meant is refused.
"""

import codecs
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import orjson
from yaml import MappingNode

from mkt.configs.document import Document, read
from mkt.configs.flow import flow
from mkt.configs.splice import Entry, Splice, entry, has_comment, inserted, removed, replaced, spliced
from mkt.contract import Disabled, Json
from mkt.errors import Refused

_SWITCHES: Final = ("enabled", "disabled")


def switched(content: bytes, path: str, indexes: Collection[int], disabled: Disabled | None) -> bytes:
    """Return the file with these entries of `integrations` disabled or, with None, enabled.

    The file is one without problems. Raise `Refused` where its style does not let the change be made alone.
    """
    before = read(content, path)
    text = content.removeprefix(codecs.BOM_UTF8).decode()
    wanted = None if disabled is None else _written(disabled)
    nodes = _integrations(before)
    splices = [splice for index in indexes for splice in _splices(text, nodes[index], wanted)]
    mark = content[: len(content) - len(text.encode())]
    result = mark + spliced(text, splices).encode()
    if not _is_meant(before, read(result, path), indexes, wanted):
        raise Refused(
            f"{path} is written in a style that mkt does not edit; nothing was changed",
            remedy=f"Write it by hand: {_by_hand(wanted)}.",
        )
    return result


def _written(disabled: Disabled) -> dict[str, str]:
    until = {"until": disabled.until.isoformat()} if disabled.until else {}
    return {**until, **({"reason": disabled.reason} if disabled.reason else {})}


def _by_hand(wanted: Mapping[str, str] | None) -> str:
    return "take out `disabled:` and `enabled: false`" if wanted is None else f"`disabled: {flow(wanted)}`"


def _integrations(document: Document) -> list[MappingNode]:
    root: Any = document.root
    found = entry(root, "integrations")
    return list(found.value.value) if found else []


def _splices(text: str, mapping: MappingNode, wanted: Mapping[str, str] | None) -> Iterator[Splice]:
    return _enable(text, mapping) if wanted is None else _disable(text, mapping, wanted)


def _disable(text: str, mapping: MappingNode, wanted: Mapping[str, str]) -> Iterator[Splice]:
    connector, flag, old = (entry(mapping, name) for name in ("connector", *_SWITCHES))
    quoted = bool(connector and mapping.flow_style and connector.key.style == '"')  # type: ignore[attr-defined]
    name, value = flow("disabled", quoted=quoted), flow(wanted, quoted=quoted)
    if old:
        yield replaced(text, old, name, value)
        yield from _truth(flag)
    elif flag:
        yield replaced(text, flag, name, value)
    elif connector:  # the one key that is always there
        yield inserted(text, mapping, connector, name, value)


def _enable(text: str, mapping: MappingNode) -> Iterator[Splice]:
    flag, old = (entry(mapping, name) for name in _SWITCHES)
    yield from _truth(flag)
    if old and not flag and not mapping.flow_style and has_comment(text, old):
        yield replaced(text, old, "enabled", "true")  # the comment was there before `disabled` was
    elif old:
        yield from removed(text, mapping, old)


def _truth(flag: Entry | None) -> Iterator[Splice]:
    """Let `enabled: false` say true."""
    if flag and flag.value.value.lower() == "false":
        yield Splice(flag.value.start_mark.index, flag.value.end_mark.index, "true")


def _is_meant(before: Document, after: Document, indexes: Collection[int], wanted: Mapping[str, str] | None) -> bool:
    """Tell whether the new text says what the old one did, but for the switches of these entries."""
    if after.problems:
        return False
    same = _canonical(_without_switches(before.data, indexes)) == _canonical(_without_switches(after.data, indexes))
    return same and all(_state(after.data, index) == (True, wanted) for index in indexes)


def _state(data: Any, index: int) -> tuple[Json, Json]:
    integration = data["integrations"][index]
    return integration.get("enabled", True), integration.get("disabled")


def _without_switches(data: Any, indexes: Collection[int]) -> dict[str, Json]:
    integrations = [
        {key: value for key, value in each.items() if key not in _SWITCHES} if index in indexes else each
        for index, each in enumerate(data["integrations"])
    ]
    return {**data, "integrations": integrations}


def _canonical(data: Json) -> bytes:
    """Return bytes that differ where 1, 1.0 and true do."""
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
