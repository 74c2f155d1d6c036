"""The client of Supabase: supabase-py over our own HTTP client, with its faults named. Nothing else imports it.

Its own client would wait for 120 s, follow this machine's proxy settings in its own way, try again where it must not,
and lose an answer's status and `Retry-After`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol

import httpx
from postgrest import APIError, CountMethod
from supabase import Client, ClientOptions, create_client
from supabase_auth import SyncMemoryStorage

from mkt import __version__
from mkt.contract import Json
from mkt.errors import ConnectorError, TransientError
from mkt.runtime import supabase_faults as faults
from mkt.runtime.clock import Clock
from mkt.runtime.masking import PROCESS
from mkt.runtime.proxies import proxy_for
from mkt.runtime.retry import Retry, retry_at
from mkt.runtime.supabase_access import SupabaseAccess
from mkt.runtime.transport import Patience, anywhere, open_transport

PAGE: Final = 1000
"""Rows that one answer has at most, whatever is asked for: Supabase's own limit, which it does not say."""
_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_LONGEST_ANSWER: Final = 60.0
"""Seconds until all of an answer is there, however it drips."""
_CONNECTIONS: Final = 20
_TRIES: Final = 4
_UNANSWERED: Final = frozenset({"network.connect_timeout", "network.read_timeout"})
_LONGEST_WAIT: Final = 30.0

Row = dict[str, Any]


class _Answer(Protocol):
    """What PostgREST's builders give."""

    data: Any
    count: int | None


class Statement(Protocol):
    """A built query, ready to be sent."""

    def execute(self) -> Any: ...


