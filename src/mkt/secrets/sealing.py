"""A value under a key of ours, so that whoever reads the database, or a copy of it, reads nothing.

AES-256-GCM with a random nonce: every build of `cryptography` has it (AES-GCM-SIV needs a newer OpenSSL), and random
nonces are safe for 2**32 values under one key (NIST SP 800-38D, 8.3), more than all tenants write in its lifetime.
Tenant, name and key are bound to the value: text that was moved to another row, or changed, is refused.
"""

import hashlib
import os
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

from mkt.errors import ConfigError

KEY_BYTES: Final = 32
TAMPERED: Final = "config.secret_tampered"
LONGEST: Final = 64 * 1024
"""Bytes of a value; whatever is larger is no secret."""
_VERSION: Final = "mkt1"
_NONCE: Final = 12
_TAG: Final = 16
_LONGEST_SEALED: Final = 2 * LONGEST


class SealError(ConfigError):
    """A sealed value that cannot be opened here."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """32 bytes, and the id by which sealed values name them: a digest, so that nobody has to think of names."""

    raw: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return hashlib.sha256(b"mkt sealing key\0" + self.raw).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Label:
    """What a value is bound to."""

    tenant: str
    name: str

    def __str__(self) -> str:
        return f"supabase:{self.name} of {self.tenant}"

    def bound(self, key_id: str) -> bytes:
        """Return it as associated data; a NUL stands in none of the parts."""
        return f"{_VERSION}\0{key_id}\0{self.tenant}\0{self.name}".encode()


def seal(value: str, label: Label, key: SealingKey) -> str:
    """Return `mkt1.KEYID.BASE64URL`, other text each time; raise `ConfigError` for a value that is too long."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - a third of mkt's start

    content = value.encode()
    if len(content) > LONGEST:
        raise ConfigError(
            f"{label}: the value has {len(content):,} bytes, and at most {LONGEST:,} are kept",
            remedy="Is it the right value?",
            code="config.secret_too_long",
        )
    nonce = os.urandom(_NONCE)
    box = nonce + AESGCM(key.raw).encrypt(nonce, content, label.bound(key.id))
    return ".".join((_VERSION, key.id, urlsafe_b64encode(box).decode()))


def key_id_of(sealed: str, label: Label) -> str:
    """Return which key a sealed value names; raise `SealError` where it is not one."""
    version, _, rest = sealed.partition(".")
    key_id, dot, box = rest.partition(".")
    if version != _VERSION or not dot or not key_id or not box or len(sealed) > _LONGEST_SEALED:
        raise _refused(label, "is not a value that mkt has sealed")
    return key_id


def unseal(sealed: str, label: Label, key: SealingKey) -> str:
    """Return the value; raise `SealError` where it is not the one that was sealed for this tenant and name."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    try:
        box = b64decode(sealed.partition(".")[2].partition(".")[2], altchars=b"-_", validate=True)
        if len(box) < _NONCE + _TAG:
            raise _refused(label, "is cut off")
        return AESGCM(key.raw).decrypt(box[:_NONCE], box[_NONCE:], label.bound(key.id)).decode()
    except (InvalidTag, ValueError):
        raise _refused(label, "was changed in the database, or copied from another tenant or name") from None


def _refused(label: Label, why: str) -> SealError:
    integration, _, name = label.name.rpartition("/")
    ours = integration and name.isupper()  # as mkt names them; whoever writes a reference may name it otherwise
    secret = f"{label.tenant}/{integration} {name}" if ours else f"{label.tenant}/INTEGRATION NAME"
    return SealError(
        f"{label} {why}; it is not used",
        remedy="Find out who wrote the row into integration_secrets, then store the value again:"
        f" `mkt secrets set {secret} --to supabase`.",
        code=TAMPERED,
    )
