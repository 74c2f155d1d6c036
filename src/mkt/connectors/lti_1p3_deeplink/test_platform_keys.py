"""The platform's public keys: read seldom, found when they are new, and good for a day when they cannot be read."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mkt.connectors.lti_1p3_deeplink.test_launches import Walk, reason, walking
from mkt.simulation import Fault, faults


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with walking(tmp_path) as walk:
        yield walk


def _reads(walk: Walk) -> int:
    return sum(request.path == "/jwks" for request in walk.partner.requests)


def test_the_platforms_keys_are_read_once_for_many_launches(walk: Walk) -> None:
    walk.launch()
    walk.launch()
    assert _reads(walk) == 1


def test_a_new_key_of_the_platform_is_found_and_a_made_up_one_asked_for_once_a_minute(walk: Walk) -> None:
    walk.launch()
    for _ in range(3):
        claims, form = walk.message()
        assert reason(walk.send(claims, form, kid="made-up")) == "lti.kid"
    assert _reads(walk) == 1
    walk.bench.ahead = timedelta(seconds=61)
    for _ in range(3):
        claims, form = walk.message()
        assert reason(walk.send({**claims, "iat": claims["iat"] + 61}, form, kid="made-up")) == "lti.kid"
    assert _reads(walk) == 2


def test_keys_that_cannot_be_read_are_our_problem_not_the_persons(walk: Walk) -> None:
    walk.partner.inject(faults.status(503), path="/jwks", times=None)
    answer = walk.launch()
    assert (answer.status, reason(answer)) == (503, "http.503")
    assert "Try again" in answer.body.decode()
    assert walk.partner.url not in answer.body.decode(), "the page names no address of the configuration"


@pytest.mark.parametrize("fault", [faults.html(), faults.status(404), faults.status(503)])
def test_keys_that_cannot_be_read_again_are_used_for_a_day(walk: Walk, fault: Fault) -> None:
    walk.launch()
    walk.partner.inject(fault, path="/jwks", times=None)
    for hours, accepted in ((2, True), (25, False)):
        walk.bench.ahead = timedelta(hours=hours)
        claims, form = walk.message()
        times = {name: claims[name] + hours * 3600 for name in ("iat", "exp")}
        assert (reason(walk.send({**claims, **times}, form)) == "accepted") == accepted
