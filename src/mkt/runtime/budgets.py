"""The budgets of requests that partners give, as a store keeps them."""

import hashlib
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from mkt.contract import RateLimit


class Budget(NamedTuple):
    """Whose requests count together. `name` is a host, or the digest of an account or a tenant."""

    per: Literal["host", "account", "tenant"]
    name: str


class Place(NamedTuple):
    """So many requests may be sent after `wait` seconds, for `lasts` seconds from then on.

    `requests` 0: there is no place within the patience, the next one is `wait` seconds away. `held`: it is the
    partner that asked to wait.
    """

    requests: int
    wait: float
    lasts: float = 0
    held: bool = False


class Budgets(Protocol):
    """What a store keeps of the budgets, for all of its processes."""

    def reserve(self, budget: Budget, rate: RateLimit, *, most: int, patience: float) -> Place:
        """Take places for at most `most` requests, all of them at one time, in the order of asking.

        In no window of `rate.seconds` are there more than `rate.requests`.
        """
        ...

    def held(self, budget: Budget) -> float:
        """Return for how many seconds the partner still asks all who share the budget to wait."""
        ...

    def hold(self, budget: Budget, until: datetime) -> None:
        """Keep what the partner asked for: no request of this budget before then."""
        ...


def account_digest(connector: str, *values: str) -> str:
    """Return the name of an account's budget. What it is made of cannot be read from it."""
    return hashlib.blake2b("\x00".join((connector, *values)).encode(), digest_size=16).hexdigest()


def tenant_digest(tenant: str, connector: str = "") -> str:
    """Return the name of a tenant's budget; without a connector, what the names of all of its budgets begin with."""
    return f"{hashlib.blake2b(tenant.encode(), digest_size=16).hexdigest()}/{connector}"
