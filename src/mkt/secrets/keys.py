"""Keys that our side makes: the private half is a secret, the public half goes to the partner."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

FEWEST_BITS: Final = 2048
"""RFC 7518 section 3.3 asks this of RS256."""
MOST_BITS: Final = 8192
"""Making a larger one takes minutes."""
_EXPONENT: Final = 65537


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An RSA key: the private half in PEM (PKCS 8), the public half in PEM and as a JWK with its `kid`."""

    private: str = field(repr=False)
    public: str
    jwk: Mapping[str, str]


def rsa_key_pair(bits: int) -> KeyPair:
    """Make a key; the last line break of a PEM is left out."""
    # Half of the time that mkt takes to start, for a command that is run once per integration.
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=_EXPONENT, key_size=bits)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode().rstrip(), public.decode().rstrip(), _jwk(key.public_key()))


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the id of an RSA key by RFC 7638: SHA-256 over its required members, in base64url."""
    required = {name: jwk[name] for name in ("e", "kty", "n")}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def _jwk(key: "RSAPublicKey") -> Mapping[str, str]:
    """Return the JSON Web Key (RFC 7517)."""
    numbers = key.public_numbers()
    required = {"kty": "RSA", "n": _base64url(_bytes(numbers.n)), "e": _base64url(_bytes(numbers.e))}
    return {**required, "kid": thumbprint(required), "alg": "RS256", "use": "sig"}


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
