import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from mkt.secrets.keys import KeyPair, rsa_key_pair, thumbprint

RFC_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
    "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
    "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
}
"""The example of section 3.1."""


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return rsa_key_pair(2048)


def test_the_private_half_is_pkcs_8_of_the_size_that_was_asked_for(pair: KeyPair) -> None:
    assert pair.private.startswith("-----BEGIN PRIVATE KEY-----\n")
    key = load_pem_private_key(pair.private.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048


def test_both_public_forms_are_of_that_key(pair: KeyPair) -> None:
    key = load_pem_private_key(pair.private.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    assert RSAAlgorithm.from_jwk(json.dumps(dict(pair.jwk))).public_numbers() == key.public_key().public_numbers()
    assert (
        RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(pair.public).public_numbers()
        == key.public_key().public_numbers()
    )
    assert (pair.jwk["alg"], pair.jwk["use"]) == ("RS256", "sig")


def test_the_thumbprint_is_that_of_the_rfc() -> None:
    assert thumbprint(RFC_7638) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@given(st.dictionaries(st.text(), st.text()))
def test_only_the_required_members_count(more: dict[str, str]) -> None:
    assert thumbprint({**more, **RFC_7638}) == thumbprint(RFC_7638)


def test_nothing_private_is_in_what_is_shown(pair: KeyPair) -> None:
    assert set(pair.jwk) == {"kty", "n", "e", "kid", "alg", "use"}
    secret_lines = pair.private.splitlines()[1:-1]
    shown = f"{pair!r} {pair.public} {dict(pair.jwk)}"
    assert not [line for line in secret_lines[4:] if line in shown]
