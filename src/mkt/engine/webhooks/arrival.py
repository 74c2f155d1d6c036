"""A request as the server took it in, and what it answers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from urllib.parse import unquote

import orjson

from mkt.runtime.masking import MASK

ROOT: Final = "/hooks/"
_PATH: Final = re.compile(r"/hooks/([^/]+)/([^/]+)(?:/(.*))?", re.DOTALL)
_LONGEST_PATH: Final = 200
_RETRY_SECONDS: Final = "30"
Refusal = Literal["refused", "not now", "too large", "too slow", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One inbound request, whole. `raw_path` and `query` are as they were sent; header names are lower case."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    @property
    def names(self) -> tuple[str, str, str]:
        """The tenant, the integration, and what follows their root; empty texts where the path has none."""
        found = _PATH.fullmatch(self.raw_path)
        if found is None:
            return "", "", ""
        return unquote(found[1]), unquote(found[2]), unquote(found[3] or "")

    def shown_path(self, secret_after: Iterable[str]) -> str:
        """Return what the ledger says of the path: nothing of what stands behind one of those parts of it."""
        parts = "|".join(map(re.escape, secret_after))
        # As the connector reads it: %2F is a slash too.
        read = unquote(self.raw_path)
        shown = re.sub(rf"(?is)(/(?:{parts})/+)[^/].*", rf"\1{MASK}", read) if parts else read
        return re.sub(r"[^ -~]", "?", self.raw_path if shown == read else shown)[:_LONGEST_PATH]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the partner gets."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def answer_json(status: int, /, **said: str) -> Answer:
    """Return a short answer: the ledger id for whoever asks us about it, and nothing that helps an attacker."""
    headers = {"content-type": "application/json"}
    if status == 503:  # noqa: PLR2004 - the one that says when
        headers["retry-after"] = _RETRY_SECONDS
    return Answer(status, headers, orjson.dumps(said) + b"\n")


def refusal(status: int, error: Refusal, delivery: str) -> Answer:
    """Return the answer to what was not taken."""
    return answer_json(status, error=error, delivery=delivery)
