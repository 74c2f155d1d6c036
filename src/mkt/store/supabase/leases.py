"""One run at a time for each integration.

Time is the database's, so that hosts need not agree on it. A holder says which process of which host it is: one of
this host that is dead is not waited for. Another host's lives until its lease expires.
"""

import platform
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from mkt.errors import StoreError
from mkt.store.base import Key, Lease
from mkt.store.holders import Holders
from mkt.store.supabase.calls import Calls, Part

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Leases(Part):
    """One run at a time for each integration."""

    def __init__(self, calls: Calls, folder: Path) -> None:
        super().__init__(calls, folder)
        self._holders = Holders(folder / "holders")
        self._naming = threading.Lock()
        self._own = ""
        self._ended: set[Lease] = set()

    def acquire(self, key: Key) -> Lease | None:
        own, attempt = self._named(), str(uuid4())
        found = self._take(key, own, attempt, dead=None)
        if found["epoch"] is None and self._is_dead(found["holder"]):
            found = self._take(key, own, attempt, dead=found["holder"])
        return None if found["epoch"] is None else Lease(key, own, found["epoch"])

    def holder(self, key: Key) -> str:
        found: str = self._calls.call("mkt_holder", {"tenant": key.tenant, "integration": key.integration})
        return "" if self._is_dead(found) else found.split(" ", 2)[-1]

    def renew(self, leases: Collection[Lease]) -> None:
        if leases:
            # Not again where the answer was lost: the next heartbeat comes sooner than a second try would end.
            given = {"leases": [[*lease.key, lease.epoch] for lease in leases]}
            self._calls.call("mkt_renew", given, repeatable=False)

    def release(self, lease: Lease) -> None:
        if lease in self._ended:
            self._ended.discard(lease)
        else:
            given = {"tenant": lease.key.tenant, "integration": lease.key.integration, "epoch": lease.epoch}
            self._calls.call("mkt_release", given)

    def ended(self, lease: Lease) -> None:
        """Note that the end of the run has given the lease back already."""
        self._ended.add(lease)

    def close(self) -> None:
        super().close()
        self._holders.close()

    def _take(self, key: Key, own: str, attempt: str, *, dead: str | None) -> dict[str, Any]:
        given = {"tenant": key.tenant, "integration": key.integration}
        taken: dict[str, Any] = self._calls.call(
            "mkt_acquire", {**given, "holder": own, "attempt": attempt, "dead": dead}
        )
        return taken

    def _named(self) -> str:
        """Return this process as a holder: its file, the place of the file, and words for people."""
        with self._naming, self._local_faults():
            if not self._own:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                name = self._holders.own()
                self._own = f"{name} {_place(self._folder)} {self._holders.named(name)}"
            return self._own

    def _is_dead(self, holder: str) -> bool:
        """Tell whether that is a process of this host that has ended."""
        name, _, rest = holder.partition(" ")
        with self._local_faults():
            here = self._folder.is_dir() and rest.partition(" ")[0] == _place(self._folder)
            return here and not self._holders.alive(name)

    @contextmanager
    def _local_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"the folder {self._folder}, where each mkt of this host says that it lives, cannot be used: "
                f"{error.strerror}",
                remedy="Give the user that runs mkt the right to write that folder, and space on its disk.",
                code="local.store",
            ) from error


def _place(folder: Path) -> str:
    """Return a name of this folder on this host since it was started: a copy, or a clone, has another."""
    found = folder.stat()
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else ""
    text = f"{platform.node()} {boot} {found.st_dev} {found.st_ino}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
