"""`mkt db init`: the migrations, where the Supabase CLI looks for them."""

from pathlib import Path

from mkt.errors import StartError
from mkt.output.database import Written
from mkt.store.supabase.migrations import FOLDER, MIGRATIONS


def write_migrations(root: Path) -> list[Written]:
    """Write what is not there yet. What is there stays as it is; raise `StartError` where nothing can be written."""
    folder = root / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_written(folder / migration.path.name, migration.text) for migration in MIGRATIONS]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "a file in it is not UTF-8"
        raise StartError(f"{folder} cannot be written: {why}", remedy="Correct its permissions.") from None


def _written(path: Path, text: str) -> Written:
    shown = f"{FOLDER}/{path.name}"
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        same = path.read_text(encoding="utf-8") == text
        return Written(path=shown, state="kept" if same else "differs")
    return Written(path=shown, state="wrote")
