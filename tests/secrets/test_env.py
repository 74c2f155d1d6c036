from pathlib import Path

import pytest

from mkt.errors import ConfigError
from mkt.secrets.base import WritableBackend
from mkt.secrets.env import EnvBackend


def test_a_variable_is_read_when_it_is_asked_for() -> None:
    environ: dict[str, str] = {}
    backend = EnvBackend(environ)
    environ["NAME"] = "value"
    assert backend.read("NAME") == "value"


def test_what_the_environment_lacks_is_read_from_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# ours\nNAME='it is #1 $HOME'\nexport OTHER=from-file\n", encoding="utf-8")
    backend = EnvBackend({"OTHER": "from-environment"}, tmp_path / ".env")
    assert (backend.read("NAME"), backend.read("OTHER")) == ("it is #1 $HOME", "from-environment")
    assert backend.read("NONE") is None
    assert EnvBackend({}, tmp_path / "none").read("NAME") is None


def test_a_file_that_cannot_be_read_is_an_error_without_its_content(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"NAME=s3cret\xff")
    with pytest.raises(ConfigError, match=r"\.env cannot be read: it is not UTF-8"):
        EnvBackend({}, tmp_path / ".env").read("NAME")


def test_a_variable_that_is_not_set_is_not_there() -> None:
    assert EnvBackend({}).read("NAME") is None


@pytest.mark.parametrize("locator", ["NAME", "_x1", "lower_case"])
def test_a_variable_name_is_well_formed(locator: str) -> None:
    assert EnvBackend({}).check(locator) == ""


@pytest.mark.parametrize("locator", ["1NAME", "MY-NAME", "A B", "NAME=1", "NAME\n"])
def test_what_no_shell_can_set_is_not_a_variable_name(locator: str) -> None:
    problem = EnvBackend({}).check(locator)
    assert "name of a variable" in problem
    assert locator not in problem


def test_the_environment_cannot_be_written_back_to() -> None:
    assert not isinstance(EnvBackend({}), WritableBackend)
