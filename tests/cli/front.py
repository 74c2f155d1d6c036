"""What the tests of the command line share."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("MKT_", "GITHUB_"))}


@dataclass(frozen=True)
class Answer:
    """What a run of `mkt` gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Mkt = Callable[..., Answer]


@dataclass(frozen=True)
class Project:
    """A project's folder."""

    root: Path

    def write(self, tenant: str, **integration: Any) -> None:
        """Write a tenant's file: JSON is YAML."""
        given = {"name": "roster", "connector": "workday-hris", **integration}
        text = json.dumps({"tenant": tenant, "integrations": [given]}, indent=1)
        (self.root / "configs" / f"{tenant}.yaml").write_text(text)
