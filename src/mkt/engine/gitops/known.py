"""What this installation knows that files and rows had in common: `.mkt/supabase.json`, by digest.

Of an integration that is being pushed both the old and the new digest are known, so that a push which was killed on
the way can be repeated.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mkt.configs.replacing import put_file
from mkt.engine.gitops.difference import Key, Known

_FILE: Final = Path(".mkt", "supabase.json")
_NOTE: Final = (
    "What the tenants' files and the rows of Supabase had in common last. Written by mkt config pull and push."
)


class CommonGround:
    """The file, for one project of Supabase; without one that can be read nothing is known, which is never unsafe."""

    def __init__(self, root: Path, project: str) -> None:
        self._path = root / _FILE
        self._project = project
        self._known = _read(self._path, project)

    @property
    def known(self) -> Known:
        return self._known

    def settle(self, targets: Mapping[Key, Iterable[str]]) -> None:
        """Remember these, in place of what was known of them; nothing at all of what has no digest."""
        self._known.update({key: frozenset(digests) for key, digests in targets.items()})
        self._known = {key: digests for key, digests in self._known.items() if digests}
        self._write()

    def _write(self) -> None:
        tenants: dict[str, dict[str, list[str]]] = {}
        for (tenant, name), digests in sorted(self._known.items()):
            tenants.setdefault(tenant, {})[name] = sorted(digests)
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        document = {"note": _NOTE, "project": self._project, "tenants": tenants}
        put_file(self._path, (json.dumps(document, indent=1) + "\n").encode())


def _read(path: Path, project: str) -> dict[Key, frozenset[str]]:
    try:
        document: Any = json.loads(path.read_bytes())
        if document["project"] != project:
            return {}
        return {
            (str(tenant), str(name)): frozenset(map(str, digests))
            for tenant, names in document["tenants"].items()
            for name, digests in names.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
