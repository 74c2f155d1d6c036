"""Whether the store can be used, before anything starts."""

from mkt.errors import StartError, StoreError
from mkt.store.supabase.calls import HALF_COPY, Calls
from mkt.store.supabase.migrations import MIGRATIONS


def prepare(calls: Calls, *, half: bool = False) -> None:
    """Ask whether mkt's functions are all there, in one call; raise `StartError` where the store cannot be used.

    What a newer mkt has added does no harm: hosts are upgraded one after the other. With `half`, half a copy can be
    used too: who begins a copy finds out at once what it would fail for at its end.
    """
    try:
        found = calls.call("mkt_open", {})
    except StoreError as error:
        if half and error.code == HALF_COPY:
            return
        raise StartError(error.message, remedy=error.remedy) from error
    if not isinstance(found, dict) or not isinstance(found.get("migrations"), list):
        raise StartError(
            "the store in Supabase gave an answer that is not mkt's",
            remedy="Compare SUPABASE_URL with the dashboard.",
        )
    missing = [migration.name for migration in MIGRATIONS if migration.name not in found["migrations"]]
    if missing:
        raise StartError(
            f"the store in Supabase is older than this mkt: not applied yet: {', '.join(missing)}",
            remedy="Run `mkt db init`, then `supabase db push`.",
        )
