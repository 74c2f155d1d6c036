"""Launches by a platform that somebody else wrote, and what the ledger and the page say of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.test_platform import CLIENT_ID, IndependentPlatform
from mkt.contract import WebhookResponse
from mkt.testing.workbench import Workbench

ISSUER = "https://lms.example.edu"
Claims = dict[str, Any]


@dataclass
class Walk:
    """One browser between the platform and us."""

    partner: IndependentPlatform
    bench: Workbench
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, fields: Mapping[str, str], cookies: str | None = None) -> WebhookResponse:
        query, body = (fields, b"") if method == "GET" else ({}, urlencode(fields).encode())
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items()) if cookies is None else cookies
        answer = self.bench.deliver(method, path, query=query, body=body, headers={"cookie": jar})
        if "Set-Cookie" in answer.headers:
            name, value = answer.headers["Set-Cookie"].partition(";")[0].split("=", 1)
            self.cookies[name] = value
        return answer

    def login(self, method: str = "GET", **others: str) -> dict[str, str]:
        """Begin a login and return our authentication request."""
        asked = dict(parse_qsl(urlsplit(self.partner.login_url()).query))
        answer = self.ask(method, "login", {**asked, **others})
        assert answer.status == 302, answer.body
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    def launch(self, *, deep_linking: bool = False) -> WebhookResponse:
        form = self.partner.launch(self.login(), deep_linking=deep_linking)
        return self.ask("POST", "launch", form)

    def message(self, *, deep_linking: bool = False) -> tuple[Claims, dict[str, str]]:
        """Begin a login and return the claims that the platform answers by, and its form."""
        form = dict(self.partner.launch(self.login(), deep_linking=deep_linking))
        return jwt.decode(form["id_token"], options={"verify_signature": False}), form

    def send(self, claims: Mapping[str, Any], form: Mapping[str, str], **header: Any) -> WebhookResponse:
        """Launch with these claims, signed by the platform."""
        token = sign(self.partner, claims, **header)
        return self.ask("POST", "launch", {**form, "id_token": token})


def sign(
    partner: IndependentPlatform, claims: Mapping[str, Any], key: RSAPrivateKey | None = None, **header: Any
) -> str:
    headers = {"typ": "JWT", "kid": partner.platform.get_registration().get_kid(), **header}
    payload = json.dumps(dict(claims)).encode()  # PyJWT itself would not write some of what is tried here
    return jwt.PyJWS().encode(payload, key or partner.own, algorithm="RS256", headers=headers)


def reason(answer: WebhookResponse) -> str:
    return (answer.refusal or {}).get("reason", "accepted")


@contextmanager
def walking(folder: Path) -> Iterator[Walk]:
    """Open a browser at a platform whose courses nobody knows yet."""
    with IndependentPlatform() as partner, Workbench(folder, partner) as bench:
        bench.configure({**bench.configuration.settings, "memberships_urls": [], "tool_url": None})
        yield Walk(partner, bench)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with walking(tmp_path) as walk:
        yield walk


def test_a_launch_makes_the_course_known_and_its_members_are_synced_from_then_on(walk: Walk) -> None:
    answer = walk.launch()
    assert (answer.status, reason(answer)) == (200, "accepted")
    assert "The course is connected" in answer.body.decode()
    assert walk.bench.sync().outcome == "ok"
    assert walk.bench.records()["people"] == walk.partner.expected()["people"]


def test_a_launch_of_something_that_was_offered_leads_there(walk: Walk) -> None:
    url = "https://learn.example.com/courses/17"
    item = {"type": "ltiResourceLink", "title": "Fire safety", "url": url}
    walk.bench.configure({**walk.bench.configuration.settings, "content": [item]})
    walk.partner.platform.get_registration().set_launch_url(url)
    answer = walk.launch()
    assert (answer.status, answer.headers["Location"]) == (303, url)


def test_the_cookie_of_a_login_goes_when_it_is_over(walk: Walk) -> None:
    assert "Max-Age=0" in walk.launch().headers["Set-Cookie"]


ACCEPTED: Mapping[str, Callable[[Claims], object]] = {
    "no roles at all": lambda m: m.update({c.ROLES: []}),
    "a short role": lambda m: m.update({c.ROLES: ["Learner"]}),
    "an unknown role": lambda m: m.update({c.ROLES: ["https://example.com/role"]}),
    "no names": lambda m: m.pop("name"),
    "no course": lambda m: m.pop(c.CONTEXT),
    "no names and roles service": lambda m: m.pop(c.NAMES_AND_ROLES),
    "an audience in a list": lambda m: m.update(aud=[CLIENT_ID]),
    "no azp": lambda m: m.pop("azp"),
    "a clock that is 50 s ahead": lambda m: m.update(iat=m["iat"] + 50),
    "a clock that is 50 s behind": lambda m: m.update(iat=m["iat"] - 110, exp=m["iat"] - 50),
    "claims that nobody knows": lambda m: m.update({"https://example.com/claim": {"a": 1}}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_unusual_launch_is_accepted(walk: Walk, name: str) -> None:
    claims, form = walk.message()
    ACCEPTED[name](claims)
    assert reason(walk.send(claims, form)) == "accepted"


def test_the_ledger_says_what_was_expected_and_the_page_only_what_was_received(walk: Walk) -> None:
    claims, form = walk.message()
    answer = walk.send({**claims, "aud": "<script>10000000000043</script>", "azp": None}, form)
    assert answer.refusal is not None
    assert answer.refusal["client id expected"] == CLIENT_ID
    assert answer.refusal["client id received"] == "<script>10000000000043</script>"
    assert answer.refusal["issuer expected"] == answer.refusal["issuer received"] == ISSUER
    assert answer.refusal["key id received"] in answer.refusal["key id expected"]
    assert answer.refusal["clock difference received"] in {"+0 s", "-1 s", "-0 s"}
    page = answer.body.decode()
    assert CLIENT_ID not in page
    assert "&lt;script&gt;10000000000043" in page
    assert "<script>1000" not in page
    assert "Person 0" not in str(answer.refusal), "nothing personal"


def test_a_refusal_names_the_delivery(walk: Walk) -> None:
    answer = walk.ask("POST", "launch", {})
    assert "<dt>reference</dt><dd>0" in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "launch", 405, "lti.method"),
        ("GET", "elsewhere", 404, "lti.path"),
        ("GET", "", 404, "lti.path"),
        ("DELETE", "jwks.json", 405, "lti.method"),
        ("GET", "register", 404, "lti.path"),
    ],
)
def test_other_pages_are_refused(walk: Walk, method: str, path: str, status: int, expected: str) -> None:
    answer = walk.ask(method, path, {})
    assert (answer.status, reason(answer)) == (status, expected)


def test_a_page_may_be_shown_by_the_platform_alone(walk: Walk) -> None:
    policy = walk.launch().headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {walk.partner.url} https://lms.example.edu https://*.lms.example.edu" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
