"""How long and how large an answer may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds and bytes. `total` bounds one answer from connecting to its last byte, however it drips."""

    connect: float = 10
    read: float = 30
    total: float = 120
    body: int = 256 * 1024 * 1024
    tries: int = 4
    pause: float = 65
    """Longest wait for the partner's pace: the window of a budget per minute. What takes longer is deferred."""
