"""Launches that somebody has tampered with: each is refused for its own reason."""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.test_launches import ISSUER, Claims, Walk, reason, sign, walking
from mkt.connectors.lti_1p3_deeplink.test_platform import CLIENT_ID

OTHER_KEY = generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with walking(tmp_path) as walk:
        yield walk


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
