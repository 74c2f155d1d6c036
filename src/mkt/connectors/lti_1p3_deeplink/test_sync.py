from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mkt.connectors.lti_1p3_deeplink.access import with_limit
from mkt.connectors.lti_1p3_deeplink.simulator import LtiSimulator
from mkt.contract import Change, Complete, ConnectorEvent, PartnerError, Record
from mkt.simulation import Exchange, Fault, Reply, faults
from mkt.testing.workbench import Workbench

PATH = "courses/{}/"
FEW = 9  # below the guard's `ignore_below`, so that a whole course may leave


@contextmanager
def platform(
    folder: Path, variant: str = "canvas", size: int = FEW, **settings: Any
) -> Iterator[tuple[LtiSimulator, Workbench]]:
    with LtiSimulator(size) as partner, Workbench(folder, partner, variant) as bench:
        bench.configure({**bench.configuration.settings, **settings})
        yield partner, bench


def linking(link: str) -> Fault:
    """Let the partner answer with another Link header."""

    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        reply = answer()
        exchange.send(replace(reply, headers={**reply.headers, "Link": link}))

    return fault


def courses_of(bench: Workbench) -> set[str]:
    return {str(data["org_unit_id"])[-1] for data in bench.records().get("memberships", {}).values()}


def completes(changes: list[Change]) -> dict[str, str]:
    return {c.scope[-1]: c.listing for c in changes if isinstance(c, Complete) and c.stream == "memberships"}


def warnings(bench: Workbench) -> list[ConnectorEvent]:
    return [event for event in bench.recorder.events if event.event == "connector.message"]


def asked(partner: LtiSimulator, since: int = 0) -> list[str]:
    """Return what was asked of member lists after so many requests."""
    return [r.target for r in partner.requests[since:] if r.method == "GET"]


# pages


def test_the_next_page_is_asked_for_as_it_is_written(tmp_path: Path) -> None:
    with platform(tmp_path, size=25) as (partner, bench):
        bench.sync()
        assert "/api/lti/courses/1/names_and_roles?limit=1000&page=bookmark:WzVd" in asked(partner)


def test_moodle_gets_the_one_media_type_it_takes_and_its_own_limit(tmp_path: Path) -> None:
    with platform(tmp_path, "moodle", size=25) as (partner, bench):
        assert bench.sync().outcome == "ok"
        first, second, *_ = asked(partner)
        assert first.endswith("/memberships?limit=6")
        assert second.endswith("/memberships?limit=6&from=6")
        lists = [r for r in partner.requests if r.method == "GET"]
        media = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
        assert {r.headers["accept"] for r in lists} == {media}


@pytest.mark.parametrize(
    ("url", "asked_for"),
    [
        ("https://x.example/m", "https://x.example/m?limit=1000"),
        ("https://x.example/m?rlid=a%2Fb", "https://x.example/m?rlid=a%2Fb&limit=1000"),
        ("https://x.example/m?", "https://x.example/m?limit=1000"),
        ("https://x.example/m?limit=5", "https://x.example/m?limit=5"),
        ("https://x.example/m?limit=", "https://x.example/m?limit="),
    ],
)
def test_an_address_keeps_its_query(url: str, asked_for: str) -> None:
    assert with_limit(url) == asked_for


def test_one_page_is_a_snapshot_and_several_are_not(tmp_path: Path) -> None:
    with platform(tmp_path, size=15) as (_, bench):
        assert completes(list(bench.changes())) == {"1": "offset", "2": "snapshot", "3": "snapshot"}


@pytest.mark.parametrize(
    "link",
    [
        '<https://elsewhere.example/steal?page=2>; rel="next"',
        '<http://127.0.0.1:1/steal?page=2>; rel="next"',
        '<https://[/steal>; rel="next"',
    ],
)
def test_a_next_page_on_another_server_is_never_asked_for(tmp_path: Path, link: str) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(linking(link), path=PATH.format(1), times=None)
        assert bench.sync().outcome == "ok", "the other courses are read"
        assert courses_of(bench) == {"2", "3"}
        assert warnings(bench)[0].details["code"] == "lti.course_link"


