"""`mkt db check`: asks Supabase for its catalog, and compares."""

from typing import TYPE_CHECKING, Any, Final

from mkt.cli.wiring import build_supabase
from mkt.errors import ConnectorError, StartError, StoreError
from mkt.output.database import Checked
from mkt.output.queue_text import missing
from mkt.runtime.supabase_access import find_access
from mkt.settings import ProjectSettings
from mkt.store.queue import QueueLook
from mkt.store.supabase.catalog import absent, denied, flaws, is_catalog

if TYPE_CHECKING:
    from mkt.runtime.supabase import SupabaseClient

_QUEUE: Final = "20261123000011_mkt_queue"


def check_supabase(settings: ProjectSettings) -> Checked:
    """Return what was found; raise `StartError` where Supabase is not set up or does not answer."""
    access = find_access(settings.root)
    try:
        with build_supabase(settings)() as client:
            found = client.rpc("mkt_check", repeatable=True)
            look = _look(client, found)
    except ConnectorError as error:
        known = {"supabase.schema": absent, "supabase.denied": denied}
        if error.code not in known:
            raise StartError(error.message, remedy=error.remedy) from error
        return Checked(url=access.url, flaws=(known[error.code](),), warnings=access.warnings)
    if not is_catalog(found):
        raise StartError(
            f"{access.url} is another Supabase than mkt's", remedy="Compare SUPABASE_URL with the dashboard."
        )
    warnings = (*access.warnings, *(missing(look) if look else ()))
    return Checked(url=access.url, flaws=tuple(flaws(found)), warnings=warnings)


def _look(client: "SupabaseClient", found: Any) -> QueueLook | None:
    """Return how the workers' queue stands; None before its migration, and where the catalog tells what is wrong."""
    from mkt.store.supabase.calls import Calls  # noqa: PLC0415 - the client may not be installed
    from mkt.store.supabase.queue import SupabaseQueue  # noqa: PLC0415 - the same

    if not is_catalog(found) or _QUEUE not in found["migrations"]:
        return None
    try:
        return SupabaseQueue(Calls(client)).look()
    except StoreError:
        return None
