"""Configurations from the table `integrations` of Supabase, one integration a row."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, cached_property, partial
from itertools import groupby
from typing import Any, Final

from mkt.configs import codes
from mkt.configs.assembly import configuration_of
from mkt.configs.base import BrokenTenant, Configs, Position, Problem
from mkt.configs.fallback import fallback
from mkt.configs.row_values import judged_values
from mkt.configs.structure import REPLACE_IT, judged
from mkt.contract import ConnectorConfiguration, Json, Origin
from mkt.errors import ConnectorError, StartError
from mkt.runtime.supabase import Row, SupabaseClient
from mkt.settings import AllDefaults

TABLE: Final = "integrations"
_COLUMNS: Final = ("name", "connector", "enabled", "disabled", "schedule", "timezone", "settings", "secrets", "guard")
"""Those that say the same as the keys of an integration in a tenant's file."""
_READ: Final = ("id", "tenant_id", "labels", *_COLUMNS)

Open = Callable[[], AbstractContextManager[SupabaseClient]]


class SupabaseSource:
    """All rows, by the operator's key. What a row says may be a tenant admin's word: `origin.source` says so."""

    def __init__(self, open_client: Open, defaults: AllDefaults) -> None:
        self._open = open_client
        self._fallback = cache(partial(fallback, defaults))

    def load(self) -> Configs:
        """Read every row; raise `StartError` when Supabase cannot be read, or has no row."""
        with _as_start_error(), self._open() as client:
            found = client.rows(TABLE, key="id", columns=_READ)
            rows = sorted(found, key=lambda row: (str(row["tenant_id"]), str(row["name"])))
        if not rows:
            raise StartError(
                f"the table {TABLE} of Supabase has no row",
                remedy="Add an integration to it, or read YAML files: --source yaml.",
            )
        tenants = [
            self._tenant(tenant, list(group))
            for tenant, group in groupby(rows, key=lambda row: str(row["tenant_id"]))
        ]
        healthy = [own for own in tenants if not isinstance(own, BrokenTenant)]
        return Configs(
            configurations=tuple(configuration for own in healthy for configuration in own),
            broken=tuple(own for own in tenants if isinstance(own, BrokenTenant)),
            tenants=tuple(own[0].tenant for own in healthy),
        )

    def version(self) -> str:
        """Ask the database, which counts changes; raise `StartError` when Supabase cannot be read.

        Once only: who asks for it asks again soon, and has others waiting.
        """
        with _as_start_error(), self._open() as client:
            return str(client.rpc("mkt_configs_version", repeatable=False))

    def _tenant(self, tenant: str, rows: Sequence[Row]) -> list[ConnectorConfiguration] | BrokenTenant:
        """Return a tenant's configurations; one wrong row breaks the tenant, as one wrong entry breaks its file."""
        found = [self._judged(tenant, row) for row in rows]
        problems = [problem for _, own in found for problem in own]
        if problems:
            said = [{**_entry(row), "labels": row["labels"]} for row in rows]
            content = json.dumps(said).encode()  # orjson refuses the numbers that a row may hold
            return BrokenTenant(tenant, tuple(problems), hashlib.sha256(content).hexdigest())
        return [configuration for configuration, _ in found if configuration]

    def _judged(self, tenant: str, row: Row) -> tuple[ConnectorConfiguration | None, list[Problem]]:
        entry, place = _entry(row), f"{TABLE} row {row['id']}"  # `mkt.engine.following` knows a row by this beginning
        part, found = None, list(judged_values({**entry, "labels": row["labels"]}))
        if not found:
            part, found = judged({"tenant": tenant, "labels": row["labels"], "integrations": [entry]})
        if part is None or found or not part.integrations:
            return None, [
                Problem(
                    code,
                    finding.message,
                    Position(place, line=0),
                    REPLACE_IT if code == codes.NO_REFERENCE else finding.remedy,
                    tenant=tenant,
                )
                for code, finding in found
            ]
        (integration,) = part.integrations
        origin = Origin(source="supabase", place=place, lines=_RowPlaces(entry, place))
        given = self._fallback(integration.connector)
        return configuration_of(tenant, part.labels or {}, integration, given, origin), []


class _RowPlaces(Mapping[str, str]):
    """The place of each dotted key that a row gives: always the row."""

    def __init__(self, entry: Mapping[str, Json], place: str) -> None:
        self._entry = entry
        self._place = place

    @cached_property
    def _keys(self) -> dict[str, None]:
        return dict.fromkeys(_dotted(self._entry, ""))

    def __getitem__(self, dotted: str) -> str:
        if dotted in self._keys:
            return self._place
        raise KeyError(dotted)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _entry(row: Row) -> dict[str, Any]:
    """Return a row as an entry of a tenant's file; an empty schedule is one that was taken away."""
    entry = {column: row[column] for column in _COLUMNS if row[column] is not None}
    return {**entry, "schedule": None} if row["schedule"] == "" else entry


def _dotted(value: Json, name: str) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, Mapping) else ():
        dotted = f"{name}.{key}" if name else key
        yield dotted
        yield from _dotted(item, dotted)


@contextmanager
def _as_start_error() -> Iterator[None]:
    try:
        yield
    except ConnectorError as error:
        raise StartError(f"no configurations: {error.message}", remedy=error.remedy) from error
