"""One connector enabled for one tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from mkt.contract.json import Json
from mkt.contract.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Over these limits a sync is held: percent of the live records of one stream."""

    max_delete_percent: float = 10
    max_change_percent: float = 75
    ignore_below: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """Who reads the file later sees until when, and why."""

    until: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a configuration was written. YAML is the operator's, a row may be a tenant admin's."""

    source: Literal["yaml", "supabase"] = "yaml"
    place: str = ""
    """`configs/northwind.yaml:4`: for people."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """Place of each dotted key below the integration, such as `settings.base_url`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorConfiguration:
    """An integration: what a tenant's file or row says, defaults filled in, secrets still references."""

    tenant: str
    name: str
    connector: str
    labels: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    disabled: Disabled | None = None
    schedule: Schedule | None = None
    jitter: timedelta | None = None
    """At most so long after its slot a sync begins; None: the engine's own measure, zero: in the slot."""
    overdue_after: timedelta | None = None
    """So long after it was due a sync is overdue; None: the engine's own measure."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    guard: Guard = field(default_factory=Guard)
    origin: Origin = field(default_factory=Origin)

    @property
    def target(self) -> str:
        """The integration as a person names it: `tenant/name`."""
        return f"{self.tenant}/{self.name}"

    def active(self, today: date) -> bool:
        """Tell whether the integration is enabled on this day."""
        if self.disabled is None:
            return self.enabled
        return self.enabled and self.disabled.until is not None and self.disabled.until <= today

    def place(self, key: str = "") -> str:
        """Return where a dotted key stands, or else its nearest parent."""
        while key:
            if key in self.origin.lines:
                return self.origin.lines[key]
            key = key.rpartition(".")[0]
        return self.origin.place
