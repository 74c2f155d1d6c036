"""Requests at the partner's pace: waited for, deferred, held for all who share a budget."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from mkt.contract import BasicAuth, Manifest, RateLimit, TokenGrant
from mkt.errors import Interrupted, PartnerError, RateLimited, StoreError, TransientError
from mkt.runtime.budgets import Budget
from mkt.runtime.factory import Runtime, Runtimes
from mkt.runtime.masking import Masker
from mkt.store.sqlite.pace import SqliteBudgets

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


class Fleet:
    """Integrations of one store, in one process or several, on a clock that waiting moves."""

    def __init__(self, folder: Path, configure: Any, manifest: Any, url: str) -> None:
        self.folder = folder
        self.url = url
        self.passed = 0.0
        self.waits: list[float] = []
        self._configure = configure
        self._manifest: Manifest = manifest()
        self._opened: list[Any] = []

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.passed += seconds

    def process(self, **given: Any) -> Runtimes:
        budgets = SqliteBudgets(self.folder / "mkt.db", self.now, lambda: self.passed)
        self._opened.append(budgets)
        made = Runtimes(self.folder, budgets=budgets, **{"now": self.now, "wait": self.wait, **given})
        if made._pace:
            made._pace._monotonic = lambda: self.passed  # the clock of the test
        return made

    def integration(
        self,
        process: Runtimes,
        per: Literal["host", "account", "tenant"] = "host",
        *,
        rate: tuple[int, float] = (2, 10),
        account: tuple[str, ...] = ("client-1",),
        deadline: float | None = None,
    ) -> Runtime:
        runtime = process.open(
            self._configure(self.url),
            self._manifest,
            masker=Masker(),
            emit=lambda *_: None,
            rotate=lambda *_: None,
            rate_limit=RateLimit(requests=rate[0], seconds=rate[1], per=per),
            account=lambda: account,
            deadline=deadline,
        )
        self._opened.append(runtime)
        return runtime

    def close(self) -> None:
        for opened in reversed(self._opened):
            opened.close()


@pytest.fixture
def fleet(tmp_path: Path, configure: Any, manifest: Any, partner: Any) -> Iterator[Fleet]:
    with closing(Fleet(tmp_path, configure, manifest, partner.url)) as made:
        yield made


def test_requests_keep_the_pace_and_no_more_than_it(fleet: Fleet, partner: Any) -> None:
    http = fleet.integration(fleet.process()).http
    for _ in range(6):
        http.get(fleet.url)
    assert len(partner.requests) == 6
    assert [10 <= wait < 10.7 for wait in fleet.waits] == [True, True]


def test_all_processes_share_a_budget(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.integration(fleet.process()).http.get(fleet.url)
    assert len(fleet.waits) == 1


@pytest.mark.parametrize("per", ["host", "account", "tenant"])
def test_a_wait_that_is_too_long_is_deferred_without_asking(
    fleet: Fleet, partner: Any, per: Literal["host", "account", "tenant"]
) -> None:
    http = fleet.integration(fleet.process(), per, rate=(1, 3600)).http
    http.get(fleet.url)
    with pytest.raises(RateLimited, match=r"nothing was sent to 127\.0\.0\.1: the budget of ") as raised:
        http.get(fleet.url)
    assert len(partner.requests) == 1
    assert fleet.waits == []
    error = raised.value
    assert error.retry_at is not None
    assert timedelta(hours=1) <= error.retry_at - NOW < timedelta(hours=1, minutes=4)
    assert (error.actor, error.code) == ("us", "rate_limit.budget")
    assert f"is spent until {error.retry_at:%Y-%m-%d %H:%M:%S} UTC" in error.message
    assert "tries" not in error.message


def test_a_wait_does_not_go_past_the_runs_deadline(fleet: Fleet) -> None:
    http = fleet.integration(fleet.process(), deadline=time.monotonic() + 5).http
    for _ in range(2):
        http.get(fleet.url)
    with pytest.raises(RateLimited):
        http.get(fleet.url)
    assert fleet.waits == []


def test_a_token_request_counts_too(fleet: Fleet, partner: Any) -> None:
    partner.says({"access_token": "made-up-token", "expires_in": 3600})
    grant = TokenGrant(f"{partner.url}/token", lambda: {"grant_type": "client_credentials"}, BasicAuth("me", "pw"))
    http = fleet.integration(fleet.process()).http
    http.get(fleet.url, auth=grant)
    http.get(fleet.url, auth=grant)
    assert len(fleet.waits) == 1


def test_a_try_again_counts_too(fleet: Fleet, partner: Any) -> None:
    partner.says(status=500, times=2)
    fleet.integration(fleet.process()).http.get(fleet.url)
    assert len([wait for wait in fleet.waits if wait > 5]) == 1


def test_other_accounts_have_budgets_of_their_own(fleet: Fleet) -> None:
    process = fleet.process()
    for account in ("one", "two", "three"):
        fleet.integration(process, "account", rate=(1, 3600), account=(account,)).http.get(fleet.url)
    with pytest.raises(RateLimited, match="the budget of this account"):
        fleet.integration(process, "account", rate=(1, 3600), account=("two",)).http.get(fleet.url)


def test_what_tells_an_account_is_not_written_down(fleet: Fleet) -> None:
    fleet.integration(fleet.process(), "account", account=("s3cret-client",)).http.get(fleet.url)
    fleet.integration(fleet.process(), "tenant").http.get(fleet.url)
    fleet.close()
    written = (fleet.folder / "mkt.db.pace").read_bytes()
    assert b"account" in written
    assert b"s3cret-client" not in written
    assert b"north" not in written


@pytest.mark.parametrize(("hint", "seconds"), [("7200", 7200), ("120", 120)])
def test_a_429_holds_all_who_share_the_budget(fleet: Fleet, partner: Any, hint: str, seconds: int) -> None:
    partner.says(status=429, retry_after=hint)
    here, there = fleet.process(), fleet.process()
    with pytest.raises(RateLimited):
        fleet.integration(here, rate=(100, 1)).http.get(fleet.url)
    for process in (here, there):
        with pytest.raises(RateLimited, match="the partner asked all that share the budget of this host") as raised:
            fleet.integration(process, rate=(100, 1)).http.get(fleet.url)
        assert raised.value.retry_at == NOW + timedelta(seconds=seconds)
        assert (raised.value.actor, raised.value.code) == ("partner", "rate_limit.held")
    assert len(partner.requests) == 1
    fleet.passed += seconds
    fleet.integration(there, rate=(100, 1)).http.get(fleet.url)


def test_a_short_hold_is_waited_for(fleet: Fleet, partner: Any) -> None:
    partner.says(status=429, retry_after="20")
    one = fleet.integration(fleet.process(), rate=(100, 1)).http
    with pytest.raises(RateLimited):
        one.request("POST", fleet.url)
    fleet.integration(fleet.process(), rate=(100, 1)).http.get(fleet.url)
    assert fleet.waits == [20]


def test_a_hold_that_comes_while_others_wait_for_their_place_holds_them_too(fleet: Fleet, partner: Any) -> None:
    host = Budget("host", partner.url.removeprefix("http://"))

    def wait(seconds: float) -> None:
        with closing(SqliteBudgets(fleet.folder / "mkt.db", fleet.now, lambda: fleet.passed)) as elsewhere:
            elsewhere.hold(host, NOW + timedelta(hours=1))
        fleet.wait(seconds)

    http = fleet.integration(fleet.process(wait=wait), rate=(1, 10)).http
    http.get(fleet.url)
    with pytest.raises(RateLimited, match="asked all that share"):
        http.get(fleet.url)
    assert len(partner.requests) == 1


def test_a_503_holds_nobody_else(fleet: Fleet, partner: Any) -> None:
    partner.says(status=503, retry_after="7200")
    process = fleet.process()
    with pytest.raises(TransientError) as raised:
        fleet.integration(process).http.get(fleet.url)
    assert raised.value.retry_at == NOW + timedelta(hours=2)
    fleet.integration(process).http.get(fleet.url)


def test_a_limit_that_only_the_connector_can_read_holds_all_too(fleet: Fleet, partner: Any) -> None:
    """Salesforce says 403 REQUEST_LIMIT_EXCEEDED where others say 429."""
    partner.says([{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], status=403)
    later = NOW + timedelta(hours=5)
    process = fleet.process()
    for _ in range(2):
        with pytest.raises(RateLimited) as raised:
            fleet.integration(process, "account", rate=(100, 1)).http.get(
                fleet.url, explain=lambda _: RateLimited("the day's requests are spent", retry_at=later)
            )
        assert raised.value.retry_at == later
    assert len(partner.requests) == 1


@pytest.mark.parametrize(
    ("hint", "days"), [("604800", "7"), (str(10**40), "366"), (format_datetime(NOW.replace(year=9999)), "366")]
)
def test_an_absurdly_long_wait_is_said_and_cut_to_a_day(fleet: Fleet, partner: Any, hint: str, days: str) -> None:
    partner.says(status=429, retry_after=hint)
    process = fleet.process()
    with pytest.raises(RateLimited, match=rf"a wait of {days} days, and is asked again after 24 h") as raised:
        fleet.integration(process).http.get(fleet.url)
    assert raised.value.retry_at == NOW + timedelta(hours=24)
    with pytest.raises(RateLimited) as raised:
        fleet.integration(process).http.get(fleet.url)
    assert raised.value.retry_at == NOW + timedelta(hours=24)
    fleet.passed += 86400
    fleet.integration(process).http.get(fleet.url)


def test_a_stop_ends_the_wait_for_a_place(fleet: Fleet, partner: Any) -> None:
    stop = threading.Event()
    http = fleet.integration(fleet.process(stop=stop, wait=None), rate=(1, 60)).http
    http.get(fleet.url)
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    with pytest.raises(Interrupted):
        http.get(fleet.url)
    timer.join()
    assert len(partner.requests) == 1


def test_threads_share_the_places_of_their_process(fleet: Fleet, partner: Any) -> None:
    process = fleet.process(wait=None, now=lambda: datetime.now(UTC))
    assert process._pace is not None
    process._pace._monotonic = time.monotonic
    process._pace._budgets._monotonic = time.monotonic  # type: ignore[attr-defined]
    started = time.monotonic()

    def call() -> None:
        fleet.integration(process, rate=(10, 0.5)).http.get(fleet.url)

    threads = [threading.Thread(target=call) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(partner.requests) == 30
    assert 1.0 <= time.monotonic() - started < 10


def test_a_budget_that_never_bites_asks_the_store_now_and_then(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    reserve = SqliteBudgets.reserve

    def counted(self: SqliteBudgets, *given: Any, **named: Any) -> Any:
        asked.append(1)
        return reserve(self, *given, **named)

    monkeypatch.setattr(SqliteBudgets, "reserve", counted)
    http = fleet.integration(fleet.process(), rate=(10_000, 1)).http
    for _ in range(300):
        http.get(fleet.url)
    assert len(asked) == 3


def test_an_error_that_the_connector_calls_permanent_is_neither_tried_again_nor_held(
    fleet: Fleet, partner: Any
) -> None:
    partner.says(status=429, retry_after="3600")
    process = fleet.process()
    with pytest.raises(PartnerError):
        fleet.integration(process).http.get(fleet.url, explain=lambda _: PartnerError("blocked for good"))
    fleet.integration(process).http.get(fleet.url)
    assert len(partner.requests) == 2


def test_a_store_that_fails_is_our_error(fleet: Fleet) -> None:
    http = fleet.integration(fleet.process()).http
    fleet._opened[0].close()
    with pytest.raises(StoreError):
        http.get(fleet.url)


def test_the_credentials_are_put_together_anew_for_each_try(fleet: Fleet, partner: Any) -> None:
    partner.says({"access_token": "one-token", "expires_in": 1}).says(status=500)
    partner.says({"access_token": "two-token", "expires_in": 3600}).says()
    assertions: list[str] = []

    def form() -> dict[str, str]:
        assertions.append(f"assertion-{len(assertions)}")
        return {"assertion": assertions[-1]}

    http = fleet.integration(fleet.process(), rate=(2, 10)).http
    http.get(fleet.url, auth=TokenGrant(f"{partner.url}/token", form))
    sent = [r.headers.get("authorization", r.form.get("assertion")) for r in partner.requests]
    assert sent == ["assertion-0", "Bearer one-token", "assertion-1", "Bearer two-token"]
