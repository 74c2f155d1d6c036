import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

from mkt.connectors.lti_1p3_deeplink.keys import thumbprint
from mkt.connectors.lti_1p3_deeplink.simulator import LtiSimulator
from mkt.simulation import Exchange, Fault, Reply, faults
from mkt.simulation.server import Server
from mkt.testing.ladder import failure, outcomes, said
from mkt.testing.workbench import Workbench

STEPS = ("key", "endpoints", "platform_keys", "token", "own_keys", "courses", "members")
OTHER_KEY = generate_private_key(public_exponent=65537, key_size=2048)
TOKENS = r"/token|/login/oauth2"


@contextmanager
def platform(folder: Path, variant: str = "canvas", **settings: Any) -> Iterator[tuple[LtiSimulator, Workbench]]:
    with LtiSimulator() as partner, Workbench(folder, partner, variant) as bench:
        bench.configure({**bench.configuration.settings, **settings})
        yield partner, bench


@contextmanager
def tool(document: Any) -> Iterator[str]:
    """Serve our own JWKS, as the server does."""
    server = Server(lambda exchange: exchange.send(Reply.json(document)))
    try:
        yield f"{server.url}/hooks/northwind/roster"
    finally:
        server.close()


def published(partner: LtiSimulator, **others: Any) -> dict[str, Any]:
    jwk = RSAAlgorithm.to_jwk(partner.tool.public_key(), as_dict=True)
    return {"keys": [{**jwk, "kid": thumbprint(jwk), **others}]}


def answering(body: Any, status: int = 200) -> Fault:
    return faults.status(status, {"Content-Type": "application/json"}, json.dumps(body))


