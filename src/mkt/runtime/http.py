"""The contract's `Http`: one integration's requests, with its hosts, its tokens and its deadline."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Final

import httpx

from mkt import __version__
from mkt.contract import Auth, Explain, Json, Token, TokenGrant
from mkt.contract.runtime import Params
from mkt.errors import ConnectorError, Interrupted, RateLimited, TransientError
from mkt.runtime import faults
from mkt.runtime.auth import header, read_token, register_form, token_error
from mkt.runtime.clock import Clock
from mkt.runtime.connections import Connections, Place
from mkt.runtime.hosts import HostRule
from mkt.runtime.limits import Limits
from mkt.runtime.masking import Masker
from mkt.runtime.pace import Pacer
from mkt.runtime.proxies import proxy_for
from mkt.runtime.response import HttpResponse
from mkt.runtime.retry import Retry, limit_deferral, retry_at
from mkt.runtime.tokens import TokenKey, TokenStore
from mkt.runtime.transport import Patience, Transport, open_transport
from mkt.runtime.wording import shown_url

_SAFE: Final = frozenset({"GET", "HEAD"})
_FIRST_ERROR: Final = 400
_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": f"mkt/{__version__}"}

_Explain = Callable[[HttpResponse], ConnectorError | None]
Rotate = Callable[[str, str], None]
"""Keep the new value of a secret: its name, the value."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A request before credentials are put to it: each try builds it anew."""

    method: str
    url: httpx.URL
    repeatable: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Json = None
    form: Callable[[], Mapping[str, str] | None] = field(default=lambda: None)
    content: bytes | None = None
    auth: Auth | None = None
    explain: _Explain | None = None


