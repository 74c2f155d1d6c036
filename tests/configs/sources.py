"""The same tenants, given to each of the sources."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from tests.supalocal.stack import LocalSupabase

from mkt.configs.base import ConfigSource
from mkt.configs.supabase import SupabaseSource
from mkt.configs.yaml import YamlSource
from mkt.runtime.supabase import SupabaseClient, open_supabase
from mkt.runtime.supabase_access import SupabaseAccess
from mkt.settings import AllDefaults

Tenant = Mapping[str, Any]
COLUMNS: Final = ("connector", "enabled", "disabled", "schedule", "timezone", "settings", "secrets", "guard")


class Given(Protocol):
    """A place to write tenants to, and the source that reads it."""

    def write(self, *tenants: Tenant) -> None: ...
    def source(self, defaults: AllDefaults | None = None) -> ConfigSource: ...


class GivenFiles:
    """A config folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "configs").mkdir()

    def write(self, *tenants: Tenant) -> None:
        for tenant in tenants:
            (self._root / "configs" / f"{tenant['tenant']}.yaml").write_text(json.dumps(tenant, indent=1))

    def source(self, defaults: AllDefaults | None = None) -> ConfigSource:
        return YamlSource(Path("configs"), self._root, defaults or AllDefaults())


class GivenRows:
    """The table `integrations` of the local Supabase."""

    def __init__(self, stack: LocalSupabase) -> None:
        self._stack = stack

    def write(self, *tenants: Tenant) -> None:
        for tenant in tenants:
            self._stack.sql("delete from integrations where tenant_id = %s", tenant["tenant"])
            for part in tenant["integrations"]:
                self._insert({"tenant_id": tenant["tenant"], "labels": tenant.get("labels", {}), **_row(part)})

    def _insert(self, row: Mapping[str, Any]) -> None:
        values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
        places = ", ".join("%s" for _ in row)
        self._stack.sql(f"insert into integrations ({', '.join(row)}) values ({places})", *values)  # noqa: S608 - ours

    def open(self) -> AbstractContextManager[SupabaseClient]:
        access = SupabaseAccess(
            url=self._stack.url, key=self._stack.secret_key, url_from="the test", key_from="the test"
        )
        return open_supabase(access)

    def source(self, defaults: AllDefaults | None = None) -> ConfigSource:
        return SupabaseSource(self.open, defaults or AllDefaults())


def _row(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a tenant's file as a row: a schedule that was taken away is an empty text."""
    row = {name: part[name] for name in COLUMNS if name in part}
    schedule = {"schedule": part["schedule"] or ""} if "schedule" in part else {}
    return {"name": part.get("name", part["connector"]), **row, **schedule}
