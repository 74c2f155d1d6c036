"""One inbound request, how it is verified, and its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from mkt.contract.changes import Change

Scheme = Literal["none", "standard_webhooks", "github", "stripe", "hubspot_v3", "hmac", "static_token", "connector"]
_HEADERS: Final[Mapping[str, str]] = {
    "standard_webhooks": "webhook-signature",
    "github": "x-hub-signature-256",
    "stripe": "stripe-signature",
    "hubspot_v3": "x-hubspot-signature-v3",
    "static_token": "authorization",
}
"""Where the signature stands, in the schemes that say so themselves."""
_TIMESTAMPS: Final[Mapping[str, str]] = {
    "standard_webhooks": "webhook-timestamp",
    "hubspot_v3": "x-hubspot-request-timestamp",
}


class WebhookVerification(BaseModel):
    """How a delivery is verified, before any of it is parsed.

    `standard_webhooks`, `github`, `stripe` and `hubspot_v3` are what their names say and need only the `secret`.
    `hmac` is every other signature over the raw body: `header`, `algorithm`, `encoding`, what stands before it
    (`prefix`) and, where the partner sends one, `timestamp_header`: then "timestamp", `separator` and body are
    what is signed. `static_token` compares a header with the secret, after `prefix`. With `connector` the
    connector verifies by itself, and so answers `inline`. `none`: the connector takes no webhooks.

    While a secret is being rotated its value has two lines, the new one and the old one: either is right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Scheme
    secret: str = ""
    """Which of the declared secrets it is."""
    header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    timestamp_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    """Seconds since 1970; in `hubspot_v3` milliseconds."""
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    separator: str = "."
    tolerance_seconds: int = Field(default=300, ge=10, le=3600)
    """How far the timestamp may be from our clock, in both directions."""
    id_field: str = ""
    """Where the JSON body names the delivery, such as `event.id`: one that was seen before is not handled again.

    It must be in what is signed, so a header is none. Without it: `webhook-id`, or the digest of all that is signed
    where a timestamp or the partner's own times make that one of a kind.
    """
    inline: bool = False
    """The partner waits for the connector's own answer. Otherwise it gets 202, and the work is done after."""
    secret_after: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+$")], ...] = ()
    """Parts of the path that a secret follows, such as `register` of `register/TOKEN`: the ledger has `***` there."""

    @field_validator("header", "timestamp_header")
    @classmethod
    def _lower(cls, name: str) -> str:
        return name.lower()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.scheme == "connector" and not self.inline:
            raise ValueError(
                "with the scheme connector only the connector's own answer verifies: inline must be true"
            )
        if self.secret_after and not self.inline:
            raise ValueError("secret_after needs inline: what is worked on later is kept as it came, its path too")
        if self.scheme not in ("none", "connector") and not self.secret:
            raise ValueError(f"the scheme {self.scheme} needs the name of a secret")
        if self.scheme == "hmac" and not self.header:
            raise ValueError("the scheme hmac needs the header of the signature")
        return self

    @property
    def signature_header(self) -> str:
        """The header that the signature or the token stands in."""
        return self.header or _HEADERS.get(self.scheme, "")

    @property
    def time_header(self) -> str:
        """The header that the timestamp stands in; empty where there is none of its own."""
        return self.timestamp_header or _TIMESTAMPS.get(self.scheme, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """A delivery as it came in, verified as the manifest says.

    `path` is what follows the integration's root, without the slash; header names are lower case; `body` is the raw
    bytes. What is worked on after the partner was answered has neither cookies nor what verified it in its headers.
    """

    id: str
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The answer, and the changes, which are committed together with the ledger entry.

    `changes` are records and deletions: a delivery lists nothing to its end and moves no cursor. Of what is worked on
    after the partner was answered, a `status` of 500 and more is tried again, one of 400 and more is not.

    `refusal` says why the connector itself did not accept the delivery, for `mkt webhooks show` alone: `reason`, a
    short stable word, and what was received and expected. Nothing personal and nothing secret. What a refused
    delivery took from `context.state` and put there is kept all the same: a nonce stays used, a key stays cached.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    changes: Sequence[Change] = ()
    refusal: Mapping[str, str] | None = None
