"""The functions that mkt's migrations made, called through the Data API; what fails is the store's error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from mkt.errors import ConnectorError, LeaseLost, StoreError
from mkt.runtime.supabase import SupabaseClient
from mkt.runtime.supabase_faults import SupabaseConflict

T = TypeVar("T")

_REFUSAL: Final = "mkt."
_LEASE_LOST: Final = "lease_lost"
_HALF: Final = "copying"
HALF_COPY: Final = "local.half_copy"
ERASE: Final = (
    "`mkt tenants remove NAME --purge --source yaml --store supabase` for each tenant. The tenant's file and what is"
    " sealed of it in Supabase go too: keep a copy of configs/, and store those secrets again."
)
_FORGET: Final = "`delete from mkt_private.copies` in the dashboard's SQL editor"
GIVE_UP: Final = f"To give it up: {_FORGET}; then erase what is there: {ERASE}"


class RefusalError(Exception):
    """What a function said with `mkt_private.refuse`: a word such as "hold_closed", and what it is about."""

    def __init__(self, word: str, about: str) -> None:
        super().__init__(f"{word} {about}".strip())
        self.word = word
        self.about = about


class Calls:
    """One project's functions. Safe to use from several threads."""

    def __init__(self, client: SupabaseClient) -> None:
        self.client = client

    def call(
        self, function: str, given: Mapping[str, Any], *, repeatable: bool = True, longest: float | None = None
    ) -> Any:
        """Call `public.FUNCTION` with each value under its name with `p_` before it, and return the JSON it answers.

        It is called again where the answer was lost, so it must have the same effect twice as once; or else it is
        not `repeatable`. What works on much at once may take `longest` seconds. Raise `LeaseLost`, `RefusalError`
        for its other refusals, `StoreError` where it could not be called.
        """
        arguments = {f"p_{name}": value for name, value in given.items()}
        return self.run(lambda client: client.rpc(function, arguments, repeatable=repeatable, longest=longest))

    def run(self, work: Callable[[SupabaseClient], T]) -> T:
        """Let the client work; raise as `call`."""
        try:
            return work(self.client)
        except SupabaseConflict as error:
            if error.reason.startswith(_REFUSAL):
                raise _refusal(*error.reason.removeprefix(_REFUSAL).partition(" ")[::2]) from None
            raise _store_error(error) from error
        except ConnectorError as error:
            raise _store_error(error) from error


class Part:
    """The methods of the store that are about one subject.

    `folder` is this host's own: what waits for Supabase to be there again, and which of its processes live.
    """

    def __init__(self, calls: Calls, folder: Path) -> None:
        self._calls = calls
        self._folder = folder

    def close(self) -> None:
        """Give back what the part holds; who overrides it calls the one above too."""


def _refusal(word: str, about: str) -> Exception:
    if word == _HALF:
        return StoreError(
            f"the store in Supabase is half a copy of {about}: it was begun and not finished",
            remedy=f"Run `mkt db copy` again with the same --from and --to: it goes on, and ends. {GIVE_UP}",
            code=HALF_COPY,
        )
    return LeaseLost(about) if word == _LEASE_LOST else RefusalError(word, about)


def _store_error(error: ConnectorError) -> StoreError:
    return StoreError(
        f"the store in Supabase failed: {error.message}",
        remedy=error.remedy,
        actor=error.actor,
        code=error.code,
        retry_at=error.retry_at,
    )
