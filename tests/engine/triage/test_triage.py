from dataclasses import replace

import pytest
from tests.engine.failing import Fleet
from tests.engine.rig import Rig

from mkt.configs.base import BrokenTenant, Position, Problem
from mkt.contract import AuthError, ConfigError, PartnerError, TransientError
from mkt.engine.selection import Selection
from mkt.engine.sync.run import SyncOptions
from mkt.engine.sync.sync import sync
from mkt.engine.triage.causes import Cause, find_cause
from mkt.engine.triage.triage import triage
from mkt.errors import Refused, StartError

DOWN = "GET https://{}.partner.example/x answered 503 Service Unavailable"
BROKEN = BrokenTenant("initech", (Problem("MKT101", "unexpected end", Position("configs/initech.yaml", 3)),), "1")


@pytest.fixture
def fleet(rig: Rig) -> Fleet:
    return Fleet(rig)


def _only(rig: Rig) -> Cause:
    (cause,) = triage(rig.engine)
    return cause


def test_where_nothing_fails_there_is_no_cause(rig: Rig, fleet: Fleet) -> None:
    fleet.turn()
    assert triage(rig.engine) == []


def test_what_never_ran_is_no_failure(rig: Rig, fleet: Fleet) -> None:
    assert fleet.tenants
    assert triage(rig.engine) == []


def test_many_tenants_of_one_cause_are_one_cause(rig: Rig, fleet: Fleet) -> None:
    for name in fleet.tenants:
        fleet.fail(TransientError(DOWN.format(name), remedy="wait", code="http.503"), name)
    fleet.turn()
    cause = _only(rig)
    assert cause.tenants == ("acme", "contoso", "globex")
    assert cause.targets == ("acme/roster", "contoso/roster", "globex/roster")
    assert (cause.standing, cause.failure.error_class, cause.failure.remedy) == ("failing", "transient", "wait")
    assert cause.next_command == f"mkt sync --cause {cause.fingerprint}"
    assert cause.example.run_id in {run.id for run in rig.store.runs()}


