"""What a connector works with: HTTP, files, telemetry, the clock. No type of a library appears here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol, TypeAlias

from mkt.contract.event import Level
from mkt.contract.json import Json
from mkt.errors import ConnectorError

Params: TypeAlias = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic (RFC 7617)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """A token that somebody else obtained (RFC 6750)."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """How to obtain an access token (RFC 6749).

    `form` is called for every request of a token, so that assertions are new each time. `rotates` names the
    secret that holds the refresh token: a new one in the reply is written back before the token is used.
    The token is kept in memory only, under `key` or else the url; on a 401 it is dropped and asked for once more.
    """

    url: str
    form: Callable[[], Mapping[str, str]] = field(repr=False)
    client: BasicAuth | None = None
    rotates: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """The token endpoint's reply; `reply` has every field that is not itself a token."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    scope: str
    reply: Mapping[str, Any]


Auth: TypeAlias = BasicAuth | BearerAuth | TokenGrant


class Response(Protocol):
    """A complete answer whose status is below 400, or one that `explain` looks at."""

    @property
    def status(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Header names are case-insensitive."""
        ...

    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    @property
    def links(self) -> Mapping[str, str]:
        """RFC 8288 `Link` header: absolute URL by `rel`."""
        ...

    def json(self) -> Any:
        """Return the decoded body.

        Raise `PartnerError` for a body cut in half, `TransientError` for HTML (a login or maintenance page).
        """
        ...


Explain: TypeAlias = Callable[[Response], ConnectorError | None]


class Http(Protocol):
    """HTTP to this integration's own hosts, and nowhere else.

    Every request waits for its place in the manifest's `rate_limit`, or is `RateLimited` where that is far away.
    Safe requests (GET, HEAD, and what the caller says is `idempotent`) are tried again on network faults, 429
    and 5xx; `Retry-After` is honored. Redirects are not followed. Every answer with a status of 400 or more is
    raised: 401 as `AuthError`, 403 as `AccessDenied`, 429 as `RateLimited`, 408 and 5xx as `TransientError`, the
    rest as `PartnerError`. `explain` sees such an answer first: the error it returns is raised instead, and when
    that error is neither `TransientError` nor `RateLimited` the request is not tried again.
    """

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        json: Json = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: Auth | None = None,
        idempotent: bool | None = None,
        explain: Explain | None = None,
    ) -> Response: ...

    def get(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        explain: Explain | None = None,
    ) -> Response: ...

    def authorize(self, grant: TokenGrant, *, explain: Explain | None = None) -> Token:
        """Return a token for the grant, asking the partner for a new one."""
        ...


class Files(Protocol):
    """Read-only files below the project root."""

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Raise `ConfigError` for a path outside the project or one that cannot be read."""
        ...


class SupabaseAccess(Protocol):
    """The tenant's own rows in Supabase, where the operator grants it; never the service role."""

    def select(self, table: str, filters: Mapping[str, str]) -> Iterator[Mapping[str, Json]]: ...


class ConnectorRuntime(Protocol):
    """What a connector works with."""

    @property
    def http(self) -> Http: ...
    @property
    def files(self) -> Files: ...
    @property
    def supabase(self) -> SupabaseAccess | None: ...
    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    def emit(self, message: str, *, level: Level = "info", **details: Json) -> None:
        """Send a `connector.message` event. Nothing personal, nothing secret."""
        ...
