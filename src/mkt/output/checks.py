"""What `mkt doctor` looked at."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that has to be right for mkt to work; `found` is what is there."""

    name: str
    ok: bool = True
    found: str
    remedy: str = ""


def check_object(check: Check) -> dict[str, Any]:
    """Return a check for scripts; the remedy only where there is something to do."""
    return {**asdict(check), "remedy": None if check.ok else check.remedy}
