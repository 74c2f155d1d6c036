from pathlib import Path

import pytest

from mkt.settings import origin


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MKT_STORE", raising=False)
    (tmp_path / "mkt.toml").write_text('store = "sqlite:a"\n[defaults.guard]\nignore_below = 3\n')
    return tmp_path


def test_what_nobody_has_given_has_no_origin(root: Path) -> None:
    assert origin(("concurrency",), root, {"concurrency": None}) is None
    assert origin(("defaults", "guard", "max_delete_percent"), root, {}) is None
    assert origin(("store", "below"), root, {}) is None


def test_the_file_is_named_with_the_key(root: Path) -> None:
    assert origin(("defaults", "guard", "ignore_below"), root, {}) == f"{root}/mkt.toml: defaults.guard.ignore_below"


def test_the_nearest_to_the_person_wins(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".env").write_text("MKT_STORE=sqlite:b\n")
    assert origin(("store",), root, {}) == f"{root}/.env: MKT_STORE"
    monkeypatch.setenv("MKT_STORE", "sqlite:c")
    assert origin(("store",), root, {}) == "variable MKT_STORE"
    assert origin(("store",), root, {"store": "sqlite:d"}) == "--store"


def test_an_empty_variable_gives_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_STORE", "")
    assert origin(("store",), root, {}) == f"{root}/mkt.toml: store"
