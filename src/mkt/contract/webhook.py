"""One inbound request and its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mkt.contract.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """A delivery as it came in, verified as the manifest says.

    `path` is what follows the integration's root; header names are lower case; `body` is the raw bytes.
    """

    id: str
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The answer, and the changes that are committed together with the ledger entry."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    changes: Sequence[Change] = ()
