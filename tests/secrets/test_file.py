import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.unprivileged import UNPRIVILEGED

from mkt.errors import ConfigError
from mkt.secrets.file import FileBackend


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"s3cret\n\n", "s3cret\n"),
        (b" s3cret ", " s3cret "),
        ("schlüssel".encode(), "schlüssel"),
    ],
)
def test_one_line_break_at_the_end_is_no_part_of_the_value(tmp_path: Path, written: bytes, value: str) -> None:
    (tmp_path / "token").write_bytes(written)
    assert FileBackend(tmp_path).read("token") == value


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    assert FileBackend(Path("/elsewhere")).read(str(tmp_path / "token")) == "s3cret"


def test_a_file_that_does_not_exist_is_not_there(tmp_path: Path) -> None:
    assert FileBackend(tmp_path).read("token") is None


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(ConfigError, match="file:token is not a regular file") as raised:
        FileBackend(tmp_path).read("token")
    assert raised.value.code == "config.secret_file"
    assert raised.value.remedy


def test_bytes_that_are_no_text_are_an_error_without_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"abc\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text") as raised:
        FileBackend(tmp_path).read("token")
    assert "abc" not in raised.value.message


_READ = """
import sys
from pathlib import Path
from mkt.errors import ConfigError
from mkt.secrets.file import FileBackend
try:
    FileBackend(Path(sys.argv[1])).read("token")
except ConfigError as error:
    print(error.message)
"""


def test_an_unreadable_file_is_an_error_and_not_a_missing_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "token").chmod(0)
    child = [*UNPRIVILEGED, sys.executable, "-c", _READ, str(tmp_path)]
    said = subprocess.run(child, capture_output=True, text=True, check=True).stdout
    assert "cannot be read: Permission denied" in said


def test_a_name_that_is_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        FileBackend(tmp_path).read("x" * 300)


def test_a_path_cannot_hold_a_nul(tmp_path: Path) -> None:
    assert FileBackend(tmp_path).check("to\0ken")
    assert FileBackend(tmp_path).check("secrets/token") == ""


def test_what_is_written_is_read_by_this_account_alone(tmp_path: Path) -> None:
    backend = FileBackend(tmp_path)
    backend.write(".secrets/north/roster/KEY", "-----BEGIN\nline\n-----END")
    path = tmp_path / ".secrets/north/roster/KEY"
    assert backend.read(".secrets/north/roster/KEY") == "-----BEGIN\nline\n-----END"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in list(path.parents)[:3]} == {0o700}
    assert (tmp_path / ".secrets/.gitignore").read_text() == "*\n"


def test_a_file_is_replaced_whole_and_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a much longer value than the new one\n")
    (tmp_path / "link").symlink_to("real")
    FileBackend(tmp_path).write("link", "new")
    assert (tmp_path / "real").read_text() == "new\n"
    assert (tmp_path / "link").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"real", "link"}


def test_a_place_that_cannot_be_written_is_said_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(ConfigError, match="file:folder/token cannot be written: Not a directory"):
        FileBackend(tmp_path).write("folder/token", "s3cret")
    (tmp_path / "token").mkdir()
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        FileBackend(tmp_path).write("token", "s3cret")
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "token"}


def test_a_deleted_file_is_gone_and_cannot_be_deleted_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    assert FileBackend(tmp_path).delete("token") is True
    assert FileBackend(tmp_path).delete("token") is False
    (tmp_path / "token").mkdir()
    with pytest.raises(ConfigError, match="cannot be deleted"):
        FileBackend(tmp_path).delete("token")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_that_does_not_end_in_a_carriage_return_comes_back_as_it_was(value: str) -> None:
    assume(not value.endswith("\r"))
    with TemporaryDirectory() as folder:
        FileBackend(Path(folder)).write("token", value)
        assert FileBackend(Path(folder)).read("token") == value
