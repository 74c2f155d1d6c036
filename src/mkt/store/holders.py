"""Which processes of this host are alive: each holds a lock on a file of its own for as long as it lives.

The kernel drops an flock(2) when its process ends, however it ends, and after a reboot nobody holds any.
"""

import fcntl
import os
import platform
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


class Holders:
    """The folder of the holders' files, and this process's own file in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: tuple[str, int] | None = None

    def own(self) -> str:
        """Return the name of this process; the first call makes its file and removes those of dead processes."""
        if self._own is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path in self._folder.iterdir():
                self.alive(path.name)
            while self._own is None:
                self._own = self._claim(str(uuid4()))
        return self._own[0]

    def alive(self, name: str) -> bool:
        """Tell whether that process lives; the file of a dead one is removed."""
        path = self._folder / name
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except PermissionError:
            return True  # another user's process: only the expiry can tell
        try:
            # Shared, so that two processes that ask at the same time do not take each other for the holder.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def named(self, name: str) -> str:
        """Return which process that is, as a person finds it."""
        try:
            return (self._folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""  # it has ended meanwhile, or is another user's

    def close(self) -> None:
        if self._own is not None:
            name, descriptor = self._own
            (self._folder / name).unlink(missing_ok=True)
            os.close(descriptor)
            self._own = None

    def _claim(self, name: str) -> tuple[str, int] | None:
        """Make and lock a file; None when another process, cleaning up, was quicker than our lock."""
        path = self._folder / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                os.write(descriptor, f"process {os.getpid()} on host {platform.node()}".encode())
                return name, descriptor
        os.close(descriptor)
        return None
