"""`--since` and `--until`: a sync of a part of time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from mkt.contract import Window

_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str) -> datetime:
    """Read "2026-11-15", "2026-11-15T08:30+01:00" (without a zone: UTC) or how long ago: "90m", "12h", "7d", "2w"."""
    now = datetime.now(UTC)
    try:
        if ago := re.fullmatch(r"(\d{1,6})([mhdw])", text):
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        known = "2026-11-15, 2026-11-15T08:30+01:00, or how long ago such as 12h or 7d"
        raise typer.BadParameter(f"{text!r} is no moment such as {known}") from None


_OPTION: Final = {"metavar": "TIME", "parser": moment, "show_default": False}


@dataclass(frozen=True, kw_only=True)
class Period:
    """From when and until when a sync asks for changes."""

    since: Annotated[
        datetime | None,
        typer.Option("--since", help="Only what changed since: a date, a moment or 7d (ago).", **_OPTION),
    ] = None
    until: Annotated[
        datetime | None, typer.Option("--until", help="Only what changed before it; the same forms.", **_OPTION)
    ] = None

    def window(self, *, full: bool) -> Window | None:
        """Return what was asked for; raise `typer.BadParameter` where it is nothing that can have changed."""
        since, until = self.since, self.until
        if since is None and until is None:
            return None
        if full:
            raise typer.BadParameter("--full starts from the beginning, a window does not: give one of them")
        if since and since > datetime.now(UTC):
            raise typer.BadParameter("nothing has changed yet after a moment to come", param_hint="--since")
        if since and until and since >= until:
            raise typer.BadParameter("--since must be before --until")
        return Window(since=since, until=until)
