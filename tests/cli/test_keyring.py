"""Integrations whose secrets are in a real keyring: a Secret Service in a session of its own."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.front import Project
from tests.cli.process import run

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
VALUES = ("WORKDAY_REFRESH_TOKEN", "WORKDAY_CLIENT_ID", "WORKDAY_CLIENT_SECRET")
SESSION = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "DISPLAY", "WAYLAND_DISPLAY")


@pytest.fixture
def workday(project: Project) -> Iterator[WorkdaySimulator]:
    """A partner that northwind/roster is connected to by a refresh token."""
    with WorkdaySimulator() as partner:
        project.write("northwind", settings=partner.settings("rest"))
        yield partner


@pytest.fixture
def inside(session: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Be in the session, with a keyring that holds nothing of ours."""
    for name, value in session.items():
        monkeypatch.setenv(name, value)
    return session


def store(partner: WorkdaySimulator) -> None:
    for name, value in partner.secrets("rest").items():
        answer = run("secrets", "set", "northwind", name, input=value.encode())
        assert (answer.code, value in answer.out) == (0, False), answer.err


def place(name: str) -> Any:
    return run("secrets", "which", "northwind", name, "-o", "json").document["place"]


@pytest.mark.usefixtures("inside")
def test_what_is_set_in_the_keyring_is_verified_and_synced(workday: WorkdaySimulator) -> None:
    store(workday)
    assert {place(name) for name in VALUES} == {f"keyring:mkt/northwind/roster/{name}" for name in VALUES}
    assert run("verify").code == 0
    assert run("sync", "--all").code == 0
    assert int(run("records", "list", "-o", "json").document[0]["live"]) > 0


@pytest.mark.usefixtures("inside")
def test_a_rotated_refresh_token_is_written_back_to_the_keyring(workday: WorkdaySimulator) -> None:
    store(workday)
    workday.tokens.rotates = True
    before = workday.tokens.refresh_token
    for _ in range(2):  # the second run works with what the first one wrote
        assert run("sync", "--all").code == 0
        workday.tokens.revoke()
    assert workday.tokens.refresh_token != before


@pytest.mark.usefixtures("inside")
def test_a_value_is_copied_to_a_file_and_deleted_from_the_keyring(workday: WorkdaySimulator) -> None:
    store(workday)
    copied = run("secrets", "copy", "northwind", "northwind", "WORKDAY_CLIENT_SECRET", "--to", "file")
    assert "put `WORKDAY_CLIENT_SECRET: file:.secrets/northwind/roster/WORKDAY_CLIENT_SECRET`" in copied.out
    assert run("secrets", "delete", "northwind", "WORKDAY_CLIENT_SECRET").code == 0
    assert run("secrets", "which", "northwind", "WORKDAY_CLIENT_SECRET").code == 1
    assert Path(".secrets/northwind/roster/WORKDAY_CLIENT_SECRET").read_text() == f"{workday.client[1]}\n"


def test_a_locked_keyring_is_said_by_every_command(
    workday: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    from tests.secret_service import lock, secret_service  # noqa: PLC0415 - its libraries are there on Linux alone

    with secret_service() as session:
        for name, value in session.items():
            monkeypatch.setenv(name, value)
        store(workday)
        lock(session)
        project.write(
            "northwind",
            settings=workday.settings("rest"),
            secrets={name: f"keyring:mkt/northwind/roster/{name}" for name in VALUES},
        )
        said = [
            run("verify", "-o", "table"),
            run("secrets", "set", "northwind", VALUES[0], input=b"new-value"),
            run("doctor"),
        ]
    for answer in said:
        assert answer.code == 1
        assert "the keyring is locked" in answer.out + answer.err
        assert "nlock it: log in" in answer.out + answer.err


@pytest.mark.parametrize("written", [True, False])
def test_without_any_keyring_the_environment_is_enough(
    workday: WorkdaySimulator, project: Project, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    for name in SESSION:
        monkeypatch.delenv(name, raising=False)
    variables = {f"MKT_SECRET__NORTHWIND__ROSTER__{name}": value for name, value in workday.secrets("rest").items()}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if written:
        references = {name: f"env:MKT_SECRET__NORTHWIND__ROSTER__{name}" for name in VALUES}
        project.write("northwind", settings=workday.settings("rest"), secrets=references)
    assert "there is no keyring" in run("doctor").out
    assert run("verify").code == 0
    assert run("sync", "--all").code == 0


def test_a_rotated_token_that_cannot_be_written_is_said(
    workday: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in workday.secrets("rest").items():
        monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
    workday.tokens.rotates = True
    answer = run("sync", "--all")
    assert answer.code == 0
    assert "its reference cannot be written" in answer.out
