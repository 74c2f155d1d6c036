import base64
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from jwt.algorithms import RSAAlgorithm

from mkt.connectors.lti_1p3_deeplink.keys import Key, is_usable, thumbprint
from mkt.contract import ConfigError


@cache
def rsa(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: Any, shape: PrivateFormat = PrivateFormat.PKCS8, lock: KeySerializationEncryption | None = None) -> str:
    return str(key.private_bytes(Encoding.PEM, shape, lock or NoEncryption()).decode())


@pytest.mark.parametrize("shape", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_both_forms_of_pem_are_read(shape: PrivateFormat) -> None:
    key = Key.parse(pem(rsa(), shape), "")
    assert key.private.key_size == 2048


def test_line_breaks_may_be_written_as_in_variables() -> None:
    assert Key.parse(pem(rsa()).replace("\n", "\\n"), "").kid == Key.parse(pem(rsa()), "").kid


def test_the_kid_is_the_thumbprint_of_the_key() -> None:
    assert Key.parse(pem(rsa()), "").kid == thumbprint(public(rsa()))


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    )
    example = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(example) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_kid_of_ones_own_goes_first_and_stands_in_the_header() -> None:
    key = Key.parse(pem(rsa()), "northwind-2027")
    assert jwt.get_unverified_header(key.sign({"a": 1})) == {"alg": "RS256", "kid": "northwind-2027", "typ": "JWT"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a private key"),
        ("a-password-that-has-expired", "not a private key"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "not a private key"),
        ("-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----", "public half"),
        (pem(generate_ec_key(SECP256R1())), "not an RSA key"),
        (pem(rsa(1024)), "has 1024 bits"),
        (pem(rsa(), lock=BestAvailableEncryption(b"pass")), "pass phrase"),
    ],
)
def test_a_key_that_cannot_sign_is_a_config_error_that_does_not_show_it(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        Key.parse(text, "")
    lines = [line for line in text.splitlines() if len(line) > 16 and "-----" not in line]
    assert not any(line in f"{refused.value!r} {refused.value.remedy}" for line in lines)


def test_the_key_does_not_appear_in_its_repr() -> None:
    assert "RSA" not in repr(Key.parse(pem(rsa()), "k"))


def public(key: RSAPrivateKey, **others: Any) -> dict[str, Any]:
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**{name: jwk[name] for name in ("kty", "n", "e")}, **others}


def test_a_key_without_alg_and_use_is_usable() -> None:
    assert is_usable(public(rsa()))


@pytest.mark.parametrize(
    "others",
    [
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"n": ""},
        {"n": "§"},
        {"n": 5},
        {"e": None},
        {"n": base64.urlsafe_b64encode(b"\x05").decode()},
    ],
)
def test_other_keys_are_not_usable(others: dict[str, Any]) -> None:
    assert not is_usable(public(rsa(), **others))


def test_a_short_key_is_not_usable() -> None:
    assert not is_usable(public(rsa(1024)))