class SupabaseClient:
    """One project's Data API, safe to use from several threads. `wait`, `timeout` and `longest` are for tests.

    `slow` is called with the host where nothing is heard for some seconds.
    """

    def __init__(
        self,
        access: SupabaseAccess,
        *,
        slow: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
        wait: Callable[[float], object] | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        longest: float = _LONGEST_ANSWER,
    ) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold whole URLs, ids and all
        PROCESS.add(access.key)
        self._longest = longest
        self._clock = Clock(lambda: datetime.now(UTC), stop=stop or threading.Event(), wait=wait)
        url = httpx.URL(access.url)
        self._host = url.netloc.decode("ascii")
        self._patience = Patience(self._clock, partial(slow, self._host) if slow else None)
        self._last = threading.local()
        self._silent = False
        """Nothing was heard in all tries of a call. Until something is, one try is all that a call gets."""
        self._http = httpx.Client(
            transport=open_transport(
                url,
                proxy=proxy_for(url, PROCESS),
                patience=self._patience,
                check=anywhere,
                connections=_CONNECTIONS,
            ),
            trust_env=False,
            timeout=timeout,
            headers={"User-Agent": f"mkt/{__version__}"},
            event_hooks={"response": [self._remember]},
        )
        options = ClientOptions(
            httpx_client=self._http,
            storage=SyncMemoryStorage(),
            postgrest_client_retry=False,
            auto_refresh_token=False,
            persist_session=False,
        )
        self._supabase = create_client(access.url, access.key, options)

    def close(self) -> None:
        self._http.close()

    def rpc(
        self,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        repeatable: bool,
        longest: float | None = None,
    ) -> Json:
        """Call a function; raise as `run`. What may not be done twice is not `repeatable`."""
        answer = self.run(
            function,
            lambda client: client.rpc(function, dict(arguments or {})),
            repeatable=repeatable,
            longest=longest,
        )
        result: Json = answer.data
        return result

    def rows(
        self, table: str, *, key: str, where: Mapping[str, str] | None = None, columns: Sequence[str] = ("*",)
    ) -> Iterator[Row]:
        """Return all rows in order of a unique column, a page at a time; raise as `run`.

        Who names the columns gets an error where the table is another one than mkt's. Each page begins after the last
        row of the one before, so that what is added or removed meanwhile shifts none of the others, and says how many
        there are from there on: a server may cap its pages at any number.
        """
        page = partial(_page, table=table, columns=columns, key=key, where=where or {})
        named, last = frozenset({key, *columns} - {"*"}), None
        while True:
            answer = self.run(table, partial(page, last=last))
            rows = self._listed(answer.data, table, named)
            yield from rows
            if not rows or (answer.count is not None and len(rows) >= answer.count):
                return
            last = rows[-1][key]

    def run(
        self,
        what: str,
        build: Callable[[Client], Statement],
        *,
        repeatable: bool = True,
        longest: float | None = None,
    ) -> _Answer:
        """Send a statement, again where it failed for now and may be repeated.

        `what` names it for people; `longest` are the seconds that the database may work on it in silence. Raise a
        `ConnectorError`: its class and remedy by what went wrong.
        """
        place = f"{self._host}, {what}"
        retry = Retry(self._clock, tries=_TRIES, longest=_LONGEST_WAIT)
        since, heard, was_silent = time.monotonic(), False, self._silent

        def send() -> _Answer:
            nonlocal since, heard
            try:
                return self._send(place, build(self._supabase), longest, since)
            except TransientError as error:
                if self._last.response is not None:  # who has answered is waited for anew
                    since, heard = time.monotonic(), True
                elif was_silent and not heard and error.code in _UNANSWERED:
                    retry.leave(error)
                raise

        try:
            return retry.run(send, repeatable=repeatable)
        except TransientError as error:
            self._silent = self._silent or (repeatable and not heard and error.code in _UNANSWERED)
            raise

    def _listed(self, data: Any, table: str, columns: frozenset[str]) -> list[Row]:
        if isinstance(data, list) and all(isinstance(row, dict) and columns <= row.keys() for row in data):
            return data
        raise faults.no_rows(f"{self._host}, {table}")

    def _send(self, place: str, statement: Statement, longest: float | None, since: float) -> _Answer:
        self._clock.check()
        self._patience.start(longest or self._longest, interruptible=False, silence=longest or 0.0, since=since)
        self._last.response = None
        try:
            answer: _Answer = statement.execute()
        except RecursionError:
            raise faults.too_deep(place) from None
        except httpx.HTTPError as error:
            raise faults.network_error(error, place) from None
        except APIError as error:
            raise self._error(error, place) from None
        finally:
            self._let_go()
        if not _is_json(self._last.response, answer.data):
            raise faults.not_json(place)
        return answer

    def _error(self, error: APIError, place: str) -> ConnectorError:
        """Judge by the status too, which supabase-py forgets."""
        response = self._last.response
        found = faults.api_error(place, response.status_code, error.code or "", error.message or "")
        headers = response.headers
        found.retry_at = retry_at(headers.get("retry-after", ""), self._clock.now(), headers.get("date", ""))
        return found

    def _remember(self, response: httpx.Response) -> None:
        self._last.response = response
        self._silent = False

    def _let_go(self) -> None:
        """Cut the circle in which httpx keeps an answer, and the body that was sent, until Python looks for it."""
        if self._last.response is not None:
            self._last.response.stream = httpx.ByteStream(b"")


@contextmanager
def open_supabase(access: SupabaseAccess, slow: Callable[[str], None] | None = None) -> Iterator[SupabaseClient]:
    """Return a client, closed at the end."""
    with closing(SupabaseClient(access, slow=slow)) as client:
        yield client


def _page(
    client: Client, *, table: str, columns: Sequence[str], key: str, where: Mapping[str, str], last: Any
) -> Statement:
    query = client.table(table).select(*columns, count=CountMethod.exact)
    for column, value in where.items():
        query = query.eq(column, value)
    if last is not None:
        query = query.gt(key, last)
    return query.order(key).limit(PAGE)


def _is_json(response: httpx.Response, data: Any) -> bool:
    """Tell whether Supabase may have said this; only where nothing was asked for may there be nothing.

    What supabase-py cannot read it hands on as it came: a text that JSON would have in quotes.
    """
    if not response.content:
        return response.status_code in (HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)
    return "json" in response.headers.get("content-type", "") and not (
        isinstance(data, str) and data == response.text
    )
