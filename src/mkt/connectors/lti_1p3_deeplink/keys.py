"""Our private key and what is made with it, and the public keys of a JWKS (RFC 7517)."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm

from mkt.contract import ConfigError, PartnerError, Response

FEWEST_BITS: Final = 2048
"""RFC 7518 section 3.3 asks this of RS256."""
_MAKE_ONE: Final = "Make one with `mkt secrets generate`, or store the whole PEM of another one."


@dataclass(frozen=True, slots=True)
class Key:
    """The key that signs for us; `kid` is how a platform finds its public half."""

    private: RSAPrivateKey = field(repr=False)
    kid: str

    @classmethod
    def parse(cls, pem: str, kid: str, *, name: str = "LTI_PRIVATE_KEY") -> "Key":
        """Read a PEM; raise `ConfigError` for anything but an RSA key of 2048 bits or more, without a pass phrase."""
        private = _load(pem, name)
        if not isinstance(private, RSAPrivateKey):
            raise _unusable(name, "is not an RSA key, which LTI's RS256 needs")
        if private.key_size < FEWEST_BITS:
            raise _unusable(name, f"has {private.key_size} bits: platforms refuse fewer than {FEWEST_BITS}")
        return cls(private, kid or thumbprint(_numbers(private)))

    @property
    def numbers(self) -> Mapping[str, str]:
        """The public half: kty, n, e."""
        return _numbers(self.private)

    @property
    def public(self) -> Mapping[str, str]:
        """The public half as an entry of a JWKS."""
        return {**self.numbers, "kid": self.kid, "use": "sig", "alg": "RS256"}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT (RS256) of these claims."""
        return jwt.encode(dict(claims), self.private, algorithm="RS256", headers={"kid": self.kid})


def thumbprint(numbers: Mapping[str, str]) -> str:
    """Return the RFC 7638 thumbprint of an RSA key: SHA-256, base64url."""
    required = {name: numbers[name] for name in ("e", "kty", "n")}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def keys_of(response: Response) -> list[Mapping[str, Any]]:
    """Return the keys of a JWKS; raise `PartnerError` for an answer that is none."""
    body = response.json()
    keys = body.get("keys") if isinstance(body, dict) else None
    if not isinstance(keys, list):
        raise PartnerError(
            "the answer has no list `keys`: it is not a JSON Web Key Set",
            remedy="Correct `jwks_url`, or `tool_url` where it is our own: it must lead to a JWKS (RFC 7517).",
            code="lti.no_jwks",
            actor="us",
        )
    return [key for key in keys if isinstance(key, dict)]


def is_usable(key: Mapping[str, Any]) -> bool:
    """Tell an RSA key that can verify RS256. `alg` may be missing (Brightspace), `use` as well."""
    if key.get("kty") != "RSA" or key.get("use", "sig") != "sig" or key.get("alg", "RS256") != "RS256":
        return False
    try:
        return RSAAlgorithm.from_jwk({name: key.get(name, "") for name in ("kty", "n", "e")}).key_size >= FEWEST_BITS
    except (jwt.InvalidKeyError, ValueError, TypeError):
        return False


def _load(pem: str, name: str) -> object:
    if "\n" not in pem.strip():
        pem = pem.replace("\\n", "\n")  # variables of many systems hold no line breaks
    try:
        return load_pem_private_key(pem.strip().encode(), password=None)
    except TypeError:
        raise _unusable(name, "is encrypted by a pass phrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(name, _what_it_is(pem)) from None


def _what_it_is(pem: str) -> str:
    if "PUBLIC KEY" in pem or "CERTIFICATE" in pem:
        return "is the public half: the private key is needed"
    return "is not a private key in PEM, or has been cut"


def _unusable(name: str, why: str) -> ConfigError:
    return ConfigError(f"{name} {why}", remedy=_MAKE_ONE, code="lti.private_key")


def _numbers(private: RSAPrivateKey) -> Mapping[str, str]:
    jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: str(jwk[name]) for name in ("kty", "n", "e")}
