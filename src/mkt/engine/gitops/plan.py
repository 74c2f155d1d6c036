"""What `mkt config push` and `pull` would do about each integration, before any of it is done."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from mkt.configs.canonical import Entry, as_written, digest
from mkt.configs.row_values import judged_values
from mkt.configs.structure import judged
from mkt.contract import Json
from mkt.engine.gitops.difference import Difference
from mkt.engine.gitops.sides import Sides, labels_of
from mkt.errors import ConfigError

Action = Literal["same", "create", "update", "delete", "leave", "refuse"]
Untrusted = Callable[[str, Entry, str], Iterable[ConfigError]]
"""Yields what a row may not say, of an entry of a tenant at a place."""
TO_DO: tuple[Action, ...] = ("create", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One integration, what is done about it, and why not more; `warning` says what is done on somebody's word."""

    difference: Difference
    action: Action
    why: str = ""
    remedy: str = ""
    warning: str = ""


def plan_push(sides: Sides, untrusted: Untrusted, *, delete: bool, ours: bool, enable: bool) -> list[Step]:
    """Return a step for each integration: the files' side is written into the rows."""
    return [_push(each, untrusted, delete=delete, ours=ours, enable=enable) for each in sides.differences]


def plan_pull(sides: Sides, untrusted: Untrusted, *, delete: bool, theirs: bool) -> list[Step]:
    """Return a step for each integration: the rows' side is written into the files."""
    steps = [_pull(each, untrusted, delete=delete, theirs=theirs) for each in sides.differences]
    uneven = _uneven(steps, sides)
    return [_refused_for_labels(step, *uneven.get(step.difference.tenant, ())) for step in steps]


def _push(found: Difference, untrusted: Untrusted, *, delete: bool, ours: bool, enable: bool) -> Step:
    if found.state == "same":
        return Step(difference=found, action="same")
    if found.state == "there" and not (ours and found.row is None):
        return Step(difference=found, action="leave", why=found.what, remedy=_taken_by_pull(found))
    if found.state == "conflict" and not ours:
        return _conflict(found)
    if found.here is None:
        said = found.unseen or found.state == "conflict"
        why, remedy = found.what if said else "not in the file any more", "--delete removes it from Supabase."
        return Step(
            difference=found, action="delete" if delete else "leave", why=why, remedy="" if delete else remedy
        )
    for error in untrusted(found.tenant, found.here, found.place):
        return Step(difference=found, action="refuse", why=error.message, remedy=error.remedy)
    return _write_row(found, enable=enable, over=found.state == "conflict")


def _taken_by_pull(found: Difference) -> str:
    if found.row is not None:
        return f"`mkt config pull {found.tenant}` takes it into the file."
    return (
        f"`mkt config pull {found.tenant} --delete` removes it from the file too;"
        f" `mkt config push {found.tenant} --ours` adds it to Supabase again."
    )


def _write_row(found: Difference, *, enable: bool, over: bool) -> Step:
    if found.row is None:
        again = "" if found.state == "here" else "again: it was removed in Supabase"
        return Step(difference=found, action="create", warning=again)
    warning = "over what was changed in Supabase" if over else ""
    if found.wakes and not enable:
        keep = f"config pull {found.tenant} --theirs" if over else f"disable {found.target} --source yaml"
        return Step(
            difference=found,
            action="refuse",
            why="it was disabled in Supabase, and the file would enable it",
            remedy=f"`mkt config push {found.tenant}{' --ours' if over else ''} --enable` enables it;"
            f" `mkt {keep}` keeps it disabled.",
        )
    woken = "enables what was disabled in Supabase" if found.wakes else ""
    return Step(difference=found, action="update", warning=", ".join(filter(None, (warning, woken))))


def _pull(found: Difference, untrusted: Untrusted, *, delete: bool, theirs: bool) -> Step:
    if found.state == "same":
        return Step(difference=found, action="same")
    if found.state == "here" and not found.unseen:
        remedy = f"`mkt config push {found.tenant}` takes it into Supabase."
        if found.here is None:
            remedy = f"`mkt config push {found.tenant} --delete` removes it from Supabase too."
        return Step(difference=found, action="leave", why=found.what, remedy=remedy)
    if found.state == "conflict" and not theirs:
        return _conflict(found)
    if found.row is None:
        why, remedy = "not in Supabase any more", "--delete removes it from the file."
        return Step(
            difference=found, action="delete" if delete else "leave", why=why, remedy="" if delete else remedy
        )
    for why, remedy in _unfit(found, found.row.place, untrusted):
        return Step(difference=found, action="refuse", why=why, remedy=remedy)
    warning = "over what was changed in the file" if found.state == "conflict" else ""
    return Step(difference=found, action="update" if found.here is not None else "create", warning=warning)


def _unfit(found: Difference, place: str, untrusted: Untrusted) -> Iterator[tuple[str, str]]:
    """Yield why a row may not become the operator's word."""
    entry = found.there or {}
    data = {"tenant": found.tenant, "labels": entry.get("labels", {}), "integrations": [as_written(entry)]}
    for _, finding in list(judged_values(data)) or judged(data)[1]:
        yield f"{finding.message}; {place}", finding.remedy or "Correct that row in Supabase."
    for error in untrusted(found.tenant, entry, place):
        yield error.message, error.remedy


def _conflict(found: Difference) -> Step:
    return Step(
        difference=found,
        action="refuse",
        why=found.what,
        remedy=f"Decide: `mkt config pull {found.tenant} --theirs` takes Supabase's side into the file,"
        f" `mkt config push {found.tenant} --ours` the file's into Supabase.",
    )


def _uneven(steps: Sequence[Step], sides: Sides) -> dict[str, tuple[str, str]]:
    """Return why, and what helps, of the tenants whose labels one file cannot say: it has one set of them."""
    found: dict[str, tuple[str, str]] = {}
    for tenant, group in groupby(steps, key=lambda step: step.difference.tenant):
        own = list(group)
        if _several(labels_of(step.difference for step in own)):
            why = f"the rows of {tenant} have different labels, and a file has one set of them"
            found[tenant] = why, "Give them the same in Supabase, in the column labels."
        elif tenant in sides.files and _several([sides.labels(tenant), *_brought(own)]):
            path = sides.files[tenant].path
            why = f"what was added in Supabase to {tenant} has other labels than {path}, which has one set of them"
            found[tenant] = why, f"Give both the same: the column labels in Supabase, or `labels:` in {path}."
    return found


def _brought(own: Sequence[Step]) -> list[Json]:
    """Return the labels of what is to be added, but not where a row that the file has too tells whose are newer."""
    both = any(step.difference.here is not None and step.difference.row is not None for step in own)
    return [] if both else labels_of(step.difference for step in own if step.action == "create")


def _several(labels: Iterable[Json]) -> bool:
    return len({digest({"": each}) for each in labels}) > 1


def _refused_for_labels(step: Step, why: str = "", remedy: str = "") -> Step:
    if not why or step.action not in TO_DO:
        return step
    return Step(difference=step.difference, action="refuse", why=why, remedy=remedy)


def to_do(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that write something."""
    return [step for step in steps if step.action in TO_DO]