@pytest.mark.parametrize(
    "link",
    [
        '</api/lti/courses/1/names_and_roles?limit=1000>; rel="next"',
        '</api/lti/courses/1/names_and_roles?page=bookmark:WzBd>; rel="next"',
    ],
)
def test_a_list_without_an_end_is_given_up(tmp_path: Path, link: str) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(linking(link), path=PATH.format(1), times=None)
        assert bench.sync().outcome == "ok"
        assert len([target for target in asked(partner) if "/courses/1/" in target]) <= 3
        assert warnings(bench)[0].details["code"] == "lti.course_link"


@pytest.mark.parametrize(
    "link",
    [
        "/Memberships/AbC?Page=bookmark:WzE5XQ&x=%2F%2f",
        "/memberships;jsessionid=0A1b?page=2;x,y",
        "/memberships?page=(2)&role=http://purl.imsglobal.org/vocab/lis/v2/membership!x",
    ],
)
def test_a_link_is_followed_to_the_letter(tmp_path: Path, link: str) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(linking(f'<{link}>; rel="next"'), path=PATH.format(1), times=1)
        bench.sync()
        assert link in asked(partner)


def test_a_link_with_other_relations_is_no_next_page(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(linking('</next?rel=next>; rel="first", </x>; rel="current"'), times=None, path="names_and")
        assert bench.sync().outcome == "ok"
        assert len(asked(partner)) == 3


# members


def test_canvas_roles_and_moodle_roles_end_in_the_same_words(tmp_path: Path) -> None:
    for variant in ("canvas", "moodle"):
        (tmp_path / variant).mkdir()
        with platform(tmp_path / variant, variant) as (_, bench):
            bench.sync()
            roles = {data["role"] for data in bench.records()["memberships"].values()}
            assert roles == {"learner", "instructor"}


def test_an_inactive_member_stays_a_person_and_loses_the_membership(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (_, bench):
        bench.sync()
        records = bench.records()
        assert "p/00007" in records["people"]
        assert [key for key in records["memberships"] if "00007" in key] == []


def test_a_member_without_an_id_is_counted_and_fails_a_small_run(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        body = b'{"context": {"id": "1"}, "members": [{"roles": ["Learner"]}, 5, null]}'
        partner.inject(faults.status(200, {"Content-Type": "application/json"}, body), path=PATH.format(1))
        result = bench.sync()
        assert result.failure is not None
        assert result.failure.code == "partner.bad_records"


def test_a_list_without_a_context_stands_in_a_scope_of_its_own(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        body = b'{"members": [{"user_id": "1", "roles": ["Learner"]}]}'
        partner.inject(
            faults.status(200, {"Content-Type": "application/json"}, body), path=PATH.format(1), times=None
        )
        scopes = {c.scope for c in bench.changes() if isinstance(c, Complete)}
        assert len(scopes) == 3
        assert {c.scope for c in bench.changes() if isinstance(c, Complete)} == scopes


def test_a_person_in_two_courses_stays_until_both_have_let_them_go(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        person = "535fa085-f22b-4655-8f48-000000000005"
        for left, course in enumerate((1, 3), start=1):
            del partner.campus.seats[course][5]
            for _ in range(2):
                bench.sync()
            assert (person in bench.records()["people"]) == (left == 1)


def test_only_the_streams_asked_for_are_read(tmp_path: Path) -> None:
    with platform(tmp_path) as (_, bench):
        assert bench.sync(streams=frozenset({"memberships"})).outcome == "ok"
        assert set(bench.records()) == {"memberships"}


# going on where a run was stopped


def test_a_stopped_run_goes_on_at_the_page_where_it_was(tmp_path: Path) -> None:
    with platform(tmp_path, size=40) as (partner, bench):
        partner.inject(faults.status(429, {"Retry-After": "7200"}), path="courses/2/.*page=", times=None, after=1)
        assert bench.sync().outcome == "deferred"
        partner.heal()
        done = len(partner.requests)
        everything = set(asked(partner))
        assert bench.sync().outcome == "ok"
        (again,) = everything & set(asked(partner, done))
        assert "courses/2/" in again
        assert "page=" in again
        expected = partner.expected()
        assert bench.records() == expected


def test_a_page_that_is_no_longer_there_lets_the_course_begin_anew(tmp_path: Path) -> None:
    with platform(tmp_path, size=40) as (partner, bench):
        stop = faults.status(429, {"Retry-After": "7200"})
        partner.inject(stop, path="courses/2/.*page=", times=None)
        assert bench.sync().outcome == "deferred"
        partner.heal()
        partner.inject(faults.status(410), path="courses/2/.*page=", times=1)
        assert bench.sync().outcome == "ok"
        assert bench.records() == partner.expected()


# differences


def test_what_changed_is_asked_for_by_the_link_that_the_list_gave(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        bench.sync()
        done = len(partner.requests)
        assert bench.sync().outcome == "ok"
        assert {target.partition("?")[2] for target in asked(partner, done)} == {"since=0"}
        partner.campus.version += 1
        partner.campus.enrol(99, 2)
        done = len(partner.requests)
        result = bench.sync()
        assert result.totals.created == 2
        assert {target.partition("?")[2] for target in asked(partner, done)} == {"since=0"}
        assert bench.records() == partner.expected("custom")


def test_a_list_of_several_pages_is_read_twice_before_its_link_is_used(tmp_path: Path) -> None:
    with platform(tmp_path, "custom", size=25) as (partner, bench):
        for _ in range(2):
            bench.sync()
        done = len(partner.requests)
        bench.sync()
        assert {target.partition("?")[2] for target in asked(partner, done)} == {"since=0"}


def test_a_report_that_names_a_leaver_is_followed_by_the_whole_list(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        bench.sync()
        partner.change()
        for _ in range(2):
            assert bench.sync().outcome == "ok"
        assert bench.records() == partner.expected("custom")
        assert "p/00005" in bench.records()["people"], "who is in another course stays"


def test_a_report_that_suspends_a_member_takes_the_membership_and_leaves_the_person(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        bench.sync()
        partner.campus.version += 1
        seat = partner.campus.seats[1][3]
        partner.campus.seats[1][3] = replace(seat, status="Inactive", changed=partner.campus.version)
        done = len(partner.requests)
        assert bench.sync().totals.deleted == 1
        assert all("since=" in target for target in asked(partner, done)), "the report was enough"
        assert bench.records() == partner.expected("custom")


def test_a_report_that_is_no_longer_kept_is_replaced_by_the_whole_list(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        bench.sync()
        partner.change()
        partner.oldest_report = 1
        for _ in range(3):
            assert bench.sync().outcome == "ok"
        assert bench.records() == partner.expected("custom")
        assert warnings(bench) == []


def test_a_report_on_another_server_is_never_asked_for(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(linking('<https://elsewhere.example/d>; rel="differences"'), path="names_and", times=None)
        for _ in range(2):
            assert bench.sync().outcome == "ok"
        assert warnings(bench) == []


def test_a_full_sync_asks_for_no_report(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        bench.sync()
        done = len(partner.requests)
        assert bench.sync(full=True).outcome == "ok"
        assert not [target for target in asked(partner, done) if "since=" in target]


def test_a_stream_that_was_synced_alone_meanwhile_does_not_lose_the_others_changes(tmp_path: Path) -> None:
    with platform(tmp_path, "custom") as (partner, bench):
        bench.sync()
        partner.change()
        for _ in range(2):
            bench.sync(streams=frozenset({"people"}))
        for _ in range(2):
            assert bench.sync().outcome == "ok"
        assert bench.records() == partner.expected("custom")


def test_an_answer_that_is_not_a_list_fails_when_it_is_the_only_course(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        urls = partner.settings()["memberships_urls"][:1]
        bench.configure({**bench.configuration.settings, "memberships_urls": urls})
        partner.inject(faults.status(200, {"Content-Type": "application/json"}, b"[]"), path="names_and", times=None)
        with pytest.raises(PartnerError, match="no `members`"):
            list(bench.changes())


def test_every_record_stands_in_the_scope_of_its_course(tmp_path: Path) -> None:
    with platform(tmp_path) as (_, bench):
        found = [c for c in bench.changes() if isinstance(c, Record) and c.stream == "memberships"]
        assert found
        assert all(record.scope == record.data["org_unit_id"] for record in found)
