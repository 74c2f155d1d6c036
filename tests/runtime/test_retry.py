import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mkt.contract import ConnectorError
from mkt.errors import Interrupted, PartnerError, RateLimited, TransientError
from mkt.runtime.limits import Limits
from mkt.runtime.retry import limit_deferral, retry_at

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_get_is_tried_again(bench: Any, partner: Any, status: int) -> None:
    partner.says(status=status, times=2).says({"n": 1})
    assert bench.runtime().http.get(partner.url).json() == {"n": 1}
    assert len(partner.requests) == 3


def test_the_waits_grow_and_are_bounded(bench: Any, partner: Any) -> None:
    partner.says(status=500, times=4)
    with pytest.raises(TransientError):
        bench.runtime().http.get(partner.url)
    assert len(bench.waits) == 3
    assert all(0 <= wait <= most for wait, most in zip(bench.waits, (0.5, 1, 2), strict=True))


def test_the_last_error_says_how_often_it_was_tried(bench: Any, partner: Any) -> None:
    partner.says(status=500, times=9)
    with pytest.raises(TransientError, match=r"\(4 tries in \d s\)") as raised:
        bench.runtime().http.get(partner.url)
    assert str(raised.value) == raised.value.message
    assert len(partner.requests) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_permanent_error_is_not_tried_again(bench: Any, partner: Any, status: int) -> None:
    partner.says(status=status)
    with pytest.raises(ConnectorError) as raised:
        bench.runtime().http.get(partner.url)
    assert "tries" not in raised.value.message
    assert len(partner.requests) == 1


def test_what_is_not_safe_is_tried_once(bench: Any, partner: Any) -> None:
    partner.says(status=503)
    with pytest.raises(TransientError):
        bench.runtime().http.request("POST", partner.url, json={})
    assert len(partner.requests) == 1


def test_what_the_caller_calls_idempotent_is_tried_again(bench: Any, partner: Any) -> None:
    partner.says(status=503).says()
    bench.runtime().http.request("POST", partner.url, json={}, idempotent=True)
    assert len(partner.requests) == 2


def test_a_get_that_is_not_idempotent_is_tried_once(bench: Any, partner: Any) -> None:
    partner.says(status=503)
    with pytest.raises(TransientError):
        bench.runtime().http.request("GET", partner.url, idempotent=False)
    assert len(partner.requests) == 1


def test_a_truncated_body_is_tried_again(bench: Any, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{").says({"n": 1})
    assert bench.runtime().http.get(partner.url).json() == {"n": 1}


def test_a_reset_connection_is_tried_again(bench: Any, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 200 OK\r\n", reset=True).says({"n": 1})
    assert bench.runtime().http.get(partner.url).json() == {"n": 1}


def test_an_answer_that_does_not_come_is_tried_again(bench: Any, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=30).says({"n": 1})
    assert bench.runtime(limits=Limits(read=0.1)).http.get(partner.url).json() == {"n": 1}


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_hint_is_waited_for(bench: Any, partner: Any, status: int) -> None:
    partner.says(status=status, retry_after="17").says()
    bench.runtime().http.get(partner.url)
    assert len(bench.waits) == 1
    assert 17 <= bench.waits[0] <= 18


def test_a_hint_may_be_a_date(bench: Any, partner: Any) -> None:
    bench.now = datetime.now(UTC)  # the server's clock, which it says in `Date`
    partner.says(status=429, retry_after=format_datetime(bench.now + timedelta(seconds=20), usegmt=True)).says()
    bench.runtime().http.get(partner.url)
    assert 18 <= bench.waits[0] <= 21


@pytest.mark.parametrize("hint", ["0", "-5", "soon", "", "Sun, 22 Nov 2026 17:00:00 GMT", "nan", "inf", "1e99"])
def test_no_usable_hint_is_no_hint(bench: Any, partner: Any, hint: str) -> None:
    partner.says(status=429, retry_after=hint).says()
    bench.runtime().http.get(partner.url)
    assert bench.waits[0] <= 0.5


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, TransientError)])
def test_a_long_hint_is_passed_on_instead(bench: Any, partner: Any, status: int, kind: type[ConnectorError]) -> None:
    partner.says(status=status, retry_after="3600")
    with pytest.raises(kind) as raised:
        bench.runtime().http.get(partner.url)
    assert raised.value.retry_at == NOW + timedelta(hours=1)
    assert bench.waits == []


