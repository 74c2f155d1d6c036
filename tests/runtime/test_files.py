from pathlib import Path

import pytest

from mkt.errors import ConfigError
from mkt.runtime.files import ProjectFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "packs").mkdir(parents=True)
    (project / "packs" / "one.zip").write_bytes(b"PK")
    (project / ".env").write_text("SECRET=1")
    (tmp_path / "outside").write_text("not ours")
    return project


def test_a_file_of_the_project_is_read(root: Path) -> None:
    with ProjectFiles(root).open("packs/../packs/one.zip") as file:
        assert file.read() == b"PK"


def test_an_absolute_path_within_the_project_is_read(root: Path) -> None:
    with ProjectFiles(root).open(str(root / "packs/one.zip")) as file:
        assert file.read() == b"PK"


def test_a_link_within_the_project_is_followed(root: Path) -> None:
    (root / "link").symlink_to(root / "packs" / "one.zip")
    with ProjectFiles(root).open("link") as file:
        assert file.read() == b"PK"


@pytest.mark.parametrize("path", ["../outside", "packs/../../outside", "/etc/passwd", "link"])
def test_nothing_outside_the_project_is_read(root: Path, path: str) -> None:
    (root / "link").symlink_to(root.parent / "outside")
    with pytest.raises(ConfigError, match="is outside the project") as raised:
        ProjectFiles(root).open(path)
    assert raised.value.code == "config.file"
    assert raised.value.remedy


@pytest.mark.parametrize("path", [".env", "packs/../.env", "shown"])
def test_hidden_files_are_not_for_connectors(root: Path, path: str) -> None:
    (root / "shown").symlink_to(root / ".env")
    with pytest.raises(ConfigError, match="is hidden"):
        ProjectFiles(root).open(path)


@pytest.mark.parametrize(
    ("path", "why"),
    [("packs", "is not a file"), ("", "is not a file"), ("gone", "does not exist"), ("a\0b", "cannot be read")],
)
def test_what_is_no_file_is_refused(root: Path, path: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ProjectFiles(root).open(path)


def test_a_loop_of_links_is_refused(root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    with pytest.raises(ConfigError):
        ProjectFiles(root).open("a")
