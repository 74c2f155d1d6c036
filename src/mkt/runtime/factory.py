"""Builds what each call of an integration works with."""

import importlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mkt.contract import ConnectorConfiguration, Files, Http, Json, Level, Manifest, RateLimit
from mkt.runtime.budgets import Budgets, account_digest
from mkt.runtime.clock import Clock
from mkt.runtime.files import ProjectFiles
from mkt.runtime.limits import Limits
from mkt.runtime.masking import Masker
from mkt.runtime.pace import Pace, Pacer
from mkt.runtime.tokens import TokenStore

if TYPE_CHECKING:
    # httpx is for what calls a partner: most runs of cron find nothing due, and `status` calls nobody.
    from mkt.runtime.connections import Connections
    from mkt.runtime.http import HttpClient, Rotate

Emit = Callable[[str, Level, dict[str, Json]], None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Runtime:
    """The contract's `ConnectorRuntime` for one call; closing it closes its connections."""

    supabase = None

    def __init__(self, http: "HttpClient", files: Files, *, clock: Clock, masker: Masker, emit: Emit) -> None:
        self._http = http
        self._files = files
        self._clock = clock
        self._masker = masker
        self._emit = emit

    @property
    def http(self) -> Http:
        return self._http

    @property
    def files(self) -> Files:
        return self._files

    def now(self) -> datetime:
        return self._clock.now()

    def emit(self, message: str, *, level: Level = "info", **details: Json) -> None:
        self._emit(self._masker.mask(message), level, self._masker.mask_json(details))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Runtimes:
    """One process's runtimes: they share the clock, the stop, the access tokens and the idle connections.

    `allowed_hosts` is `[hosts] allow`; `stop` ends every wait with `Interrupted`; without `budgets` nobody minds the
    partners' pace. `wait` and `limits` are for tests.
    """

    def __init__(
        self,
        root: Path,
        *,
        allowed_hosts: Sequence[str] = (),
        budgets: Budgets | None = None,
        now: Callable[[], datetime] = _utc_now,
        stop: threading.Event | None = None,
        wait: Callable[[float], object] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._allowed_hosts = tuple(allowed_hosts)
        self._now = now
        self._stop = stop or threading.Event()
        self._wait = wait
        self._limits = limits or Limits()
        self._pace = Pace(budgets) if budgets else None
        self._tokens = TokenStore()
        self._files = ProjectFiles(root)
        # Their own log lines hold whole URLs and headers, before anything could mask them.
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)

    @staticmethod
    def prepare() -> None:
        """Import what calls partners, once: many threads would each wait for it at the same time."""
        importlib.import_module("mkt.runtime.http")

    def open(
        self,
        configuration: ConnectorConfiguration,
        manifest: Manifest,
        *,
        masker: Masker,
        emit: Emit,
        rotate: "Rotate",
        deadline: float | None = None,
        identifiers: Callable[[], Iterable[str]] = tuple,
        rate_limit: RateLimit | None = None,
        account: Callable[[], Iterable[str]] = tuple,
    ) -> Runtime:
        """Return the runtime of one call.

        `rotate` keeps the new value of a secret before it is used; `deadline` is a reading of `time.monotonic`;
        `identifiers` gives the values that are not sensitive, whose URLs count as settings; `account` those that
        tell one account at the partner from another, by which a `rate_limit` per account is shared.
        """
        from mkt.runtime.hosts import HostRule  # noqa: PLC0415 - as above
        from mkt.runtime.http import HttpClient  # noqa: PLC0415 - as above

        clock = Clock(self._now, stop=self._stop, deadline=deadline, wait=self._wait)
        http = HttpClient(
            configuration.target,
            hosts=HostRule(configuration, manifest, allowed=self._allowed_hosts, identifiers=identifiers),
            masker=masker,
            tokens=self._tokens,
            clock=clock,
            limits=self._limits,
            rotate=rotate,
            connections=self._connections,
            pacer=self._pacer(configuration, rate_limit, clock, account),
        )
        return Runtime(http, self._files, clock=clock, masker=masker, emit=emit)

    @cached_property
    def _connections(self) -> "Connections":
        from mkt.runtime.connections import Connections  # noqa: PLC0415 - as above

        return Connections()

    def _pacer(
        self,
        configuration: ConnectorConfiguration,
        rate_limit: RateLimit | None,
        clock: Clock,
        account: Callable[[], Iterable[str]],
    ) -> Pacer | None:
        if self._pace is None or rate_limit is None:
            return None
        return Pacer(
            self._pace,
            rate_limit,
            configuration,
            account=lambda: account_digest(configuration.connector, *account()),
            clock=clock,
            longest=self._limits.pause,
        )
