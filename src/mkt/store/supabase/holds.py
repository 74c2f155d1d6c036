"""What the guard stopped: looked at, approved, rejected.

Each verdict is one call and one transaction, and has a number of its own: made again after a lost answer, it gets the
answer of the first.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from mkt.contract import Stream
from mkt.errors import Refused, StoreError
from mkt.store.base import ChangedRecord, Hold, IntegrationState, Key, Lease
from mkt.store.base import Part as Kind
from mkt.store.supabase.calls import Part, RefusalError
from mkt.store.supabase.holding import hold_of
from mkt.store.supabase.json_values import as_json
from mkt.store.supabase.states import state_row
from mkt.store.supabase.writer import LONGEST

_PAGE: Final = 500


class Holds(Part):
    """What the guard stopped."""

    def holds(self, keys: Collection[Key] | None = None, *, closed: bool = True) -> list[Hold]:
        wanted = None if keys is None else [list(key) for key in keys]
        return [hold_of(row) for row in self._hold_rows(keys=wanted, part="", closed=closed)]

    def find_holds(self, part: str) -> list[Hold]:
        return [hold_of(row) for row in self._hold_rows(keys=None, part=part, closed=True)]

    def hold_records(
        self, hold_id: str, limit: int, streams: Collection[Stream] = ()
    ) -> dict[Stream, list[ChangedRecord]]:
        found = next((hold for hold in self.find_holds(hold_id) if hold.id == hold_id), None)
        if found is None or found.state != "open":
            return {}
        given = {"hold_id": hold_id, "streams": list(streams), "limit": limit}
        answer = self._calls.call("mkt_hold_records", {**_key(found.key), **given}, longest=LONGEST)
        return {stream: [_changed(row) for row in rows] for stream, rows in answer.items()}

    def approve(self, lease: Lease, hold_id: str, *, state: IntegrationState, reason: str = "") -> Hold:
        return self._decide("mkt_approve_hold", lease, hold_id, state=state_row(state), reason=as_json(reason))

    def approve_part(self, lease: Lease, hold_id: str, part: Collection[Kind], *, state: IntegrationState) -> Hold:
        return self._decide("mkt_approve_part", lease, hold_id, kinds=list(part), state=state_row(state))

    def reject(self, lease: Lease, hold_id: str, *, reason: str = "") -> Hold:
        return self._decide("mkt_reject_hold", lease, hold_id, reason=as_json(reason))

    def _decide(self, function: str, lease: Lease, hold_id: str, **given: Any) -> Hold:
        """Let the database decide, then remove what is left of the staging, which nobody sees any more."""
        who = {**_key(lease.key), "epoch": lease.epoch, "attempt": str(uuid4()), "hold_id": hold_id}
        try:
            answer = self._calls.call(function, {**who, **given}, longest=LONGEST)
        except RefusalError as refusal:
            raise _refused(refusal, hold_id, "/".join(lease.key)) from None
        if answer["staging"] is not None:
            # What fails here is done by the integration's next run: the verdict is given.
            with suppress(StoreError):
                left = {**_key(lease.key), "staging": answer["staging"]}
                self._calls.call("mkt_sync_clear", left, longest=LONGEST)
        return hold_of(answer["hold"])

    def _hold_rows(self, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Ask page by page."""
        place: list[Any] | None = None
        while True:
            page = self._calls.call("mkt_holds", {**wanted, "place": place, "limit": _PAGE})
            yield from page
            if len(page) < _PAGE:
                return
            place = [page[-1]["state"] != "open", page[-1]["opened_at"], page[-1]["id"]]


def _key(key: Key) -> dict[str, str]:
    return {"tenant": key.tenant, "integration": key.integration}


def _changed(row: list[Any]) -> ChangedRecord:
    return ChangedRecord(external_id=row[0], change=row[1], before=row[2], after=row[3])


def _refused(refusal: RefusalError, hold_id: str, target: str) -> Refused:
    again = f"Reject the hold; `mkt sync {target} --now` then looks at the partner anew."
    if refusal.word == "drifted":
        what = f"record {refusal.about} of {target} has changed since it was shown, so nothing was applied"
        return Refused(what, remedy=again)
    if refusal.word == "hold_empty":
        return Refused(f"the hold {hold_id} of {target} has lost what it would change", remedy=again)
    what = f"was {refusal.about} already" if refusal.about else "is not there any more"
    return Refused(f"the hold {hold_id} of {target} {what}", remedy="See `mkt holds list`.")
