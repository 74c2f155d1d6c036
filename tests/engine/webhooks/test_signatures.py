"""Signatures: the published vectors, and what must never be taken for one."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import WebhookVerification
from mkt.engine.webhooks.signatures import SignedRequest, UnverifiedError, verify

NOW = 1614265330
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_BODY = b'{"test": 2432232314}'
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def declared(scheme: str, **others: Any) -> WebhookVerification:
    return WebhookVerification(scheme=scheme, secret="S", **others)  # type: ignore[arg-type]


def request(
    headers: dict[str, str], body: bytes = b"{}", url: str = "https://mkt.example/hooks/a/b"
) -> SignedRequest:
    return SignedRequest(method="POST", url=url, headers=headers, body=body)


def refused(scheme: WebhookVerification, secret: str, asked: SignedRequest, now: float = NOW) -> str:
    with pytest.raises(UnverifiedError) as caught:
        verify(scheme, secret, asked, now)
    return caught.value.reason


def test_the_vector_of_standard_webhooks_is_accepted_and_known_by_its_id() -> None:
    known = verify(declared("standard_webhooks"), STANDARD_SECRET, request(STANDARD_HEADERS, STANDARD_BODY), NOW)
    assert known == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_one_of_several_signatures_is_enough() -> None:
    headers = {**STANDARD_HEADERS, "webhook-signature": f"v1a,x v1,AAAA {STANDARD_HEADERS['webhook-signature']}"}
    assert verify(declared("standard_webhooks"), STANDARD_SECRET, request(headers, STANDARD_BODY), NOW)


def test_the_vector_of_github_is_accepted_and_known_by_what_is_signed() -> None:
    asked = request({"x-hub-signature-256": GITHUB_SIGNATURE}, b"Hello, World!")
    again = request({"x-hub-signature-256": GITHUB_SIGNATURE, "x-github-delivery": "other"}, b"Hello, World!")
    assert verify(declared("github"), GITHUB_SECRET, asked, NOW) == verify(
        declared("github"), GITHUB_SECRET, again, 0
    )


def test_stripe_signs_time_and_body() -> None:
    signature = hmac.new(b"whsec_x", b"1614265330.{}", hashlib.sha256).hexdigest()
    asked = request({"stripe-signature": f"t={NOW},v1={'0' * 64},v1={signature},v0=x"})
    assert verify(declared("stripe", id_field="id"), "whsec_x", asked, NOW)
    named = hmac.new(b"whsec_x", b'1614265330.{"id":"evt_1"}', hashlib.sha256).hexdigest()
    asked = request({"stripe-signature": f"t={NOW},v1={named}"}, b'{"id":"evt_1"}')
    assert verify(declared("stripe", id_field="id"), "whsec_x", asked, NOW) == "evt_1"


@pytest.mark.parametrize("signed_url", ["https://mkt.example/hooks/a/b?x=%3A", "https://mkt.example/hooks/a/b?x=:"])
def test_hubspot_signs_the_public_url_as_it_is_or_decoded(signed_url: str) -> None:
    text = b"POST" + signed_url.encode() + b"{}" + b"1614265330000"
    signature = base64.b64encode(hmac.new(b"client", text, hashlib.sha256).digest()).decode()
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": "1614265330000"}
    asked = request(headers, url="https://mkt.example/hooks/a/b?x=%3A")
    assert verify(declared("hubspot_v3"), "client", asked, NOW)
    assert "behind our clock" in refused(declared("hubspot_v3"), "client", asked, NOW + 301)
    assert "ahead of our clock" in refused(declared("hubspot_v3"), "client", asked, NOW - 301)


def test_hubspots_delivery_with_its_address_escaped_in_another_way_is_the_same_one() -> None:
    text = b"POSThttps://mkt.example/hooks/a/b/c?x=:{}1614265330000"
    signature = base64.b64encode(hmac.new(b"client", text, hashlib.sha256).digest()).decode()
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": "1614265330000"}
    urls = [f"https://mkt.example/hooks/a/b/c?x={colon}" for colon in (":", "%3A", "%3a")]
    assert len({verify(declared("hubspot_v3"), "client", request(headers, url=url), NOW) for url in urls}) == 1


def test_a_partners_own_hmac_is_described_in_the_manifest() -> None:
    scheme = declared(
        "hmac", header="X-Sig", algorithm="sha512", encoding="base64", prefix="v0=", id_field="event.id"
    )
    body = b'{"event": {"id": 7}}'
    signature = base64.b64encode(hmac.new(b"k", body, hashlib.sha512).digest()).decode()
    assert verify(scheme, "k", request({"x-sig": f"v0={signature}"}, body), NOW) == "7"
    assert "does not begin" in refused(scheme, "k", request({"x-sig": signature}, body))


def test_a_partners_own_hmac_can_sign_its_timestamp() -> None:
    scheme = declared("hmac", header="x-sig", timestamp_header="X-Time", separator=":")
    signature = hmac.new(b"k", b"1614265330:{}", hashlib.sha256).hexdigest()
    headers = {"x-sig": signature, "x-time": str(NOW)}
    assert verify(scheme, "k", request(headers), NOW)
    assert refused(scheme, "k", request({**headers, "x-time": str(NOW + 1)})) == "wrong signature"
    assert "no number" in refused(scheme, "k", request({**headers, "x-time": "yesterday"}))


def test_a_static_token_stands_in_a_header() -> None:
    scheme = declared("static_token", prefix="Bearer ")
    assert verify(scheme, "t0ken", request({"authorization": "Bearer t0ken"}), NOW) == ""
    assert refused(scheme, "t0ken", request({"authorization": "t0ken"})) == "wrong token"


def test_both_lines_of_a_secret_are_right_while_it_is_rotated() -> None:
    asked = request({"x-hub-signature-256": GITHUB_SIGNATURE}, b"Hello, World!")
    for secret in (f"new one\n{GITHUB_SECRET}", f"{GITHUB_SECRET}\nold one", f"{GITHUB_SECRET}\n"):
        assert verify(declared("github"), secret, asked, NOW)
    assert refused(declared("github"), "new one\n", asked) == "wrong signature"


@pytest.mark.parametrize("name", sorted(STANDARD_HEADERS))
def test_a_missing_header_is_named(name: str) -> None:
    headers = {key: value for key, value in STANDARD_HEADERS.items() if key != name}
    assert (
        refused(declared("standard_webhooks"), STANDARD_SECRET, request(headers)) == f"the header {name} is missing"
    )


@given(body=st.binary(max_size=200).filter(lambda body: body != STANDARD_BODY))
def test_another_body_is_never_accepted(body: bytes) -> None:
    asked = request(STANDARD_HEADERS, body)
    assert refused(declared("standard_webhooks"), STANDARD_SECRET, asked) == "wrong signature"


_TEXT = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=80)


@pytest.mark.parametrize("scheme", ["standard_webhooks", "github", "stripe", "hubspot_v3", "hmac", "static_token"])
@given(signature=_TEXT, stamp=_TEXT, name=_TEXT, body=st.binary(max_size=50))
def test_whatever_the_headers_hold_the_answer_is_no_and_never_an_accident(
    scheme: str, signature: str, stamp: str, name: str, body: bytes
) -> None:
    asked = declared(scheme, header="x-sig", timestamp_header="x-time")
    headers = {"x-sig": signature, "x-time": stamp, "webhook-id": name}
    assert refused(asked, STANDARD_SECRET, request(headers, body))


@pytest.mark.parametrize("secret", ["", "\n", " \n\t\n"])
@pytest.mark.parametrize("scheme", ["github", "hmac", "static_token"])
def test_an_empty_secret_lets_nobody_in(scheme: str, secret: str) -> None:
    signature = "Bearer " if scheme == "static_token" else hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    asked = declared(scheme, header="x-sig", prefix="Bearer " if scheme == "static_token" else "")
    assert refused(asked, secret, request({"x-sig": signature})).startswith("wrong ")


@pytest.mark.parametrize("given", ["{0}, {0}", "{0},", "{0} ", "sha1={0}", "sha256=", "SHA256={0}", "{0}\x00"])
def test_what_is_nearly_the_right_signature_is_wrong(given: str) -> None:
    headers = {"x-hub-signature-256": given.format(GITHUB_SIGNATURE)}
    assert refused(declared("github"), GITHUB_SECRET, request(headers, b"Hello, World!")) == "wrong signature"


def test_the_signature_of_an_empty_body_is_of_nothing_else() -> None:
    empty = "sha256=" + hmac.new(b"k", b"", hashlib.sha256).hexdigest()
    assert verify(declared("github"), "k", request({"x-hub-signature-256": empty}, b""), NOW)
    assert refused(declared("github"), "k", request({"x-hub-signature-256": empty}, b"{}")) == "wrong signature"


@pytest.mark.parametrize(
    "stamp",
    ["nan", "inf", "-1", f"+{NOW}", f" {NOW}", f"{NOW}.0", "1e9", "0", "9" * 16, "9" * 5000, "\xb2"],
)
@pytest.mark.parametrize("scheme", ["standard_webhooks", "stripe", "hubspot_v3", "hmac"])
def test_a_timestamp_that_is_no_time_of_now_is_refused_however_well_it_is_signed(scheme: str, stamp: str) -> None:
    asked = declared(scheme, timestamp_header="" if scheme == "stripe" else "x-time", header="x-sig")
    headers = {"x-time": stamp, "webhook-id": "m1", "x-sig": f"t={stamp},v1=x" if scheme == "stripe" else "x"}
    assert "timestamp" in refused(asked, STANDARD_SECRET, request(headers))
