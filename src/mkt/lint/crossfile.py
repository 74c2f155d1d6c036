"""MKT7xx: what only shows when all files of the config folder are seen together."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.folder import claims, duplicates
from mkt.configs.structure import TenantFile, integrations_of
from mkt.lint.base import Rule
from mkt.secrets.base import Reference

RULES: Final = (
    Rule(
        code=codes.DUPLICATE_TENANT,
        name="duplicate-tenant",
        summary="Two files have one tenant. Both are refused, since nobody can say which one counts.",
        bad="configs/northwind.yaml and configs/old/northwind.yaml, both with\ntenant: northwind",
        good="configs/northwind.yaml alone with\ntenant: northwind",
    ),
    Rule(
        code=codes.SHARED_REFERENCE,
        name="shared-reference",
        summary="Two tenants use one reference: one customer's secret would open another's system.",
        bad="secrets: {HUBSPOT_ACCESS_TOKEN: env:HUBSPOT_TOKEN}",
        good="secrets: {HUBSPOT_ACCESS_TOKEN: env:NORTHWIND_HUBSPOT_TOKEN}",
        severity="warning",
    ),
)
_A_PAIR: Final = 2


@dataclass(slots=True)
class Fleet:
    """The little of every file that the files' comparison needs: no nodes."""

    claimed: list[tuple[str, Position | None]] = field(default_factory=list)
    references: dict[str, list[tuple[str, Position]]] = field(default_factory=dict)

    def add(self, file: TenantFile) -> None:
        """Remember a file's tenant and references."""
        self.claimed.append((file.tenant, file.claim))
        for index, entry in integrations_of(file.document.data):
            secrets = entry.get("secrets")
            for name, text in secrets.items() if isinstance(secrets, dict) else ():
                if isinstance(text, str) and _is_reference(text):
                    place = file.document.position(("integrations", index, "secrets", name))
                    self.references.setdefault(text, []).append((file.tenant, place))

    def judge(self) -> Iterator[Problem]:
        """Find what two files share and should not."""
        for tenant, places in claims(self.claimed).items():
            if len(places) > 1:
                yield from duplicates(tenant, places)
        for used in self.references.values():
            yield from _shared(used)


def _is_reference(text: str) -> bool:
    try:
        Reference.parse(text)
    except ValueError:
        return False
    return True


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
