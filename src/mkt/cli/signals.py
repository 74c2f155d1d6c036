"""^C and SIGTERM: a clean end first, an end at once when asked again."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from mkt.engine.base import Stop, StopReason

_REASONS: Final[dict[int, "StopReason"]] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_AT_CHECKPOINT: Final = b"mkt: stopping at the next checkpoint; again to end at once\n"


def end_on_sigterm() -> None:
    """Make SIGTERM end the process like an exit: files and connections are closed, the code is 143."""
    signal.signal(signal.SIGTERM, _end)


@contextmanager
def stopping(stop: "Stop", *, said: bytes = _AT_CHECKPOINT) -> Iterator[None]:
    """Pass the first signal on as a wish to stop at the next checkpoint; the second one ends at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.reason is not None:
            _end(number, frame)
        stop.request(_REASONS[number])
        os.write(2, said)  # print may be in the midst of it

    before = {number: signal.signal(number, ask) for number in _REASONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    # From here on the system's own handlers: a third signal does not even wait for files to be closed.
    for each in _REASONS:
        signal.signal(each, signal.SIG_DFL)
    sys.exit(128 + number)
