"""What the ledger says of a path."""

from pathlib import Path

import pytest
from tests.engine.hooks import ROOT, HookRig

ONE_TIME = {"scheme": "connector", "inline": True, "secret_after": ["register"]}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"{ROOT}/register/the-token", f"{ROOT}/register/***"),
        (f"{ROOT}/register/register/the-token/more", f"{ROOT}/register/***"),
        (f"{ROOT}//register//the-token", f"{ROOT}//register//***"),
        (f"{ROOT}/Register/the-token", f"{ROOT}/Register/***"),
        (f"{ROOT}/%72egister%2Fthe-token", f"{ROOT}/register/***"),
        ("/hooks/acme/off/register/the-token", "/hooks/acme/off/register/***"),
        ("/hooks/nobody/roster/register/the-token", "/hooks/nobody/roster/register/***"),
        ("/hooks/acme/register/the-token", "/hooks/acme/register/***"),
        (f"{ROOT}/registers/a%20b", f"{ROOT}/registers/a%20b"),
        (f"{ROOT}/register/", f"{ROOT}/register/"),
    ],
)
def test_what_a_connector_calls_a_secret_of_its_path_is_in_no_ledger_and_no_event(
    tmp_path: Path, path: str, shown: str
) -> None:
    rig = HookRig(tmp_path, ONE_TIME)
    with rig.inbound() as inbound:
        inbound.receive(rig.arrival(path))
    (entry,) = rig.ledger()
    assert entry.path == shown
    assert "the-token" not in f"{entry} {rig.recorder.events}"


def test_the_same_word_in_another_connectors_path_hides_nothing(tmp_path: Path) -> None:
    rig = HookRig(tmp_path)
    with rig.inbound() as inbound:
        inbound.receive(rig.arrival(f"{ROOT}/register/17"))
    assert rig.ledger()[0].path == f"{ROOT}/register/17"
