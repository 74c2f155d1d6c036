"""Why a request of a browser is refused: a reason for the ledger, and what the page may show of it."""

from collections.abc import Mapping
from typing import Final

_LONGEST: Final = 200
"""What a stranger sent is shown up to here."""


class LaunchRefused(Exception):  # noqa: N818 - an answer, not a failure of ours
    """One request is refused.

    `reason` is a short stable word, `cause` what only we can know. `received` is what came in, and may be shown to
    whoever sent it; `expected` is for the ledger alone. Both are by the same names ("issuer", "client id").
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        status: int = 401,
        advice: str = "",
        received: Mapping[str, object] | None = None,
        expected: Mapping[str, object] | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.status = status
        self.cause = cause
        self.advice = advice
        self.received = {name: shown(value) for name, value in (received or {}).items()}
        self.expected = {name: shown(value) for name, value in (expected or {}).items()}

    def for_ledger(self) -> Mapping[str, str]:
        """Return the reason and each thing that was compared, received next to expected."""
        compared = {
            f"{name} {side}": values[name]
            for name in {**self.received, **self.expected}
            for side, values in (("received", self.received), ("expected", self.expected))
            if name in values
        }
        return {"reason": self.reason, "message": self.cause or self.message, **compared}


def shown(value: object) -> str:
    """Return what came in as one short printable line."""
    text = "nothing" if value is None or value == "" else value if isinstance(value, str) else repr(value)
    line = "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])
    return f"{line}…" if len(text) > _LONGEST else line
