"""What was refused, in the ledger: soon, of a flood only some, and nothing lost where the store fails."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.engine.hooks import ROOT, HookRig, said, until

from mkt.engine.webhooks import refusals
from mkt.engine.webhooks.refusals import SAMPLE
from mkt.errors import StoreError
from mkt.store.deliveries import Delivery


@pytest.fixture
def rig(tmp_path: Path) -> HookRig:
    return HookRig(tmp_path)


def test_a_refusal_is_in_the_ledger_at_once_and_what_follows_is_written_together(
    rig: HookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_PAUSE_SECONDS", 3600.0)
    with rig.inbound() as inbound:
        inbound.receive(rig.arrival())
        until(rig.ledger)
        inbound.receive(rig.arrival())
    assert len(rig.ledger()) == 2, "the end waits for no pause"


def test_a_refusal_that_the_store_does_not_take_is_written_when_it_does(
    rig: HookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, tries = rig.store.keep_deliveries, []

    def fail_once(deliveries: Sequence[Delivery]) -> None:
        tries.append(deliveries)
        if len(tries) == 1:
            raise StoreError("the disk is full", remedy="Make room.")
        keep(deliveries)

    monkeypatch.setattr(rig.store, "keep_deliveries", fail_once)
    with rig.inbound() as inbound:
        inbound.receive(rig.arrival())
        until(rig.ledger)
    assert len(tries) == 2


def test_a_flood_of_refusals_has_some_entries_and_one_for_the_rest(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        ids = {said(inbound.receive(rig.arrival()))["delivery"] for _ in range(500)}
    entries = rig.ledger()
    assert len(entries) == SAMPLE + 1
    assert sum(entry.count for entry in entries) == 500
    assert {entry.id for entry in entries} <= ids
    assert rig.events().count("webhook.rejected") == SAMPLE


def test_a_flood_does_not_tell_which_integrations_there_are(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        for path in ("/hooks/acme/nothing", ROOT):
            ids = {said(inbound.receive(rig.arrival(path)))["delivery"] for _ in range(SAMPLE + 5)}
            assert len(ids) == SAMPLE + 5


def test_the_next_minute_has_its_own_entries(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        for _ in range(2):
            for _ in range(SAMPLE + 5):
                inbound.receive(rig.arrival())
            rig.pass_time(minutes=1)
    assert sorted(entry.count for entry in rig.ledger())[-2:] == [5, 5]
