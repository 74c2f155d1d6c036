"""What a person can act on. Any other exception is a bug in mkt.

MktError                     exit
├── StartError                  2   nothing could start: command line, settings, project, config, store
├── Refused                     1   asked, and the answer is no
├── Interrupted               130   the run was stopped by a person or the system
└── ConnectorError              1   one integration could not do its work; the class says what follows
    ├── ConfigError                 config      what was written down is wrong
    ├── AuthError                   auth        the partner does not accept our credentials
    ├── AccessDenied                permission  the credentials are good, the right is missing
    ├── PartnerError                partner     the partner answered something it should not
    ├── TransientError              transient   the next try may work
    ├── RateLimited                 rate_limit  the partner asked us to come back later
    └── LocalError                  local       our disk, store or clock
"""

from datetime import UTC, datetime
from typing import ClassVar, Literal

ErrorClass = Literal["config", "auth", "permission", "partner", "transient", "rate_limit", "local", "bug"]
Actor = Literal["us", "partner", "customer"]


class MktError(Exception):
    """One line of what happened and one line of what to do."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class StartError(MktError):
    """Nothing could start."""


class Refused(MktError):  # noqa: N818 - a refusal is an answer, not a failure of ours
    """The question was understood and the answer is no: unknown id, nothing to approve."""

    exit_code = 1


class Interrupted(MktError):  # noqa: N818 - nobody's error
    """The run was stopped; what it had stored stays, and the next run goes on from it."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("stopped before its end", remedy="The next sync goes on from here.")


class ConnectorError(MktError):
    """One integration could not do its work.

    `code` is a short stable word ("workday.no_report_entry") that groups equal causes over tenants;
    `actor` is who has to do what `remedy` says; `retry_at` is the partner's own word on when to come back: UTC
    where it has no zone.
    """

    exit_code = 1
    error_class: ClassVar[ErrorClass] = "partner"
    default_actor: ClassVar[Actor] = "partner"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        actor: Actor | None = None,
        code: str = "",
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.actor: Actor = actor or self.default_actor
        self.code = code or self.error_class
        self.retry_at = retry_at if retry_at is None or retry_at.tzinfo else retry_at.replace(tzinfo=UTC)


class ConfigError(ConnectorError):
    """What was written down is wrong; the same until somebody changes it."""

    error_class = "config"
    default_actor = "us"


class AuthError(ConnectorError):
    """The partner does not accept the credentials (HTTP 401, `invalid_grant`)."""

    error_class = "auth"
    default_actor = "customer"


class AccessDenied(ConnectorError):  # noqa: N818 - PermissionError is Python's own name for another thing
    """The credentials are good, but lack a right (HTTP 403)."""

    error_class = "permission"
    default_actor = "customer"


class PartnerError(ConnectorError):
    """The partner answered something that its documentation does not allow."""


class TransientError(ConnectorError):
    """A fault that is expected to pass: network, 5xx, maintenance page."""

    error_class = "transient"


class RateLimited(ConnectorError):  # noqa: N818 - the field's word
    """The partner asked us to come back later (HTTP 429)."""

    error_class = "rate_limit"


class LocalError(ConnectorError):
    """Our own disk, store or clock."""

    error_class = "local"
    default_actor = "us"


class StoreError(LocalError):
    """The store could not be read or written."""


class LeaseLost(LocalError):  # noqa: N818 - the field's word
    """Another process took over the integration; nothing of this run was committed since."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"another run has taken over {target}; nothing more of this run was written",
            remedy="Nothing to do: the other run goes on from what this one had stored.",
            code="local.lease_lost",
        )
