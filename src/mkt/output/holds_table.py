"""What was held for review, for a person: why, what would change, and what can be done."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.contract import Stream
from mkt.engine.report import StreamCounts
from mkt.engine.sync.guard import EMPTIED
from mkt.engine.sync.holds import counted
from mkt.engine.triage.causes import REVIEW
from mkt.output.fitting import Fitting, facts
from mkt.output.preview_table import changes_page, said
from mkt.output.text import (
    BOLD,
    GREEN,
    RED,
    YELLOW,
    acts,
    ago,
    amount,
    clean,
    line,
    next_command,
    plural,
    row,
    short_id,
    table,
)
from mkt.store.base import ChangedRecord, Hold

_STATES: Final = {"open": RED, "approved": GREEN, "rejected": YELLOW}
_COUNTS: Final = ("created", "updated", "deleted", "absent", "unchanged")
_COLUMNS: Final = ("hold", "integration", "state", "age", "created", "updated", "deleted", "absent", "why")


def holds_page(holds: Sequence[Hold], now: datetime) -> Iterator[RenderableType]:
    """Open ones first."""
    if not holds:
        yield line("nothing is held, and nothing was lately")
        yield next_command("mkt status")
        return
    yield Fitting(
        _COLUMNS, [_cells(hold, now) for hold in holds], right=_COUNTS, spare=("absent", "age"), folds="why"
    )
    still_open = [hold for hold in holds if hold.state == "open"]
    yield line(f"{plural(len(still_open), 'open hold')}, {len(holds) - len(still_open):,} closed")
    yield next_command(f"mkt holds show {short_id(still_open[0].id)}" if still_open else "mkt status")


def hold_page(
    hold: Hold, changes: Mapping[Stream, Sequence[ChangedRecord]], now: datetime, *, values: bool
) -> Iterator[RenderableType]:
    """One hold: why, how much, the first records, what to type."""
    target = "/".join(hold.key)
    yield Text.assemble((clean(target), BOLD), f"  {clean(hold.connector)}  hold ", _state(hold))
    yield from facts(_facts(hold, now))
    counts = counted(hold)
    grid = table("stream", *_COUNTS, right=_COUNTS)
    for stream, own in counts.items():
        row(grid, stream, *(f"{getattr(own, kind):,}" for kind in _COUNTS))
    yield Padding(grid, (0, 0, 0, 2), expand=False)
    more = f"mkt holds show {short_id(hold.id)}" if hold.state == "open" else ""
    yield from changes_page(target, changes, counts, values=values, more=more)
    yield from _choices(hold, target)


def verdict_page(hold: Hold, applied: StreamCounts | None = None) -> Iterator[RenderableType]:
    """Say what a verdict has done, and what is left to do."""
    target = "/".join(hold.key)
    if applied is None:
        yield line(f"{target}: rejected, what it held is forgotten; the next sync looks at the partner anew")
        yield from facts(_after_rejecting(hold, target))
        yield next_command(f"mkt sync {target} --now --dry-run")
    elif hold.state == "open":
        left = "; ".join(f"{stream} {said(counts)}" for stream, counts in counted(hold).items() if counts.changes)
        yield line(f"{target}: applied {said(applied)}; still held: {left or 'the cursors, which approving moves'}")
        yield next_command(f"mkt holds show {short_id(hold.id)}")
    else:
        yield line(f"{target}: approved and applied: {said(applied)}")
        yield next_command(f"mkt status {target}")


def _after_rejecting(hold: Hold, target: str) -> Iterator[tuple[str, str]]:
    """Say what comes of it where the partner goes on sending the same, and what each way out is."""
    part = short_id(hold.id)
    yield "the same again", f"is held again as {part}, without a new alert, and no sync runs until it is decided"
    limits = "" if any(EMPTIED in reason for reason in hold.reasons) else "; or raise guard: in its file"
    yield "to let it in", f"mkt holds approve {part}, once it is held again{limits}"
    yield "to stop it", f"mkt disable {target} --reason TEXT"


def _cells(hold: Hold, now: datetime) -> dict[str, object]:
    counts = [getattr(_totals(hold), kind) for kind in _COUNTS]
    return {
        "hold": short_id(hold.id),
        "integration": "/".join(hold.key),
        "state": _state(hold),
        "age": amount((now - hold.opened_at).total_seconds()),
        **{kind: f"{count:,}" for kind, count in zip(_COUNTS, counts, strict=True)},
        "why": "; ".join(hold.reasons),
    }


def _totals(hold: Hold) -> StreamCounts:
    own = counted(hold).values()
    return StreamCounts(**{kind: sum(getattr(counts, kind) for counts in own) for kind in _COUNTS})


def _state(hold: Hold) -> Text:
    return Text(hold.state, style=_STATES[hold.state])


def _facts(hold: Hold, now: datetime) -> Iterator[tuple[str, str]]:
    yield "id", hold.id
    for reason in hold.reasons:
        yield "why", reason
    if hold.state == "open":
        yield acts("us"), REVIEW
    yield "held", f"{ago(hold.opened_at, now)} by run {short_id(hold.run_id)}"
    if hold.reopened:
        yield "reopened", f"{plural(hold.reopened, 'time')}: it was rejected, and the partner sent the same again"
    if hold.closed_at:
        yield hold.state, f"{ago(hold.closed_at, now)}{f': {hold.reason}' if hold.reason else ''}"
    if hold.windowed:
        yield "window", "the sync had --since or --until: approving moves no cursor"


def _choices(hold: Hold, target: str) -> Iterator[RenderableType]:
    """Say what each verdict does: the last line alone would make one of them look right."""
    if hold.state != "open":
        yield line("what was in it is no longer kept")
        yield next_command(f"mkt status {target}")
        return
    part = short_id(hold.id)
    width = max(len(command) for command, _ in _verdicts(hold, part))
    yield from (Text(f"  {command:<{width}}  {what}", no_wrap=True) for command, what in _verdicts(hold, part))
    yield next_command(f"mkt holds approve {part}, or mkt holds reject {part}")


def _verdicts(hold: Hold, part: str) -> Iterator[tuple[str, str]]:
    totals = _totals(hold)
    yield (
        f"mkt holds approve {part}",
        f"applies exactly this{'; what is absent counts as deleted' if totals.absent else ''}",
    )
    if (totals.created or totals.updated) and (totals.deleted or totals.absent):
        yield f"mkt holds approve {part} --only create,update", "applies what comes and changes; what goes waits"
    yield f"mkt holds reject {part}", "applies nothing of it; the next sync looks anew, and holds the same again"
