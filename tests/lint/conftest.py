"""A registry of made-up connectors, and lint over a folder of files."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mkt.configs.base import Problem
from mkt.contract import Manifest
from mkt.lint import check
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.settings import AllDefaults

HERE = Path(__file__).parent
Lint = Callable[..., list[Problem]]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> ConnectorRegistry:
    monkeypatch.syspath_prepend(HERE)
    manifest = Manifest.model_validate(yaml.safe_load((HERE / "acme_hr" / "manifest.yaml").read_text()))
    silent = manifest.model_copy(update={"id": "acme-sso", "streams": ()})
    return ConnectorRegistry(
        {
            "acme-hr": RegisteredConnector("acme-hr", "acme_hr", manifest),
            "acme-sso": RegisteredConnector("acme-sso", "acme_hr", silent),
            "acme-broken": RegisteredConnector("acme-broken", "acme_broken", None, "manifest.yaml: no such file"),
            "acme-unimportable": RegisteredConnector("acme-unimportable", "acme_nowhere", manifest),
        }
    )


@pytest.fixture
def lint(tmp_path: Path, registry: ConnectorRegistry) -> Lint:
    """Lint the files of a project: name below configs/ to text. `paths` as on the command line."""

    def run(files: dict[str, str], *paths: Path, defaults: AllDefaults | None = None) -> list[Problem]:
        for name, text in files.items():
            path = tmp_path / "configs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(
            paths,
            root=tmp_path,
            config_dir=Path("configs"),
            registry=registry,
            defaults=defaults or AllDefaults(),
            backends=[EnvBackend(), FileBackend(tmp_path), KeyringBackend()],
        )

    return run
