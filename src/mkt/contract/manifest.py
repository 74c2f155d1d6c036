"""`manifest.yaml`: what can be known of a connector without importing its code."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mkt.contract.event import Category
from mkt.contract.streams import Stream
from mkt.contract.webhook import WebhookVerification

ID: Final = r"^[a-z0-9](-?[a-z0-9])*$"
"""The grammar of tenants, integration names and connector ids; at most 63 characters, so no `--`."""

Slug = Annotated[str, StringConstraints(pattern=ID, max_length=63)]


_WINDOWS: Final[Mapping[float, str]] = {1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day"}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretDeclaration(_Model):
    """A secret the connector can use. What is not sensitive is an identifier and is never masked."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
    sensitive: bool = True
    required: bool = True
    set: str = ""
    """The alternative it belongs to; empty: needed always."""
    generate: Literal["rsa"] | None = None
    """What `mkt secrets generate` makes for it, where our side makes the value; `rsa`: a private key in PEM."""
    how: str
    """Where the customer's admin finds it."""


class StepDeclaration(_Model):
    """A rung of the verify ladder."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str


class RateLimit(_Model):
    """The partner's pace: so many requests in any window of so many seconds.

    All integrations of this installation keep it together that call the same host (and port), use the same account
    (the values of the secrets that are not sensitive or, without any, of the others), or are of the same tenant.
    A 429 with a `Retry-After`, and a `RateLimited` of `explain` with a `retry_at`, hold all of them until then.
    """

    requests: int = Field(gt=0)
    seconds: float = Field(gt=0, allow_inf_nan=False)
    per: Literal["host", "account", "tenant"] = "host"

    @property
    def pace(self) -> str:
        """The numbers in words: "10 requests a second"."""
        requests = f"{self.requests:,} request{'s' if self.requests > 1 else ''}"
        return f"{requests} {_WINDOWS.get(self.seconds, f'in {self.seconds:g} s')}"


class Manifest(_Model):
    """Everything an operator, `lint` and the docs need to know of a connector."""

    id: Slug
    version: int = Field(default=1, ge=1)
    """Raised when the meaning or the ids of records change."""
    name: str
    category: Category
    description: str
    docs: str
    hosts: tuple[str, ...]
    """`*.workday.com`, exact names, or `any`: every public host in this integration's own URL settings."""
    streams: tuple[Stream, ...] = ()
    secrets: tuple[SecretDeclaration, ...] = ()
    rate_limit: RateLimit | None = None
    minimum_interval_minutes: int = Field(default=1, ge=1)
    verify: tuple[StepDeclaration, ...] = Field(min_length=1)
    handover: str = ""
    webhook: WebhookVerification = WebhookVerification(scheme="none")

    @model_validator(mode="after")
    def _verifies_with_its_own_secret(self) -> Self:
        if self.webhook.secret and self.secret(self.webhook.secret) is None:
            raise ValueError(f"webhook: there is no secret {self.webhook.secret}")
        return self

    def secret(self, name: str) -> SecretDeclaration | None:
        """Return the declaration of a secret."""
        return next((secret for secret in self.secrets if secret.name == name), None)

    @property
    def secret_sets(self) -> dict[str, tuple[SecretDeclaration, ...]]:
        """The alternative sets of secrets, in the manifest's order, each with its members."""
        names = dict.fromkeys(secret.set for secret in self.secrets if secret.set)
        return {name: tuple(s for s in self.secrets if s.set == name) for name in names}
