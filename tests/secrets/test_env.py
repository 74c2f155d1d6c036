import pytest

from mkt.secrets.base import WritableBackend
from mkt.secrets.env import EnvBackend


def test_a_variable_is_read_when_it_is_asked_for() -> None:
    environ: dict[str, str] = {}
    backend = EnvBackend(environ)
    environ["NAME"] = "value"
    assert backend.read("NAME") == "value"


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
