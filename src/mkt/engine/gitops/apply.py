"""Doing what was planned. What was done before a failure stays, is remembered, and is no difference the next time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from mkt.configs.canonical import Entry, digest
from mkt.configs.rewrite import new_tenant_file, rewritten
from mkt.configs.supabase_rows import IntegrationRows
from mkt.configs.tenants import TenantFolder
from mkt.engine.gitops.difference import Difference, Key
from mkt.engine.gitops.plan import Step, to_do
from mkt.engine.gitops.sides import Sides, labels_of
from mkt.errors import ConnectorError, Refused

Note = Callable[[str, str], None]
"""Records what was done: target, and what."""


def push(steps: Sequence[Step], sides: Sides, rows: IntegrationRows, note: Note) -> None:
    """Write the rows; raise `Refused` where one is no longer the one that was read, a `ConnectorError` as it does."""
    doing = to_do(steps)
    sides.ground.settle({step.difference.key: _either(step.difference, sides) for step in doing if _both(step)})
    done: dict[Key, list[str]] = {}
    try:
        for step in doing:
            found, so_far = step.difference, f"{len(done):,} of {len(doing):,} were pushed"
            if not _written(step, rows, so_far):
                raise Refused(
                    f"{found.target} was changed in Supabase meanwhile; {so_far}",
                    remedy=f"Look at it again: `mkt config diff {found.tenant}`.",
                )
            note(found.target, "; ".join(filter(None, (step.action, step.warning))))
            done[found.key] = _digests(found.here)
    finally:
        sides.ground.settle({**_common(steps, sides), **done})
    _mark(steps, rows)


def pull(
    steps: Sequence[Step], sides: Sides, folder: TenantFolder, schema: Callable[[Path], str], note: Note
) -> None:
    """Write the files; raise `Refused`, with no file touched, where one cannot be edited."""
    writes = []
    for tenant, group in groupby(to_do(steps), key=lambda step: step.difference.tenant):
        own = list(group)
        writes.append((own, _writer(tenant, [step.difference for step in own], sides, folder, schema)))
    # Nothing is remembered before its file is written: were a pull killed between, the file would pass for the newer
    # side, and the next push would undo what was changed in Supabase. What a killed pull has written is the same on
    # both sides; only where a file gave an added row labels that it lacks is there a conflict, and somebody is asked.
    done: dict[Key, list[str]] = {}
    try:
        for own, write in writes:
            write()
            for step in own:
                note(step.difference.target, "; ".join(filter(None, (step.action, step.warning))))
            done |= {step.difference.key: _digests(step.difference.there) for step in own}
    finally:
        sides.ground.settle({**_common(steps, sides), **done})


def _written(step: Step, rows: IntegrationRows, so_far: str) -> bool:
    """Write a row; False where it is not the one any more that was read. What fails names the integration."""
    try:
        return _write(step.difference, rows)
    except ConnectorError as error:
        raise type(error)(
            f"{step.difference.target} was not pushed, {so_far}: {error.message}",
            remedy=error.remedy,
            actor=error.actor,
            code=error.code,
        ) from error


def _write(found: Difference, rows: IntegrationRows) -> bool:
    if found.row is None:
        return found.here is not None and rows.insert(found.tenant, found.here)
    if found.here is None:
        return rows.delete(found.row)
    return rows.update(found.row, found.here)


def _mark(steps: Iterable[Step], rows: IntegrationRows) -> None:
    """Let rows that say what the files say, whoever wrote them, count as pushed: another installation asks them."""
    for step in steps:
        row = step.difference.row
        if step.action == "same" and row and row.pushed != digest(row.entry):
            rows.mark(row)  # where somebody changes it at this moment, it is not the same any more


def _both(step: Step) -> bool:
    return step.difference.here is not None and step.difference.row is not None


def _either(found: Difference, sides: Sides) -> list[str]:
    """Return what is known until a row is written: what was, and what it will be."""
    row = found.row
    before = sides.ground.known.get(found.key) or ({row.pushed} if row and row.pushed else ())
    return [*before, *_digests(found.here)]


def _common(steps: Sequence[Step], sides: Sides) -> Mapping[Key, list[str]]:
    """Return what both sides have in common already, and forget what is on neither."""
    there = {step.difference.key for step in steps}
    tenants = {tenant for tenant, _ in there}
    gone: dict[Key, list[str]] = {key: [] for key in sides.ground.known if key[0] in tenants and key not in there}
    return {
        **gone,
        **{step.difference.key: _digests(step.difference.here) for step in steps if step.action == "same"},
    }


def _digests(entry: Entry | None) -> list[str]:
    return [] if entry is None else [digest(entry)]


def _writer(
    tenant: str, own: Sequence[Difference], sides: Sides, folder: TenantFolder, schema: Callable[[Path], str]
) -> Callable[[], Any]:
    """Return what writes a tenant's file, its content made already."""
    written = sides.files.get(tenant)
    if written is None:
        path = folder.free_path(tenant)
        labels: Any = next(iter(labels_of(own)), {})
        entries = [_labelled(each.there, labels) for each in own if each.there]
        text = new_tenant_file(tenant, entries, labels, schema(path))
        return lambda: folder.create(tenant, path, text)
    data: Any = written.file.document.data
    taken = (each.there.get("labels", {}) for each in own if each.here is not None and each.there)
    kept: Any = next(taken, data.get("labels") or {})  # what is added only leaves the file's labels as they are
    meant = {each.name: each.there and _labelled(each.there, kept) for each in own}
    content = rewritten(written.raw, written.path, meant, kept)
    return lambda: folder.replace(written, content)


def _labelled(entry: Entry, labels: Entry) -> Entry:
    """Return an entry as the file will say it: all of a file's have its labels."""
    return {
        **{key: value for key, value in entry.items() if key != "labels"},
        **({"labels": labels} if labels else {}),
    }
