"""What `mkt doctor` looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be right for mkt to work; `found` is what is there."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
