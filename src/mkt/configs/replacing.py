"""Files of the config folder, written whole or not at all, by one process at a time."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mkt.errors import Refused

_NEW: Final = 0o666


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Put new content in place of the old, with owner and permissions kept; a link stays a link.

    Raise `Refused` where somebody has changed the file meanwhile, or where it cannot be written.
    """
    real = path.resolve()
    with _told(path), _alone(real.parent):
        if real.read_bytes() != before:
            raise Refused(f"{path} was changed meanwhile; nothing was written", remedy="Ask again.")
        with _temporary(real) as temporary:
            _write(temporary, after)
            _take_over(real, temporary)
            temporary.replace(real)


def put_file(path: Path, content: bytes) -> None:
    """Write a file whole, new or in place of another; raise `Refused` where it cannot be written."""
    real = path.resolve()
    with _told(path), _temporary(real) as temporary:
        _write(temporary, content)
        if real.exists():
            _take_over(real, temporary)
        else:
            temporary.chmod(_NEW & ~_umask())
        temporary.replace(real)


def create_file(path: Path, content: bytes, instead: str) -> None:
    """Write a new file; raise `Refused` where there is one (with what to do instead) or it cannot be written."""
    with _told(path, instead):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent), path.open("xb") as file:
            try:
                file.write(content)
                file.flush()
            except OSError:
                path.unlink()  # half a file is worse than none
                raise


def remove_file(path: Path, before: bytes) -> None:
    """Remove a file; raise `Refused` where somebody has changed it meanwhile, or where that cannot be done."""
    with _told(path), _alone(path.parent):
        if path.read_bytes() != before:
            raise Refused(f"{path} was changed meanwhile; it stays", remedy="Look at it, and ask again.")
        path.unlink()


@contextmanager
def _told(path: Path, instead: str = "Ask again.") -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise Refused(f"{path} is there already", remedy=instead) from None
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror}",
            remedy="Correct the permissions of the file and its folder.",
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes of mkt from reading what is about to be replaced."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yield a new file beside this one; hidden, so that no loader takes it for a tenant's."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _umask() -> int:
    """Return what new files of this process are not to have; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _take_over(old: Path, new: Path) -> None:
    status = old.stat()
    with suppress(PermissionError):  # only root gives files away
        os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o7777)
