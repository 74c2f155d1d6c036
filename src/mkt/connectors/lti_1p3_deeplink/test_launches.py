"""Launches by a platform that somebody else wrote, honest ones and all the tampered ones."""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.test_platform import CLIENT_ID, IndependentPlatform
from mkt.contract import WebhookResponse
from mkt.simulation import Fault, faults
from mkt.testing.workbench import ROOT, Workbench

OTHER_KEY = generate_private_key(public_exponent=65537, key_size=2048)
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


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with IndependentPlatform() as partner, Workbench(tmp_path, partner) as bench:
        bench.configure({**bench.configuration.settings, "memberships_urls": [], "tool_url": None})
        yield Walk(partner, bench)


# the login


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


# honest launches


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


# tampered launches: each its own reason

TAMPERED: Mapping[str, tuple[Callable[[Claims], object], str]] = {
    "another issuer": (lambda m: m.update(iss=f"{ISSUER}/"), "lti.iss"),
    "no issuer": (lambda m: m.pop("iss"), "lti.iss"),
    "another audience": (lambda m: m.update(aud="another"), "lti.aud"),
    "no audience": (lambda m: m.pop("aud"), "lti.aud"),
    "an audience besides": (lambda m: m.update(aud=[CLIENT_ID, "another"]), "lti.aud"),
    "another party": (lambda m: m.update(azp="another"), "lti.azp"),
    "ended": (lambda m: m.update(exp=m["iat"] - 70), "lti.exp"),
    "no end": (lambda m: m.pop("exp"), "lti.times"),
    "an end in words": (lambda m: m.update(exp="tomorrow"), "lti.times"),
    "no beginning": (lambda m: m.pop("iat"), "lti.times"),
    "of the future": (lambda m: m.update(iat=m["iat"] + 120), "lti.iat"),
    "long before the login": (lambda m: m.update(iat=m["iat"] - 3600), "lti.iat"),
    "another nonce": (lambda m: m.update(nonce="another"), "lti.nonce"),
    "no nonce": (lambda m: m.pop("nonce"), "lti.nonce"),
    "version 1.1": (lambda m: m.update({c.VERSION: "1.1"}), "lti.version"),
    "no version": (lambda m: m.pop(c.VERSION), "lti.version"),
    "another message": (lambda m: m.update({c.MESSAGE_TYPE: "LtiSubmissionReviewRequest"}), "lti.message_type"),
    "no message": (lambda m: m.pop(c.MESSAGE_TYPE), "lti.message_type"),
    "another target": (lambda m: m.update({c.TARGET: "https://evil.example/"}), "lti.target_link_uri"),
    "no target": (lambda m: m.pop(c.TARGET), "lti.target_link_uri"),
    "another deployment": (lambda m: m.update({c.DEPLOYMENT: "2"}), "lti.deployment"),
    "no deployment": (lambda m: m.pop(c.DEPLOYMENT), "lti.deployment"),
    "a deployment that is a number": (lambda m: m.update({c.DEPLOYMENT: 1}), "lti.deployment"),
    "no roles": (lambda m: m.pop(c.ROLES), "lti.roles"),
    "nobody": (lambda m: m.pop("sub"), "lti.sub"),
    "somebody too long": (lambda m: m.update(sub="7" * 256), "lti.sub"),
    "no resource link": (lambda m: m.pop(c.RESOURCE_LINK), "lti.resource_link"),
    "a resource link without id": (lambda m: m.update({c.RESOURCE_LINK: {}}), "lti.resource_link"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_launch_is_refused_for_what_is_wrong_with_it(walk: Walk, name: str) -> None:
    change, expected = TAMPERED[name]
    claims, form = walk.message()
    change(claims)
    answer = walk.send(claims, form)
    assert (answer.status, reason(answer)) == (401, expected)
    walk.bench.sync()
    assert walk.bench.records() == {}, "the course did not become known"


def test_a_message_signed_by_another_key_is_refused(walk: Walk) -> None:
    claims, form = walk.message()
    forged = sign(walk.partner, claims, OTHER_KEY)
    assert reason(walk.ask("POST", "launch", {**form, "id_token": forged})) == "lti.signature"


def test_a_message_that_was_changed_after_it_was_signed_is_refused(walk: Walk) -> None:
    claims, form = walk.message()
    header, _, signature = form["id_token"].split(".")
    changed = jwt.encode({**claims, "sub": "1"}, OTHER_KEY, algorithm="RS256").split(".")[1]
    form["id_token"] = f"{header}.{changed}.{signature}"
    assert reason(walk.ask("POST", "launch", form)) == "lti.signature"


def test_a_message_without_a_signature_is_refused(walk: Walk) -> None:
    claims, form = walk.message()
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "platform-1"})
    assert reason(walk.ask("POST", "launch", {**form, "id_token": unsigned})) == "lti.alg"


def test_the_platforms_public_key_is_no_shared_secret(walk: Walk) -> None:
    claims, form = walk.message()
    public = walk.partner.own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": walk.partner.platform.get_registration().get_kid()}
    parts = [jwt.utils.base64url_encode(json.dumps(part).encode()) for part in (header, claims)]
    made = hmac.digest(public, b".".join(parts), "sha256")
    form["id_token"] = b".".join([*parts, jwt.utils.base64url_encode(made)]).decode()
    assert reason(walk.ask("POST", "launch", form)) == "lti.alg"


@pytest.mark.parametrize(("kid", "expected"), [("another", "lti.kid"), ("", "lti.kid_missing")])
def test_a_message_by_an_unknown_key_is_refused(walk: Walk, kid: str, expected: str) -> None:
    claims, form = walk.message()
    assert reason(walk.send(claims, form, kid=kid)) == expected


def test_a_message_that_names_no_key_is_refused(walk: Walk) -> None:
    claims, form = walk.message()
    form["id_token"] = jwt.encode(claims, walk.partner.own, algorithm="RS256")
    assert reason(walk.ask("POST", "launch", form)) == "lti.kid_missing"


def test_keys_that_the_message_itself_brings_along_are_not_trusted(walk: Walk) -> None:
    claims, form = walk.message()
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_KEY.public_key(), as_dict=True)
    token = sign(walk.partner, claims, OTHER_KEY, jwk=jwk, jku="https://evil.example/jwks", kid="mine")
    assert reason(walk.ask("POST", "launch", {**form, "id_token": token})) == "lti.kid"


# state, nonce and browser


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


# the platform's keys


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


# what the ledger and the page say


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
