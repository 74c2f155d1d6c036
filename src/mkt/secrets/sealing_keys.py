"""The keys that values in Supabase are sealed with: from the environment or `.env`, else from the keyring."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from mkt.errors import ConfigError
from mkt.secrets.base import SecretBackend
from mkt.secrets.sealing import KEY_BYTES, Label, SealError, SealingKey, key_id_of

CURRENT: Final = "MKT_SECRETS_KEY"
PREVIOUS: Final = "MKT_SECRETS_KEY_PREVIOUS"
_IN_KEYRING: Final = {CURRENT: "mkt/secrets-key", PREVIOUS: "mkt/secrets-key-previous"}
_MAKE: Final = (
    "Where values stand in Supabase already, copy it from a machine that reads them, or from the copy that you kept:"
    f" a new one opens none of them. Else make one: `openssl rand -base64 32`. Put it into {CURRENT} in the project's"
    " .env (mode 0600) on every machine that runs mkt, or into the keyring: `python -m keyring set mkt secrets-key`."
    " Keep a copy: without it the values cannot be read."
)


class SealingKeys:
    """Asks for the keys when the first of them is needed."""

    def __init__(self, environment: SecretBackend, keyring: SecretBackend) -> None:
        self._environment = environment
        self._keyring = keyring

    @cached_property
    def current(self) -> SealingKey:
        """The key to seal with; raise `ConfigError` where there is none."""
        given = self._given(CURRENT)
        if not given:
            raise ConfigError(
                f"{CURRENT} is not set, and values in Supabase are sealed with it",
                remedy=_MAKE,
                code="config.secrets_key",
            )
        return _key(CURRENT, given)

    @cached_property
    def known(self) -> Mapping[str, SealingKey]:
        """Every key to open with, by its id."""
        earlier = [_key(PREVIOUS, text) for text in self._given(PREVIOUS).replace(",", " ").split()]
        return {key.id: key for key in (*earlier, self.current)}

    def opening(self, sealed: str, label: Label) -> SealingKey:
        """Return the key of a sealed value; raise `SealError` for one that is not known here."""
        key_id = key_id_of(sealed, label)
        if key_id not in self.known:
            raise SealError(
                f"{label} is sealed with key {key_id}, which is neither {CURRENT} (key {self.current.id}) nor in"
                f" {PREVIOUS}",
                remedy=f"If other machines have that key as {CURRENT}, put it there on this one too. If the key was"
                f" changed, put the one that it was sealed with into {PREVIOUS} (several: with commas), then run"
                " `mkt secrets rotate`. If that key is lost, so is the value: store it again with `mkt secrets set`.",
                code="config.secrets_key_unknown",
            )
        return self.known[key_id]

    def _given(self, name: str) -> str:
        value = (self._environment.read(name) or "").strip()
        if value:
            return value
        try:
            return (self._keyring.read(_IN_KEYRING[name]) or "").strip()
        except ConfigError:  # cron has no keyring; what is lacking is then said of the variable
            return ""


def _key(name: str, text: str) -> SealingKey:
    from mkt.runtime.masking import PROCESS  # noqa: PLC0415 - lint knows the places and asks for no key

    PROCESS.add(text)
    try:
        raw = b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ConfigError(
            f"{name} does not hold {KEY_BYTES} bytes in base64",
            remedy=_MAKE,
            code="config.secrets_key",
        )
    return SealingKey(raw)
