"""A config folder to load from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mkt.configs.base import Configs
from mkt.configs.yaml import YamlSource
from mkt.settings import AllDefaults

Load = Callable[..., Configs]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write files below configs/ and load the folder."""

    def run(files: dict[str, str | bytes], defaults: AllDefaults | None = None) -> Configs:
        for name, text in files.items():
            path = tmp_path / "configs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return YamlSource(Path("configs"), tmp_path, defaults or AllDefaults()).load()

    return run