class HttpClient:
    """Calls one integration's hosts. Used by one thread at a time; `close` may come from another."""

    def __init__(
        self,
        target: str,
        *,
        hosts: HostRule,
        masker: Masker,
        tokens: TokenStore,
        clock: Clock,
        limits: Limits,
        rotate: Rotate,
        connections: Connections,
        pacer: Pacer | None = None,
    ) -> None:
        self._target = target
        self._hosts = hosts
        self._masker = masker
        self._tokens = tokens
        self._clock = clock
        self._limits = limits
        self._rotate = rotate
        self._pacer = pacer
        self._retry = Retry(clock, tries=limits.tries, longest=limits.pause)
        self._patience = Patience(clock)
        self._connections = connections
        self._transports: dict[Place, Transport] = {}
        self._closed = False

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
    ) -> HttpResponse:
        draft = self._draft(method, url, params, idempotent=idempotent)
        return self._run(
            replace(
                draft,
                headers=headers or {},
                json=json,
                form=lambda: form,
                content=content,
                auth=auth,
                explain=explain,
            )
        )

    def get(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        explain: Explain | None = None,
    ) -> HttpResponse:
        return self.request("GET", url, params=params, headers=headers, auth=auth, explain=explain)

    def authorize(self, grant: TokenGrant, *, explain: Explain | None = None) -> Token:
        """Return a new token for the grant, and keep it for the requests that follow."""
        key = TokenKey.of(self._target, grant)
        with self._tokens.lock(key):
            return self._ask_for_token(key, grant, explain)

    def close(self) -> None:
        """Leave the idle connections to others, and let a thread that was left behind open no new one."""
        self._closed = True
        while self._transports:
            with contextlib.suppress(KeyError):
                self._connections.give_back(*self._transports.popitem())

    def _draft(self, method: str, url: str, params: Params | None, *, idempotent: bool | None) -> _Draft:
        target = self._hosts.check(url)
        if params:
            target = target.copy_merge_params({name: _values(value) for name, value in params.items()})
        method = method.upper()
        return _Draft(
            method,
            target,
            repeatable=method in _SAFE if idempotent is None else idempotent,
        )

    def _place(self, draft: _Draft) -> str:
        return f"{draft.method} {shown_url(draft.url, self._masker)}"

    def _run(self, draft: _Draft) -> HttpResponse:
        return self._retry.run(partial(self._try, draft), repeatable=draft.repeatable)

    def _try(self, draft: _Draft) -> HttpResponse:
        """Send once; after a 401 to a token that was kept, once more with a new one."""
        if not isinstance(draft.auth, TokenGrant):
            self._keep_pace(draft)
            return self._judge(draft, self._send(draft, header(draft.auth, self._masker) if draft.auth else ""))
        token, response = self._send_with_token(draft, draft.auth)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._tokens.drop(TokenKey.of(self._target, draft.auth), token.access_token)
            _, response = self._send_with_token(draft, draft.auth)
        return self._judge(draft, response)

    def _send_with_token(self, draft: _Draft, grant: TokenGrant) -> tuple[Token, HttpResponse]:
        token = self._token(grant)
        if self._keep_pace(draft):
            token = self._token(grant)  # while we waited it may have come to its end
        return token, self._send(draft, header(token, self._masker))

    def _keep_pace(self, draft: _Draft) -> bool:
        """Wait for a place in the partner's budget; tell whether that took any time."""
        self._clock.check()
        return self._pacer is not None and self._pacer.wait(draft.url)

    def _token(self, grant: TokenGrant) -> Token:
        key = TokenKey.of(self._target, grant)
        with self._tokens.lock(key):
            return self._tokens.get(key, self._clock.now()) or self._ask_for_token(key, grant, None)

    def _ask_for_token(self, key: TokenKey, grant: TokenGrant, explain: Explain | None) -> Token:
        sent: Mapping[str, str] = {}

        def form() -> Mapping[str, str]:
            nonlocal sent
            sent = grant.form()
            register_form(sent, self._masker)
            return sent

        # A refresh token that is replaced by its use must not be used twice.
        draft = self._draft("POST", grant.url, None, idempotent=not grant.rotates)
        headers = {"Accept": "application/json"}
        draft = replace(draft, headers=headers, form=form, auth=grant.client, explain=self._explain(explain))
        response = self._run(draft)
        token, refresh_token = read_token(response, self._clock.now(), self._masker)
        if grant.rotates and refresh_token and refresh_token != sent.get("refresh_token"):
            self._rotate(grant.rotates, refresh_token)
        self._tokens.put(key, token, self._clock.now())
        return token

    def _explain(self, explain: Explain | None) -> _Explain:
        def explained(response: HttpResponse) -> ConnectorError | None:
            return (explain(response) if explain else None) or token_error(response, self._target)

        return explained

    def _send(self, draft: _Draft, authorization: str) -> HttpResponse:
        self._clock.check()
        self._patience.start(self._limits.total, interruptible=draft.repeatable)
        if self._patience.over:
            raise faults.slow_answer(self._place(draft), self._limits)
        try:
            request = self._build(draft, authorization)
            with (
                self._transport(draft) as transport,
                contextlib.closing(transport.handle_request(request)) as response,
            ):
                response.request = request
                return self._read(draft, response)
        except UnicodeEncodeError:
            raise faults.illegal_header(self._place(draft)) from None
        except httpx.HTTPError as error:
            if self._patience.over:
                raise faults.slow_answer(self._place(draft), self._limits) from None
            raise faults.network_error(error, self._place(draft), self._limits) from None

    def _build(self, draft: _Draft, authorization: str) -> httpx.Request:
        headers = httpx.Headers(_HEADERS, encoding="ascii")
        headers.update(draft.headers)
        if authorization:
            headers["Authorization"] = authorization
        form = draft.form()
        timeout = httpx.Timeout(self._limits.read, connect=self._limits.connect)
        return httpx.Request(
            draft.method,
            draft.url,
            headers=headers,
            json=draft.json,
            data=None if form is None else dict(form),
            content=draft.content,
            extensions={"timeout": timeout.as_dict()},
        )

    def _read(self, draft: _Draft, response: httpx.Response) -> HttpResponse:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._limits.body:
                raise faults.too_large(self._place(draft), self._limits)
            chunks.append(chunk)
        return HttpResponse(
            status=response.status_code,
            url=draft.url,
            headers=response.headers,
            content=b"".join(chunks),
            method=draft.method,
            masker=self._masker,
        )

    def _judge(self, draft: _Draft, response: HttpResponse) -> HttpResponse:
        """Return a good answer; raise what any other means."""
        if response.status < _FIRST_ERROR:
            location = response.headers.get("location")
            if location is None or response.status < HTTPStatus.MULTIPLE_CHOICES:
                return response
            raise faults.redirect(response, draft.url, location)
        error = draft.explain(response) if draft.explain else None
        error = error or faults.status_error(response, self._target)
        self._hear(error, draft.url, response.headers)
        raise error

    def _hear(self, error: ConnectorError, url: httpx.URL, headers: Mapping[str, str]) -> None:
        """Take in when the partner wants to be asked again, for all that share its budget where that is spent."""
        if not isinstance(error, TransientError | RateLimited):
            return
        now = self._clock.now()
        if error.retry_at is None:
            error.retry_at = retry_at(headers.get("retry-after", ""), now, headers.get("date", ""))
        limit_deferral(error, now)
        if self._pacer and error.retry_at and isinstance(error, RateLimited):
            self._pacer.hold(url, error.retry_at)

    @contextlib.contextmanager
    def _transport(self, draft: _Draft) -> Iterator[Transport]:
        """Give a way to the URL, which is kept for the next request where this one comes to a good end.

        Where another run has left it, the partner may be about to hang up: what must not be sent twice begins anew.
        """
        if self._closed:
            raise Interrupted
        proxy = proxy_for(draft.url, self._masker)
        place = Place.of(draft.url, proxy)
        transport = self._transports.pop(place, None)
        if transport is None:
            way = self._connections.take if draft.repeatable else open_transport
            transport = way(draft.url, proxy=proxy, patience=self._patience, check=self._hosts.check_address)
        try:
            yield transport
        except BaseException:
            transport.close()
            raise
        self._keep(place, transport)

    def _keep(self, place: Place, transport: Transport) -> None:
        if transport.has_more:
            transport.close()
            return
        self._transports[place] = transport
        if self._closed:  # only now: who closes meanwhile finds it, or is seen here
            self.close()


def _values(value: str | int | Sequence[str]) -> str | int | list[str]:
    return value if isinstance(value, str | int) else list(value)
