"""The migrations, as the Supabase CLI takes them: applied in the order of their names, unchanged once released."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

FOLDER: Final = "supabase/migrations"
"""Where the Supabase CLI looks for them, below the project."""


@dataclass(frozen=True)
class Migration:
    """One file."""

    path: Path

    @property
    def name(self) -> str:
        """The name that the database knows it by."""
        return self.path.stem

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


MIGRATIONS: Final = tuple(Migration(path) for path in sorted(Path(__file__).parent.glob("*.sql")))


def place_of(statement: str) -> str:
    """Return where the statement stands that begins so, as `supabase/migrations/FILE:LINE`; empty for none.

    Of several the last is meant: it is the one in force, also where it begins with `create or replace`.
    """
    found = ""
    begins = re.escape(statement).replace(r"create\ ", r"create\ (?:or\ replace\ )?", 1)
    for migration in MIGRATIONS:
        for match in re.finditer(rf"^\s*{begins}(?!\w)", migration.text, re.MULTILINE):
            line = migration.text.count("\n", 0, match.start()) + 1 + match[0].count("\n")
            found = f"{FOLDER}/{migration.path.name}:{line}"
    return found
