"""MKT7xx: what only shows when all files of the config folder are seen together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.folder import claims, duplicates
from mkt.configs.structure import TenantFile
from mkt.lint.base import Rule, WrittenIntegration, is_reference
from mkt.lint.schedules import start_of

RULES: Final = (
    Rule(
        code=codes.DUPLICATE_TENANT,
        name="duplicate-tenant",
        summary="Two files have one tenant. Both are refused, since nobody can say which one counts.",
        why="Neither of them runs, until one is removed.",
        bad="configs/northwind.yaml and configs/old/northwind.yaml, both with\ntenant: northwind",
        good="configs/northwind.yaml alone with\ntenant: northwind",
    ),
    Rule(
        code=codes.SHARED_REFERENCE,
        name="shared-reference",
        summary="Two tenants use one reference: one customer's secret would open another's system.",
        why="What is replaced for one customer breaks for the other, and one's people see the other's data.",
        bad="secrets: {HUBSPOT_ACCESS_TOKEN: env:HUBSPOT_TOKEN}",
        good="secrets: {HUBSPOT_ACCESS_TOKEN: env:NORTHWIND_HUBSPOT_TOKEN}",
        severity="warning",
    ),
)
_A_PAIR: Final = 2
_MANY: Final = 10
"""Tenants in one minute; fewer are no peak."""


def marks(file: TenantFile, integrations: Iterable[WrittenIntegration]) -> Iterator[str]:
    """Return a text for all that may be wrong in two files: only those that share one are added to a `Fleet`."""
    if file.claim:
        yield f"tenant {file.tenant}"
    for written in integrations:
        for text in written.mapping("secrets").values():
            if _may_be_shared(text):
                yield f"reference {text}"
        start = start_of(written)
        if start:
            yield f"start {start}"


@dataclass(slots=True)
class Fleet:
    """What the files that `marks` leads to have in common: no nodes."""

    claimed: list[tuple[str, Position | None]] = field(default_factory=list)
    references: dict[str, list[tuple[str, Position]]] = field(default_factory=dict)
    starts: dict[tuple[str, str], list[tuple[str, Position]]] = field(default_factory=dict)
    """The integrations that begin in the minute of their schedule, by schedule and zone."""

    def add(self, file: TenantFile, integrations: Sequence[WrittenIntegration]) -> None:
        """Remember a file's tenant and references."""
        self.claimed.append((file.tenant, file.claim))
        for written in integrations:
            for name, text in written.mapping("secrets").items():
                if _may_be_shared(text) and is_reference(text):
                    place = written.position(("secrets", name))
                    self.references.setdefault(text, []).append((file.tenant, place))
            start = start_of(written)
            if start:
                place = written.position(["schedule" if "schedule" in written.data else "connector"])
                self.starts.setdefault(start, []).append((file.tenant, place))

    def judge(self) -> Iterator[Problem]:
        """Find what two files share and should not."""
        for tenant, places in claims(self.claimed).items():
            if len(places) > 1:
                yield from duplicates(tenant, places)
        for used in self.references.values():
            yield from _shared(used)
        for start, begun in self.starts.items():
            yield from _crowded(start, begun)


def _may_be_shared(text: object) -> TypeGuard[str]:
    """Tell whether two tenants who write the same mean the same: what stands in Supabase is each tenant's own."""
    return isinstance(text, str) and not text.startswith("supabase:")


def _shared(used: list[tuple[str, Position]]) -> Iterator[Problem]:
    """Return a problem for each tenant; one tenant may use a reference in several integrations."""
    first = dict(reversed(used))
    if len(first) == 1:
        return
    for tenant, place in first.items():
        other, where = next(item for item in first.items() if item[0] != tenant)
        others = f"tenant {other} uses" if len(first) <= _A_PAIR else f"{len(first) - 1:,} other tenants use"
        message = f"{others} the same reference: {where.path}:{where.line}"
        yield Problem(codes.SHARED_REFERENCE, message, place, "Give each tenant a secret of its own.", tenant=tenant)


def _crowded(start: tuple[str, str], begun: list[tuple[str, Position]]) -> Iterator[Problem]:
    """Return a problem for each of many tenants; one tenant's integrations may begin together."""
    first = dict(reversed(begun))
    if len(first) < _MANY:
        return
    message = f"{len(first):,} tenants begin in the same minute ({start[0]}, {start[1]}), since jitter is 0"
    remedy = "Remove `jitter = 0` from mkt.toml, or choose other minutes."
    for tenant, place in first.items():
        yield Problem(codes.ALL_AT_ONCE, message, place, remedy, tenant=tenant)
