"""`mkt db check`: asks Supabase for its catalog, and compares."""

from mkt.cli.wiring import build_supabase
from mkt.errors import ConnectorError, StartError
from mkt.output.database import Checked
from mkt.runtime.supabase_access import find_access
from mkt.settings import ProjectSettings
from mkt.store.supabase.catalog import absent, denied, flaws, is_catalog


def check_supabase(settings: ProjectSettings) -> Checked:
    """Return what was found; raise `StartError` where Supabase is not set up or does not answer."""
    access = find_access(settings.root)
    try:
        with build_supabase(settings)() as client:
            found = client.rpc("mkt_check", repeatable=True)
    except ConnectorError as error:
        known = {"supabase.schema": absent, "supabase.denied": denied}
        if error.code not in known:
            raise StartError(error.message, remedy=error.remedy) from error
        return Checked(url=access.url, flaws=(known[error.code](),), warnings=access.warnings)
    if not is_catalog(found):
        raise StartError(
            f"{access.url} is another Supabase than mkt's", remedy="Compare SUPABASE_URL with the dashboard."
        )
    return Checked(url=access.url, flaws=tuple(flaws(found)), warnings=access.warnings)
