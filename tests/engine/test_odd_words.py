"""What a connector says in words that no store and no output takes: the events of the others are not lost with it."""

import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import Context, Rig, people

from mkt.contract import Change, Record
from mkt.errors import PartnerError
from mkt.store.base import EventQuery
from mkt.telemetry.jsonl import JsonLinesSink
from mkt.telemetry.store import StoreSink

HALF = "\ud83d"
"""Of an emoji, as a partner leaves it that cuts its texts at a number of bytes."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.store.close()


def told(rig: Rig, changes: Callable[[Context], Iterator[Change]]) -> tuple[list[str], int]:
    """Sync, and return the names of the events in the store and how many lines were written."""
    out = io.BytesIO()
    for sink in (StoreSink(rig.store), JsonLinesSink(out)):
        rig.engine.telemetry._sinks.append(sink)
    rig.script.changes = changes
    rig.sync_one()
    rig.engine.telemetry.close()
    return [event.event for event in rig.store.events(EventQuery())], out.getvalue().count(b"\n")


@pytest.mark.parametrize("value", [HALF, Decimal("1.5"), 10**30, {1, 2}, {1: 2}, b"\xff"], ids=repr)
def test_an_odd_word_of_a_connector_takes_no_other_event_with_it(rig: Rig, value: Any) -> None:
    def changes(context: Context) -> Iterator[Change]:
        context.runtime.emit(f"it is {HALF}", value=value)
        yield from people("anna")

    events = ["sync.started", "connector.message", "sync.completed", "run.summary"]
    assert told(rig, changes) == (events, len(events))


def test_a_failure_in_odd_words_is_a_failure(rig: Rig) -> None:
    def changes(_: Context) -> Iterator[Change]:
        raise PartnerError(f"the report says {HALF}", remedy=f"Look at {HALF}.")
        yield from people("anna")

    events = ["sync.started", "sync.failed", "connection.changed", "run.summary"]
    assert told(rig, changes) == (events, len(events))
    (run,) = rig.store.runs()
    assert run.error is not None
    assert (run.outcome, run.error["message"]) == ("failed", "the report says \ufffd")


def test_a_field_with_an_odd_name_is_told_and_the_run_comes_to_its_end(rig: Rig) -> None:
    def changes(_: Context) -> Iterator[Change]:
        yield from people(*(f"p{number}" for number in range(200)))
        yield Record("people", "odd", {HALF: "x"})

    assert told(rig, changes)[0] == ["sync.started", "sync.completed", "run.summary"]
    (run,) = rig.store.runs()
    assert run.details["invalid_places"] == {"people": [r"record 201 of this run: \ud83d is no field of people"]}
