"""One request and its answer, and what a fault can do between them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeAlias
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. Header names are lower case; `query` and `form` keep the last of equal names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""
    """Path and query as they stood in the request line."""

    @property
    def form(self) -> Mapping[str, str]:
        """The body as application/x-www-form-urlencoded."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `Reply.json` makes one of a value."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, body, {"Content-Type": "application/json", **(headers or {})})


class Exchange(Protocol):
    """A request and the means to answer it, well or badly."""

    @property
    def request(self) -> Request: ...
    def send(self, reply: Reply) -> None:
        """Answer in full."""
        ...

    def send_head(self, reply: Reply) -> None:
        """Send status and headers, which declare the whole body."""
        ...

    def write(self, part: bytes) -> None:
        """Send a part of the body at once."""
        ...

    def hang_up(self, *, reset: bool = False) -> None:
        """End the connection after what was sent, with TCP's RST where asked."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait; raise `ConnectionAbortedError` when the simulator is closed meanwhile."""
        ...


Fault: TypeAlias = Callable[[Exchange, Callable[[], Reply]], None]
"""What is done with an exchange; the second argument gives the partner's own answer."""
