"""How a launch begins: the login, its state and nonce, and the browser that they are bound to."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from mkt.connectors.lti_1p3_deeplink.test_launches import Walk, reason, walking
from mkt.connectors.lti_1p3_deeplink.test_platform import CLIENT_ID
from mkt.testing.workbench import ROOT


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with walking(tmp_path) as walk:
        yield walk


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_login_goes_back_to_the_platform_with_all_that_the_specification_asks(walk: Walk, method: str) -> None:
    first = walk.login(method)
    second = walk.login(method)
    fixed = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": CLIENT_ID,
        "redirect_uri": f"{ROOT}/launch",
        "login_hint": "user-7",
        "lti_message_hint": '{"cmid": 17, "launchid": "a b+c"}',
    }
    assert first == {**fixed, "state": first["state"], "nonce": first["nonce"]}
    assert len({first["state"], first["nonce"], second["state"], second["nonce"]}) == 4


def test_the_cookie_comes_back_in_a_frame_and_in_no_plain_request(walk: Walk) -> None:
    asked = dict(parse_qsl(urlsplit(walk.partner.login_url()).query))
    cookie = walk.ask("GET", "login", asked).headers["Set-Cookie"]
    assert cookie.startswith("__Secure-lti-")
    for flag in ("Secure", "HttpOnly", "SameSite=None", "Partitioned", "Max-Age=600", "Path=/hooks/northwind/roster"):
        assert f"; {flag}" in cookie


def test_the_query_of_the_authentication_address_stays(walk: Walk) -> None:
    url = f"{walk.partner.url}/authorize?tenant=a%20b"
    walk.bench.configure({**walk.bench.configuration.settings, "auth_url": url})
    assert walk.login()["tenant"] == "a b"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"iss": "https://elsewhere.example"}, "lti.iss"),
        ({"iss": ""}, "lti.login_parameter"),
        ({"login_hint": ""}, "lti.login_parameter"),
        ({"target_link_uri": ""}, "lti.login_parameter"),
        ({"client_id": "another"}, "lti.client_id"),
        ({"lti_deployment_id": "2"}, "lti.deployment"),
    ],
)
def test_a_login_that_is_not_for_us_is_refused(walk: Walk, changed: dict[str, str], expected: str) -> None:
    asked = dict(parse_qsl(urlsplit(walk.partner.login_url()).query))
    answer = walk.ask("GET", "login", {**asked, **changed})
    assert (answer.status, reason(answer)) == (400, expected)
    assert "Location" not in answer.headers


def test_a_launch_is_good_once(walk: Walk) -> None:
    form = walk.partner.launch(walk.login())
    cookies = dict(walk.cookies)
    assert reason(walk.ask("POST", "launch", form)) == "accepted"
    walk.cookies = cookies
    assert reason(walk.ask("POST", "launch", form)) == "lti.state"


def test_an_old_message_does_not_answer_a_new_login(walk: Walk) -> None:
    old = walk.partner.launch(walk.login())
    assert reason(walk.ask("POST", "launch", {**old, "state": walk.login()["state"]})) == "lti.nonce"


def test_a_launch_without_a_state_is_refused(walk: Walk) -> None:
    form = {**walk.partner.launch(walk.login()), "state": ""}
    assert reason(walk.ask("POST", "launch", form)) == "lti.state_missing"


def test_a_state_that_is_not_ours_is_refused(walk: Walk) -> None:
    walk.login()
    assert reason(walk.ask("POST", "launch", {"state": "made-up", "id_token": "a.b.c"})) == "lti.cookie"


def test_a_launch_in_another_browser_is_refused_and_says_what_to_do(walk: Walk) -> None:
    form = walk.partner.launch(walk.login())
    answer = walk.ask("POST", "launch", form, cookies="")
    assert reason(answer) == "lti.cookie"
    assert "new window" in answer.body.decode()
    name = next(iter(walk.cookies))
    assert reason(walk.ask("POST", "launch", form, cookies=f"{name}=another")) == "lti.state_foreign"


def test_a_login_ends_after_ten_minutes(walk: Walk) -> None:
    form = walk.partner.launch(walk.login())
    walk.bench.ahead = timedelta(minutes=11)
    assert reason(walk.ask("POST", "launch", form)) == "lti.state"


def test_what_the_platform_says_instead_of_a_launch_is_shown(walk: Walk) -> None:
    error = {"state": walk.login()["state"], "error": "launch_no_longer_valid", "error_description": "<b>late</b>"}
    answer = walk.ask("POST", "launch", error)
    assert reason(answer) == "lti.platform_error"
    assert "launch_no_longer_valid" in answer.body.decode()
    assert "<b>late" not in answer.body.decode()
