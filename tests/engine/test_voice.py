"""What a process that goes on says of its troubles: each once, and once that it is over."""

from pathlib import Path

import pytest
from tests.engine.rig import Rig

from mkt.engine.voice import Voice
from mkt.errors import StoreError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            StoreError("the disk is full", remedy="Free it."),
            "the queue cannot be used: the disk is full. Free it. We wait",
        ),
        (ZeroDivisionError("ann@example.com"), "the queue: a bug in mkt: ZeroDivisionError in test_voice.py, line "),
    ],
)
def test_a_trouble_is_said_once_and_again_where_it_comes_again(tmp_path: Path, error: Exception, told: str) -> None:
    rig = Rig(tmp_path)

    def fails() -> None:
        raise error

    voice = Voice(rig.engine, "the queue", "We wait")
    for work in (fails, fails, int, int, fails):
        voice.listen(work)
    first, over, again = [event.message for event in rig.recorder.events]
    assert first == again
    assert first.startswith(told)
    assert over == "the queue can be used again"