def instead(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Let the partner answer, and change the JSON of its answer."""

    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        exchange.send(Reply.json(change(json.loads(answer().body))))

    return fault


@pytest.mark.parametrize("variant", LtiSimulator.variants)
def test_each_platform_passes_and_each_step_shows_what_it_saw(tmp_path: Path, variant: str) -> None:
    with platform(tmp_path, variant) as (partner, bench):
        result = bench.verify()
        assert {s.step: s.outcome for s in result.steps if s.outcome != "pass"} == (
            {"own_keys": "skip", "members": "warn"} if variant == "custom" else {"own_keys": "skip"}
        )
        assert [s.step for s in result.steps] == list(STEPS)
        assert "RSA of 2048 bits" in result.steps[0].evidence
        assert f"token from {partner.url}" in result.steps[1].evidence
        assert "1 of 1 keys" in result.steps[2].evidence
        assert result.steps[3].evidence.count("contextmembership.readonly") == 2, "asked and granted"


def test_moodles_answer_as_text_html_is_a_token(tmp_path: Path) -> None:
    with platform(tmp_path, "moodle") as (_, bench):
        assert outcomes(bench)["token"] == "pass"


def test_names_without_e_mail_are_warned_of_with_where_to_release_them(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (_, bench):
        assert "releases no e-mail addresses" in said(bench, "members")
        assert "privacy" in said(bench, "members")


# our key


def test_a_key_that_is_none_ends_the_ladder_before_anything_is_sent(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.environ["LTI_PRIVATE_KEY"] = "something-else"
        assert failure(bench) == ("key", "lti.private_key", "us")
        assert partner.requests == []


def test_a_platform_url_that_is_none_is_named(tmp_path: Path) -> None:
    with platform(tmp_path) as (_, bench):
        bench.environ["LTI_PLATFORM_URL"] = "moodle.example.edu"
        assert failure(bench) == ("endpoints", "lti.platform_url", "us")


def test_our_published_key_is_compared_with_the_one_that_signs(tmp_path: Path) -> None:
    with LtiSimulator() as partner, tool(published(partner)) as root, Workbench(tmp_path, partner) as bench:
        bench.configure({**bench.configuration.settings, "tool_url": root})
        assert outcomes(bench)["own_keys"] == "pass"


@pytest.mark.parametrize(
    ("others", "what"),
    [({"kid": "another"}, "no key"), ({"n": RSAAlgorithm.to_jwk(OTHER_KEY, as_dict=True)["n"]}, "another key")],
)
def test_a_published_key_that_does_not_match_fails_although_a_token_is_granted(
    tmp_path: Path, others: dict[str, Any], what: str
) -> None:
    with LtiSimulator() as partner, tool(published(partner, **others)) as root, Workbench(tmp_path, partner) as bench:
        bench.configure({**bench.configuration.settings, "tool_url": root})
        assert failure(bench) == ("own_keys", "lti.own_key", "us")
        assert what in said(bench, "own_keys")
        assert outcomes(bench)["members"] == "pass", "the ladder goes on"


def test_our_own_keys_that_cannot_be_read_from_here_are_warned_of(tmp_path: Path) -> None:
    server = Server(lambda _exchange: None)
    server.close()
    with platform(tmp_path, tool_url=server.url) as (_, bench):
        assert outcomes(bench)["own_keys"] == "warn"
        assert "mkt serve" in said(bench, "own_keys")


# the platform's keys


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answering({"keys": []}), "lti.no_platform_key"),
        (answering({"keys": [{"kty": "EC", "kid": "1"}, "nonsense"]}), "lti.no_platform_key"),
        (answering([]), "lti.no_jwks"),
        (answering({"keys": None}), "lti.no_jwks"),
        (faults.html(), "partner.html"),
        (faults.status(404), "http.404"),
    ],
)
def test_a_platform_without_a_usable_key_is_named(tmp_path: Path, answer: Fault, code: str) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(answer, path="jwks", times=None)
        assert failure(bench)[:2] == ("platform_keys", code)


def test_a_platforms_key_without_a_kid_is_warned_of(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        nameless = instead(lambda body: {"keys": [{k: v for k, v in body["keys"][0].items() if k != "kid"}]})
        partner.inject(nameless, path="jwks", times=None)
        assert outcomes(bench)["platform_keys"] == "warn"


# the token


def test_each_token_request_is_a_new_assertion_with_the_claims_of_the_specification(tmp_path: Path) -> None:
    with platform(tmp_path, "moodle") as (partner, bench):
        bench.verify()
        bench.verify()
        forms = [r.form for r in partner.requests if r.path.endswith("/token.php")]
        first, second = (jwt.decode(f["client_assertion"], options={"verify_signature": False}) for f in forms)
        assert first["jti"] != second["jti"]
        assert first["iss"] == first["sub"] == bench.environ["LTI_CLIENT_ID"]
        assert first["aud"] == f"{partner.url}/mod/lti/token.php"
        assert first["exp"] - first["iat"] == 305
        assert first["https://purl.imsglobal.org/spec/lti/claim/deployment_id"] == "1"


def test_the_deployment_is_named_only_where_there_is_one(tmp_path: Path) -> None:
    with platform(tmp_path, deployment_ids=["1", "2"]) as (partner, bench):
        bench.verify()
        (form,) = [r.form for r in partner.requests if r.path.endswith("/token")]
        claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
        assert not [name for name in claims if name.endswith("deployment_id")]


def test_an_audience_with_a_slash_too_much_is_a_config_error(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.configure({**bench.configuration.settings, "token_audience": f"{partner.url}/login/oauth2/token/"})
        assert failure(bench) == ("token", "lti.token_audience", "us")
        assert "a slash at the end counts" in said(bench, "token")


@pytest.mark.parametrize("variant", LtiSimulator.variants)
def test_a_key_that_the_platform_does_not_know_is_named(tmp_path: Path, variant: str) -> None:
    with platform(tmp_path, variant) as (_, bench):
        pem = OTHER_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        bench.environ["LTI_PRIVATE_KEY"] = pem.decode()
        assert failure(bench) == ("token", "lti.key_unknown", "customer")


@pytest.mark.parametrize("variant", LtiSimulator.variants)
def test_a_client_id_that_the_platform_does_not_know_is_named(tmp_path: Path, variant: str) -> None:
    with platform(tmp_path, variant) as (_, bench):
        bench.environ["LTI_CLIENT_ID"] = "10000000000043"
        assert failure(bench) == ("token", "lti.client_unknown", "customer")


@pytest.mark.parametrize("variant", LtiSimulator.variants)
def test_a_scope_that_is_not_granted_is_named_with_where_to_allow_it(tmp_path: Path, variant: str) -> None:
    with platform(tmp_path, variant) as (partner, bench):
        partner.scopes = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
        assert failure(bench) == ("token", "lti.scope", "customer")


def test_a_reply_without_a_scope_grants_what_was_asked(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(instead(lambda body: {**body, "scope": ""}), path=TOKENS, times=None)
        assert outcomes(bench)["token"] == "pass"


@pytest.mark.parametrize(
    ("status", "body", "code", "actor"),
    [
        (400, "Cannot handle token with iat prior to 2026-11-22T18:00:05+0000", "lti.clock", "us"),
        (400, '{"error":"invalid_request","error_description":"JWT has expired"}', "lti.clock", "us"),
        (400, '{\n    "error" : ""kid" invalid, unable to lookup correct key"\n}', "lti.key_unknown", "customer"),
        (401, '{"error":"invalid_client"}', "lti.client_unknown", "customer"),
        (400, '{"error":"invalid_scope"}', "lti.scope", "customer"),
        (400, "<html><title>Error</title>Invalid audience</html>", "lti.token_audience", "us"),
        (400, '{"error":"invalid_grant"}', "oauth.invalid_grant", "customer"),
        (401, "", "http.401", "customer"),
        (503, "signature service down", "http.503", "partner"),
    ],
)
def test_what_token_endpoints_say_is_understood_in_whatever_form(
    tmp_path: Path, status: int, body: str, code: str, actor: str
) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(faults.status(status, {"Content-Type": "text/html"}, body), path=TOKENS, times=None)
        assert failure(bench) == ("token", code, actor)


def test_a_404_of_moodle_means_that_it_could_not_read_our_keys(tmp_path: Path) -> None:
    with platform(tmp_path, "moodle") as (partner, bench):
        partner.inject(faults.html(404), path=TOKENS, times=None)
        assert failure(bench) == ("token", "lti.keys_unreadable", "customer")


def test_a_404_elsewhere_means_a_wrong_token_url(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        partner.inject(faults.status(404), path=TOKENS, times=None)
        assert failure(bench) == ("token", "lti.token_url", "us")


# courses


def test_without_a_course_the_ladder_says_how_one_becomes_known(tmp_path: Path) -> None:
    with platform(tmp_path, memberships_urls=[]) as (_, bench):
        result = bench.verify()
        assert result.outcome == "warn"
        assert (outcomes(bench)["courses"], outcomes(bench)["members"]) == ("warn", "skip")
        assert "launch" in said(bench, "courses")


def test_one_course_that_is_gone_is_warned_of_and_the_next_one_read(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(faults.status(404), path="courses/1/", times=None)
        assert outcomes(bench)["members"] == "warn"
        assert "courses/1/" in said(bench, "members")
        assert "5 members on the first page of" in said(bench, "members")


@pytest.mark.parametrize(
    ("status", "code", "actor"),
    [
        (404, "lti.course_gone", "us"),
        (403, "lti.course_denied", "customer"),
        (401, "lti.course_unauthorized", "customer"),
        (400, "lti.course_refused", "us"),
        (500, "lti.course_failing", "partner"),
    ],
)
def test_courses_that_all_refuse_fail_with_what_the_first_one_says(
    tmp_path: Path, status: int, code: str, actor: str
) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(faults.status(status), path="names_and_roles", times=None)
        assert failure(bench) == ("members", code, actor)


def test_an_empty_course_is_warned_of(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.campus.seats[1].clear()
        assert "nobody in it" in said(bench, "members")
