"""After a change of the key: every value is sealed again with the new one.

It can be stopped and started again at any point: a value names the key that it is sealed with, and each is replaced
only while it is the one that was read, so that a token which the partner renews meanwhile is not lost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from mkt.runtime.masking import PROCESS
from mkt.secrets.sealed_rows import SealedRow, SealedRows
from mkt.secrets.sealing import SealError, seal, unseal
from mkt.secrets.sealing_keys import SealingKeys

Outcome = Literal["sealed again", "as it was", "gone"]
_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What became of one tenant's values."""

    tenant: str
    resealed: int
    unchanged: int
    """So many had the current key already."""
    refused: tuple[SealError, ...]
    """Why each of the others was left as it is."""


def reseal(rows: SealedRows, keys: SealingKeys, tenants: Iterable[str]) -> Iterator[Resealed]:
    """Seal what is not sealed with the current key; raise a `ConnectorError` where Supabase cannot be asked."""
    for tenant in tenants:
        outcomes: list[Outcome] = []
        refused: list[SealError] = []
        for row in rows.of(tenant):
            try:
                outcomes.append(_reseal(rows, keys, row))
            except SealError as error:
                refused.append(error)
        yield Resealed(
            tenant=tenant,
            resealed=outcomes.count("sealed again"),
            unchanged=outcomes.count("as it was"),
            refused=tuple(refused),
        )


def _reseal(rows: SealedRows, keys: SealingKeys, row: SealedRow) -> Outcome:
    latest: SealedRow | None = row
    for _ in range(_TRIES):
        if latest is None:
            return "gone"
        key = keys.opening(latest.sealed, row.label)
        value = unseal(latest.sealed, row.label, key)
        if key.id == keys.current.id:
            return "as it was"
        PROCESS.add(value)
        if rows.replace(latest, seal(value, row.label, keys.current), keys.current.id):
            return "sealed again"
        latest = rows.get(row.label)
    raise SealError(
        f"{row.label} is written by somebody else again and again",
        remedy="Run `mkt secrets rotate` again when its integration does not run.",
        code="config.secret_busy",
    )
