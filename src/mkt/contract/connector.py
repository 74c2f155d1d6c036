"""What a connector can do. Name the bases explicitly: that makes mypy judge each connector in its own file."""

from collections.abc import Iterator
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from mkt.contract.changes import Change
from mkt.contract.context import ConnectorContext
from mkt.contract.webhook import WebhookRequest, WebhookResponse

S = TypeVar("S", bound=BaseModel)


@runtime_checkable
class Connector(Protocol[S]):
    """Every connector: verify an integration by climbing the manifest's ladder of steps."""

    def verify(self, context: ConnectorContext[S]) -> None:
        """Open the declared steps in order; raise a `ConnectorError` where one cannot be passed."""
        ...


@runtime_checkable
class Syncs(Protocol[S]):
    """A connector that brings records over."""

    def sync(self, context: ConnectorContext[S]) -> Iterator[Change]:
        """Yield the changes of `context.streams` since `context.cursor(stream)`.

        For each stream: records, `Complete` where a listing came to its end, the last `Checkpoint`. A listing
        that feeds several streams yields a `Checkpoint` for each, and on resume starts at the oldest.

        With `context.window`, what changed in that time is asked for and nothing is listed to its end: no `Complete`.
        Where the partner has no such question, list as always: nothing is deleted for it, and the result says so.
        """
        ...


@runtime_checkable
class HandlesWebhooks(Protocol[S]):
    """A connector that partner systems call."""

    def handle_webhook(self, request: WebhookRequest, context: ConnectorContext[S]) -> WebhookResponse:
        """Answer a verified delivery.

        Of one integration they come one at a time, in order, unless its manifest says `inline`. What it reads from
        `context.state` by `take` is gone only when the changes are stored, so a delivery that fails is handled again
        as if for the first time; of two that take the same value, one is handled again and finds None.
        """
        ...
