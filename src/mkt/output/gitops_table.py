"""Files beside rows, for people and machines: references and fingerprints, never what may be a secret's value."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from rich.console import RenderableType

from mkt.contract import Json
from mkt.engine.gitops.difference import Difference, Differing, differing
from mkt.engine.gitops.plan import Action, Step, to_do
from mkt.lint.tokens import known_tokens, random_texts
from mkt.output.text import line, next_command, plural, unfolded
from mkt.secrets.base import Reference

Direction = Literal["push", "pull"]
_NOWHERE: Final = "-"
_PLACES: Final = frozenset({"env", "file", "keyring", "supabase"})
"""Whatever else stands before a colon may be the first half of a value."""
_SECRET_KEY: Final = re.compile(r"passw|pwd|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_IN_WORDS: Final[dict[Action, str]] = {"leave": "stays", "refuse": "refused"}
_COUNTED: Final[dict[Action, str]] = {
    "refuse": "refused",
    "delete": "to delete",
    "update": "to update",
    "create": "to create",
    "leave": "left as they are",
    "same": "the same",
}
_ORDER: Final[tuple[Action, ...]] = ("refuse", "delete", "update", "create", "leave", "same")


def step_object(step: Step, *, done: bool) -> dict[str, Any]:
    """Return one integration that differs, and what is done about it."""
    return {
        **difference_object(step.difference),
        "action": step.action,
        "done": done,
        "why": step.why or None,
        "remedy": step.remedy or None,
        "warning": step.warning or None,
    }


def difference_object(found: Difference) -> dict[str, Any]:
    """Return one integration that differs, both sides of each key."""
    return {
        "tenant": found.tenant,
        "integration": found.name,
        "changed": found.state,
        "file": found.place or None,
        "row": found.row.id if found.row else None,
        "differences": [
            {"key": each.key, "file": shown(each.key, each.here), "supabase": shown(each.key, each.there)}
            for each in differing(found)
        ],
    }


def plan_page(steps: Sequence[Step], direction: Direction, *, dry_run: bool) -> Iterator[RenderableType]:
    """Show what would be done, what is refused first; what is the same becomes a count."""
    for step in sorted(steps, key=lambda step: _ORDER.index(step.action)):
        if step.action != "same":
            yield from _step(step, direction)
    yield line(_counted(steps))
    if dry_run and to_do(steps):
        yield line(f"nothing was {direction}ed: the same command without --dry-run does it")


def done_page(steps: Sequence[Step], direction: Direction) -> Iterator[RenderableType]:
    """Say how many were written, and what comes next."""
    count = len(to_do(steps))
    verb = "pushed" if direction == "push" else "pulled"
    yield line(f"{plural(count, 'integration')} {verb}" if count else f"nothing to {direction}")
    if count and direction == "pull":
        yield next_command("mkt lint")
    elif count:
        yield next_command("mkt verify --source supabase")


def diff_page(found: Sequence[Difference]) -> Iterator[RenderableType]:
    """Show what differs, side by side; what is the same becomes a count."""
    changed = [each for each in found if each.state != "same"]
    for each in sorted(changed, key=lambda each: each.state != "conflict"):
        yield line(f"{each.target}: {each.what}", f"({each.place})" if each.place else "")
        yield from (line(f"  {_both_sides(one)}") for one in differing(each))
    yield line(f"{len(changed):,} different, {len(found) - len(changed):,} the same")
    if changed:
        states = {each.state for each in changed}
        yield next_command("mkt config pull --dry-run" if states != {"here"} else "mkt config push --dry-run")


def shown(key: str, value: Json) -> str | None:
    """Return a value as text, None where there is none; what may be a secret as a fingerprint."""
    if value is None:
        return None
    plain = isinstance(value, str) and len(value.splitlines()) <= 1  # several could pass for lines of ours
    text = value if isinstance(value, str) and plain else json.dumps(value, ensure_ascii=False)
    if key.startswith("secrets."):
        return text if _is_reference(text) and not any(known_tokens(text)) else _fingerprint(text)
    return _fingerprint(text) if _may_be_secret(key, text) else text


def _may_be_secret(key: str, text: str) -> bool:
    named = key.startswith("settings.") and _SECRET_KEY.search(f"{key} {text}" if text[:1] in "{[" else key)
    return bool(named and not _is_web(text)) or any(known_tokens(text)) or any(random_texts(text))


def _is_web(text: str) -> bool:
    """Tell whether it is an address, as of a partner's token endpoint."""
    return text.startswith("https://")


def _step(step: Step, direction: Direction) -> Iterator[RenderableType]:
    found = step.difference
    yield line(f"{_IN_WORDS.get(step.action, step.action)} {found.target}", f"({found.place})" if found.place else "")
    if step.why:
        yield line(f"  {step.why}")
    if step.warning:
        yield line(f"  {step.warning}")
    if step.action in ("update", "refuse", "leave"):
        both = step.action != "update"
        yield from (
            line(f"  {_both_sides(each) if both else _changed(each, direction)}") for each in differing(found)
        )
    if step.remedy:
        yield unfolded(f"  -> {step.remedy}")


def _changed(each: Differing, direction: Direction) -> str:
    here, there = (shown(each.key, side) or _NOWHERE for side in (each.here, each.there))
    return f"{each.key}: {there} -> {here}" if direction == "push" else f"{each.key}: {here} -> {there}"


def _both_sides(each: Differing) -> str:
    here, there = (shown(each.key, side) or _NOWHERE for side in (each.here, each.there))
    return f"{each.key}: file {here} | Supabase {there}"


def _counted(steps: Sequence[Step]) -> str:
    counts = {action: sum(step.action == action for step in steps) for action in _ORDER}
    named = [f"{count:,} {_COUNTED[action]}" for action, count in counts.items() if count]
    return ", ".join(named) or "no integration on either side"


def _is_reference(text: str) -> bool:
    try:
        return Reference.parse(text).scheme in _PLACES
    except ValueError:
        return False


def _fingerprint(text: str) -> str:
    return f"(not shown, fingerprint {hashlib.sha256(text.encode()).hexdigest()[:8]})"
