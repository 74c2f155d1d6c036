"""Dynamic registration: what the platform gets, what the operator gets, and what nobody gets by it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from mkt.connectors.lti_1p3_deeplink.access import SCOPE
from mkt.connectors.lti_1p3_deeplink.test_launches import Walk, reason
from mkt.connectors.lti_1p3_deeplink.test_platform import IndependentPlatform
from mkt.contract import WebhookResponse
from mkt.errors import Refused
from mkt.simulation import Reply, faults
from mkt.simulation.server import Server
from mkt.testing.workbench import ROOT, Workbench


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with IndependentPlatform() as partner, Workbench(tmp_path, partner) as bench:
        del bench.environ["LTI_CLIENT_ID"]  # nobody knows it before the registration
        bench.configure({**bench.configuration.settings, "tool_url": None, "tool_name": "Northwind Academy"})
        yield Walk(partner, bench)


def register(walk: Walk, path: str = "", **query: str) -> WebhookResponse:
    asked = {"openid_configuration": f"{walk.partner.url}/configuration", "registration_token": "once", **query}
    answer = walk.ask("GET", path or walk.bench.register_link(), asked)
    if answer.status != 303:
        return answer
    url = urlsplit(answer.headers["Location"].removeprefix(f"{ROOT}/"))
    return walk.ask("GET", url.path, dict(parse_qsl(url.query)))


def test_the_platform_gets_our_addresses_and_the_operator_its_answer(walk: Walk) -> None:
    assert reason(register(walk)) == "accepted"
    (said,) = walk.partner.registrations
    tool = said.pop("https://purl.imsglobal.org/spec/lti-tool-configuration")
    assert said == {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": f"{ROOT}/login",
        "redirect_uris": [f"{ROOT}/launch"],
        "client_name": "Northwind Academy",
        "jwks_uri": f"{ROOT}/jwks.json",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": SCOPE,
        "client_id": "northwind-9",
    }
    assert (tool["domain"], tool["target_link_uri"]) == ("mkt.example.com", f"{ROOT}/launch")
    assert [message["type"] for message in tool["messages"]] == ["LtiResourceLinkRequest", "LtiDeepLinkingRequest"]
    assert tool["messages"][1]["placements"] == ["ContentArea"]
    url = walk.partner.url
    assert walk.bench.registered() == {
        "platform": "custom",
        "lti_platform_url": url,
        "lti_client_id": "northwind-9",
        "deployment_ids": ["9"],
        "issuer": "https://lms.example.edu",
        "auth_url": f"{url}/authorize",
        "token_url": f"{url}/token",
        "jwks_url": f"{url}/jwks",
    }


def test_what_the_operator_writes_down_works(walk: Walk) -> None:
    register(walk)
    walk.bench.configure({**walk.bench.registered(), "memberships_urls": [f"{walk.partner.url}/members"]})
    walk.partner.platform.get_registration().set_client_id("northwind-9").set_deployment_id("9")
    assert reason(walk.launch()) == "accepted"
    assert walk.bench.sync().outcome == "ok"


def test_addresses_that_the_preset_gives_are_not_written_again(walk: Walk) -> None:
    url = walk.partner.url
    walk.partner.about = {
        "issuer": url,
        "authorization_endpoint": f"{url}/mod/lti/auth.php",
        "token_endpoint": f"{url}/mod/lti/token.php",
        "jwks_uri": f"{url}/mod/lti/certs.php",
        "https://purl.imsglobal.org/spec/lti-platform-configuration": {"product_family_code": "moodle"},
    }
    assert reason(register(walk)) == "accepted"
    assert walk.bench.registered() == {
        "platform": "moodle",
        "lti_platform_url": url,
        "lti_client_id": "northwind-9",
        "deployment_ids": ["9"],
    }


def test_a_token_audience_of_its_own_is_written_down(walk: Walk) -> None:
    walk.partner.about = {"authorization_server": "https://lms.example.edu/tokens"}
    register(walk)
    assert walk.bench.registered()["token_audience"] == "https://lms.example.edu/tokens"


# the link


def test_a_link_is_good_once(walk: Walk) -> None:
    path = walk.bench.register_link()
    assert reason(register(walk, path)) == "accepted"
    answer = register(walk, path)
    assert (answer.status, reason(answer)) == (410, "lti.register_link")
    assert len(walk.partner.registrations) == 1


def test_a_link_is_used_up_before_the_platform_is_asked(walk: Walk) -> None:
    """The answer that uses it up is stored first: whoever opened it at the same instant gets no further."""
    path = walk.bench.register_link()
    asked = {"openid_configuration": f"{walk.partner.url}/configuration", "registration_token": "once"}
    assert walk.ask("GET", path, asked).status == 303
    assert walk.partner.requests == []
    assert reason(walk.ask("GET", path, asked)) == "lti.register_link"


def test_the_way_on_is_open_for_a_minute(walk: Walk) -> None:
    asked = {"openid_configuration": f"{walk.partner.url}/configuration", "registration_token": "once"}
    url = urlsplit(walk.ask("GET", walk.bench.register_link(), asked).headers["Location"].removeprefix(f"{ROOT}/"))
    walk.bench.ahead = timedelta(seconds=61)
    assert reason(walk.ask("GET", url.path, dict(parse_qsl(url.query)))) == "lti.register_link"
    assert walk.partner.requests == []


def test_a_link_ends(walk: Walk) -> None:
    path = walk.bench.register_link()
    walk.bench.ahead = timedelta(minutes=61)
    assert reason(register(walk, path)) == "lti.register_link"
    assert walk.partner.requests == []


def test_a_made_up_link_makes_us_ask_nobody(walk: Walk) -> None:
    assert reason(register(walk, "register/made-up")) == "lti.register_link"
    assert walk.partner.requests == []


def test_opening_a_link_without_a_platform_does_not_use_it_up(walk: Walk) -> None:
    path = walk.bench.register_link()
    answer = walk.ask("GET", path, {})
    assert "its administrator enters it there" in answer.body.decode()
    assert reason(register(walk, path)) == "accepted"


def test_before_a_registration_there_is_nothing_to_show(walk: Walk) -> None:
    with pytest.raises(Refused, match="no platform has registered"):
        walk.bench.registered()


# what a stranger's address leads to


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/configuration",
        "http://localhost:1/configuration",
        "https://[::1]/configuration",
        "https://elsewhere.example/configuration",
        "https://user:secret@elsewhere.example/",
        "file:///etc/passwd",
        "//elsewhere.example",
        "nonsense",
    ],
)
def test_only_the_platforms_own_host_is_asked(walk: Walk, url: str) -> None:
    answer = register(walk, openid_configuration=url)
    assert reason(answer) in {"config.host_refused", "config.url"}
    assert "elsewhere" not in answer.body.decode()
    assert walk.partner.requests == []


def test_a_redirect_is_not_followed(walk: Walk) -> None:
    seen: list[str] = []

    def note(exchange: Any) -> None:
        seen.append(exchange.request.path)
        exchange.send(Reply())

    inside = Server(note)
    try:
        walk.partner.inject(faults.redirect(f"{inside.url}/secret"), path="/configuration", times=None)
        assert reason(register(walk)) != "accepted"
        assert seen == []
    finally:
        inside.close()


@pytest.mark.parametrize(
    ("about", "what"),
    [
        ({"issuer": "https://evil.example"}, "issuer is on another server"),
        ({"issuer": None}, "issuer is on another server"),
        ({"registration_endpoint": "https://evil.example/register"}, "registration endpoint is on another server"),
        ({"registration_endpoint": None}, "registration endpoint is on another server"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no usable auth_url"),
        ({"token_endpoint": "http://lms.example.edu/token"}, "no usable token_url"),
        ({"jwks_uri": None}, "no usable jwks_url"),
    ],
)
def test_a_configuration_that_does_not_hold_together_is_refused(walk: Walk, about: dict[str, Any], what: str) -> None:
    walk.partner.about = about
    answer = register(walk)
    assert (answer.status, reason(answer)) == (502, "lti.registration")
    assert answer.refusal is not None
    assert what in answer.refusal["message"]
    with pytest.raises(Refused):
        walk.bench.registered()


def test_a_platform_that_does_not_take_the_token_is_our_ledgers_to_tell(walk: Walk) -> None:
    answer = register(walk, registration_token="another")
    assert (answer.status, reason(answer)) == (502, "http.401")


@pytest.mark.parametrize("fault", [faults.html(), faults.cut_json(), faults.status(500)])
def test_a_platform_that_answers_nonsense_is_no_crash(walk: Walk, fault: Any) -> None:
    walk.partner.inject(fault, path="/configuration", times=None)
    assert register(walk).status >= 500