def test_what_is_not_tried_again_passes_the_hint_on(bench: Any, partner: Any) -> None:
    partner.says(status=429, retry_after="5")
    with pytest.raises(RateLimited) as raised:
        bench.runtime().http.request("POST", partner.url)
    assert raised.value.retry_at == NOW + timedelta(seconds=5)


def test_an_explained_error_gets_the_hint_too(bench: Any, partner: Any) -> None:
    partner.says(status=400, retry_after="3600")
    with pytest.raises(RateLimited) as raised:
        bench.runtime().http.get(partner.url, explain=lambda _: RateLimited("daily limit"))
    assert raised.value.retry_at == NOW + timedelta(hours=1)


def test_a_hint_that_does_not_fit_into_the_run_is_not_waited_for(bench: Any, partner: Any) -> None:
    partner.says(status=429, retry_after="40")
    with pytest.raises(RateLimited):
        bench.runtime(deadline=time.monotonic() + 30).http.get(partner.url)
    assert bench.waits == []


def test_a_stop_ends_the_wait(bench: Any, partner: Any) -> None:
    stop = threading.Event()
    partner.says(status=500)

    def wait(_: float) -> None:
        stop.set()

    with pytest.raises(Interrupted):
        bench.runtime(stop=stop, wait=wait).http.get(partner.url)
    assert len(partner.requests) == 1


def test_a_real_wait_ends_with_the_stop(bench: Any, partner: Any) -> None:
    stop = threading.Event()
    partner.says(status=429, retry_after="50")
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    with pytest.raises(Interrupted):
        bench.runtime(stop=stop, wait=None).http.get(partner.url)
    timer.join()


def test_a_run_that_is_to_stop_calls_nobody(bench: Any, partner: Any) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        bench.runtime(stop=stop).http.get(partner.url)
    assert partner.requests == []


def test_a_broken_json_is_not_tried_again(bench: Any, partner: Any) -> None:
    partner.says(b'{"people": [')
    with pytest.raises(PartnerError):
        bench.runtime().http.get(partner.url).json()
    assert len(partner.requests) == 1


@given(st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(format_datetime))
def test_a_hint_is_later_than_now_or_none(header: str) -> None:
    hint = retry_at(header, NOW)
    assert hint is None or hint > NOW


@given(st.integers(min_value=1, max_value=10_000_000))
def test_seconds_are_seconds(seconds: int) -> None:
    assert retry_at(str(seconds), NOW) == NOW + timedelta(seconds=seconds)


@given(st.integers(min_value=1, max_value=80_000), st.integers(min_value=-864_000, max_value=864_000))
def test_a_date_is_a_time_of_the_partners_clock_however_wrong_that_is(seconds: int, off: int) -> None:
    theirs = NOW + timedelta(seconds=off)
    hint = format_datetime(theirs + timedelta(seconds=seconds), usegmt=True)
    assert retry_at(hint, NOW, format_datetime(theirs, usegmt=True)) == NOW + timedelta(seconds=seconds)


@given(st.integers(max_value=0, min_value=-864_000), st.integers(min_value=-864_000, max_value=864_000))
def test_a_date_that_is_past_by_the_partners_clock_is_no_hint(seconds: int, off: int) -> None:
    theirs = NOW + timedelta(seconds=off)
    hint = format_datetime(theirs + timedelta(seconds=seconds), usegmt=True)
    assert retry_at(hint, NOW, format_datetime(theirs, usegmt=True)) is None


@given(st.text(max_size=40))
def test_a_date_of_the_answer_that_is_none_leaves_our_own_clock(date: str) -> None:
    assume(_is_no_date(date))
    assert retry_at("Sun, 22 Nov 2026 18:00:30 GMT", NOW, date) == NOW + timedelta(seconds=30)


def _is_no_date(text: str) -> bool:
    try:
        parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return True
    return False


@given(st.integers(min_value=1) | st.datetimes(min_value=datetime(2027, 12, 1)))  # noqa: DTZ001 - hypothesis wants it naive
def test_no_wait_is_longer_than_a_day_and_a_cut_one_is_said(hint: int | datetime) -> None:
    header = format_datetime(hint) if isinstance(hint, datetime) else str(hint)
    error = RateLimited("too fast", retry_at=retry_at(header, NOW))
    assume(error.retry_at is not None)
    limit_deferral(error, NOW)
    assert error.retry_at is not None
    assert NOW < error.retry_at <= NOW + timedelta(hours=24)
    cut = not isinstance(hint, int) or hint > 86400
    assert ("asked again after 24 h" in error.message) == cut
    assert str(error) == error.message