def test_the_cause_with_the_most_tenants_comes_first(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(AuthError("the password is wrong"), "acme")
    fleet.fail(TransientError("no answer"), "contoso", "globex")
    fleet.turn()
    assert [cause.tenants for cause in triage(rig.engine)] == [("contoso", "globex"), ("acme",)]


def test_a_broken_file_is_a_cause_of_ours(rig: Rig, fleet: Fleet) -> None:
    fleet.turn()
    rig.source.broken = [BROKEN]
    cause = _only(rig)
    assert (cause.standing, cause.tenants, cause.actor, cause.next_command) == (
        "broken",
        ("initech",),
        "us",
        "mkt lint",
    )


def test_it_is_the_partners_likely_where_many_tenants_fail_alike(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(AuthError("POST https://login.partner.example/token answered 401"))
    fleet.turn()
    assert _only(rig).actor == "partner"
    assert "3 tenants of scripted fail alike" in _only(rig).why_actor


def test_it_is_the_customers_likely_where_one_tenant_fails(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(AuthError("POST https://login.partner.example/token answered 401"), "acme")
    fleet.turn()
    assert (_only(rig).actor, _only(rig).why_actor) == ("customer", "")
    assert _only(rig).next_command == "mkt verify acme/roster"


def test_it_is_ours_where_what_we_wrote_is_wrong_however_many_fail(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(ConfigError("no such report"))
    fleet.turn()
    assert _only(rig).actor == "us"


def test_first_seen_is_when_it_began_and_not_when_it_was_seen_last(rig: Rig, fleet: Fleet) -> None:
    fleet.turn()
    fleet.fail(PartnerError("no data"))
    fleet.turn()
    began = rig.clock
    fleet.turn()
    assert (_only(rig).first_seen, _only(rig).last_seen) == (began, rig.clock)


def test_an_earlier_time_that_it_failed_so_is_another_story(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"))
    fleet.turn()
    fleet.mend()
    fleet.turn()
    fleet.fail(PartnerError("no data"))
    fleet.turn()
    assert _only(rig).first_seen == rig.clock


def test_what_is_disabled_fails_no_more(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"), "acme")
    fleet.turn()
    rig.source.configurations = [replace(c, enabled=False) for c in rig.source.configurations]
    assert triage(rig.engine) == []


def test_what_is_overdue_is_one_cause_for_all(rig: Rig, fleet: Fleet) -> None:
    fleet.turn()
    due = rig.clock
    rig.pass_time(hours=3)
    cause = _only(rig)
    assert (cause.standing, len(cause.tenants), cause.actor) == ("overdue", 3, "us")
    assert cause.first_seen
    assert due < cause.first_seen < rig.clock


def test_a_pause_keeps_the_cause_that_led_to_it(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(AuthError("the password is wrong"), "acme")
    fleet.turn()
    before = _only(rig).fingerprint
    for _ in range(5):
        fleet.turn()
    assert (_only(rig).standing, _only(rig).fingerprint) == ("paused", before)
    assert _only(rig).next_command == "mkt verify acme/roster"


def test_a_cause_is_found_by_any_unique_part(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"), "acme")
    fleet.fail(PartnerError("too much data"), "globex")
    fleet.turn()
    causes = triage(rig.engine)
    assert find_cause(causes, causes[0].fingerprint[2:10].upper()) == causes[0]
    with pytest.raises(Refused, match="nothing that stands now"):
        find_cause(causes, "zz")
    shared = next(char for char in causes[0].fingerprint if char in causes[1].fingerprint)
    with pytest.raises(Refused, match="part of 2 causes"):
        find_cause(causes, shared)
    with pytest.raises(Refused):
        find_cause(causes, "")


def test_a_sync_by_cause_runs_those_that_have_it_and_no_others(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"), "acme", "globex")
    fleet.fail(PartnerError("too much data"), "contoso")
    fleet.turn()
    cause = next(cause for cause in triage(rig.engine) if "acme" in cause.tenants)
    fleet.mend()
    options = SyncOptions(now=True)
    report = sync(rig.engine, Selection(cause=cause.fingerprint[:6]), options, concurrency=2)
    assert sorted((r.target, r.outcome) for r in report.results) == [("acme/roster", "ok"), ("globex/roster", "ok")]
    assert [c.tenants for c in triage(rig.engine)] == [("contoso",)]


def test_a_filter_narrows_a_cause_down(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"))
    fleet.turn()
    fingerprint, options = _only(rig).fingerprint, SyncOptions(now=True)
    report = sync(rig.engine, Selection(tenants=("globex",), cause=fingerprint), options, concurrency=2)
    assert [r.target for r in report.results] == ["globex/roster"]


def test_a_cause_that_a_filter_leaves_nothing_of_is_refused(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"), "acme")
    fleet.turn()
    with pytest.raises(StartError, match="no integration matches"):
        sync(
            rig.engine,
            Selection(tenants=("globex",), cause=_only(rig).fingerprint),
            SyncOptions(now=True),
            concurrency=2,
        )


def test_a_sync_by_a_cause_that_nothing_has_is_refused_and_runs_nothing(rig: Rig, fleet: Fleet) -> None:
    fleet.fail(PartnerError("no data"), "acme")
    fleet.turn()
    runs = len(rig.store.runs())
    with pytest.raises(Refused):
        sync(rig.engine, Selection(cause="zzz"), SyncOptions(now=True), concurrency=2)
    assert len(rig.store.runs()) == runs


def test_a_sync_by_the_cause_of_a_broken_file_reports_that_file_alone(rig: Rig, fleet: Fleet) -> None:
    fleet.turn()
    rig.source.broken = [BROKEN]
    report = sync(rig.engine, Selection(cause=_only(rig).fingerprint), SyncOptions(now=True), concurrency=2)
    assert [(r.target, r.outcome) for r in report.results] == [("initech", "failed")]
