"""What a store remembers of who was told of what. A part of the store's contract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from mkt.store.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """That a cause of failures began or ended at a time. `body` is what the sinks get; its `id` is the alert's."""

    fingerprint: str
    kind: Literal["opened", "ended"]
    at: datetime
    body: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """What the body says. Another version may have stored it: any key can be missing."""
        data: Mapping[str, Any] = self.body.get("data", {})
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """An alert on its way to one sink. `tries` counts the one that is going on, `error` is of the last that ended."""

    id: str
    sink: str
    fingerprint: str
    body: Mapping[str, Any]
    created_at: datetime
    tries: int
    given_up: bool
    error: str
    next_try_at: datetime | None = None


class AlertStore(Protocol):
    """The methods of the store that are about alerts."""

    def failing_since(self) -> dict[tuple[Key, str], datetime]:
        """Return when each failing integration first failed with each fingerprint, since it was last ok."""
        ...

    def open_alerts(self) -> list[Alert]:
        """Return the causes that were told and have not ended."""
        ...

    def record_alerts(self, found: Sequence[Alert], sinks: Collection[str], as_of: datetime) -> None:
        """Store what began and what ended, each of it once whoever else says the same, with a message to each sink.

        A look that is older than another process's is of no account.
        """
        ...

    def claim_alerts(
        self, sinks: Collection[str], *, now: datetime, until: datetime, most: int, limit: int
    ) -> list[AlertMessage]:
        """Take up to `limit` messages for each sink that are due and were tried fewer than `most` times.

        Nobody else gets them before `until`; after that they are free again, unless they were settled.
        """
        ...

    def settle_alert(self, message: AlertMessage, *, error: str = "", retry_at: datetime | None = None) -> None:
        """Note that a claimed message was sent or, with an error, is tried again or (no `retry_at`) given up."""
        ...

    def release_alert(self, message: AlertMessage, now: datetime) -> None:
        """Give back a claimed message that was not tried: it is due again, and the try does not count."""
        ...

    def unsent_alerts(self) -> list[AlertMessage]:
        """Return the messages that wait or were given up."""
        ...
