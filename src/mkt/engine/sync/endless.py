"""A partner that gives the same pages for ever."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from mkt.contract import PartnerError
from mkt.store.base import Row

REPEATS: Final = 100
"""So many pages in a row that all have been there before are no accident, whatever their cursors say."""
_DIGEST: Final = itemgetter(4)
"""Of a row."""


class Pages:
    """Remembers the pages of one run; a page is what stands between two checkpoints."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeated = 0

    def note(self, rows: Sequence[Row]) -> None:
        """Note a page; raise `PartnerError` when nothing new has come for too long."""
        if not rows:
            return
        # With ids and scopes at both ends: a teacher of a hundred courses is no page that comes again.
        page = hash((rows[0], rows[-1], b"".join(map(_DIGEST, rows))))
        self._repeated = self._repeated + 1 if page in self._seen else 0
        self._seen.add(page)
        if self._repeated >= REPEATS:
            raise PartnerError(
                f"the partner repeats its pages of {rows[-1].stream}: {REPEATS} in a row had been read before",
                remedy="Give the partner's support this line: their paging does not come to an end. Where the"
                " settings have a page size, try another.",
                code="partner.endless_pages",
            )
