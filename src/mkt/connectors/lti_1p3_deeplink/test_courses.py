from pathlib import Path
from typing import Any

import pytest

from mkt.connectors.lti_1p3_deeplink.test_sync import PATH, courses_of, platform, warnings
from mkt.simulation import Fault, faults
from mkt.testing.workbench import Workbench


def launch(bench: Workbench, courses: dict[str, Any]) -> None:
    """Make courses known as a launch does."""
    bench.sync()
    (key,) = bench.engine.store.states()
    bench.engine.store.memory_put(key, "lti.memberships_urls.0", courses, None)


# courses that do not answer


@pytest.mark.parametrize("status", [401, 403, 400, 500, 503])
def test_a_course_that_refuses_keeps_its_records_and_stands_in_no_others_way(tmp_path: Path, status: int) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        before = bench.records()
        partner.inject(faults.status(status), path=PATH.format(2), times=None)
        for _ in range(3):
            assert bench.sync().outcome == "ok"
        assert bench.records() == before
        assert {event.details["course"] for event in warnings(bench)} == {
            f"{partner.url.removeprefix('http://')}/api/lti/courses/2/names_and_roles"
        }


@pytest.mark.parametrize("fault", [faults.html(), faults.cut_json(), faults.status(200, body=b"{}")])
def test_a_course_that_answers_nonsense_keeps_its_records(tmp_path: Path, fault: Fault) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        before = bench.records()
        partner.inject(fault, path=PATH.format(2), times=None)
        assert bench.sync().outcome == "ok"
        assert bench.records() == before


@pytest.mark.parametrize("status", [404, 410])
def test_a_deleted_course_leaves_when_it_is_gone_twice(tmp_path: Path, status: int) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        partner.inject(faults.status(status), path=PATH.format(2), times=None)
        assert bench.sync().outcome == "ok"
        assert courses_of(bench) == {"1", "2", "3"}
        assert bench.sync().outcome == "ok"
        assert courses_of(bench) == {"1", "3"}
        told = len(warnings(bench))
        assert told == 2
        bench.sync()
        assert len(warnings(bench)) == told, "there is nothing more to say of it"


def test_a_course_that_was_away_once_loses_nobody(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        before = bench.records()
        for _ in range(2):
            partner.inject(faults.status(404), path=PATH.format(2), times=1)
            bench.sync()
            bench.sync()
        assert bench.records() == before


def test_a_page_that_is_missing_is_no_deleted_course(tmp_path: Path) -> None:
    with platform(tmp_path, size=15) as (partner, bench):
        bench.sync()
        before = bench.records()
        partner.inject(faults.status(404), path="courses/1/.*page=", times=None)
        for _ in range(3):
            assert bench.sync().outcome == "ok"
        assert bench.records() == before
        assert {event.details["code"] for event in warnings(bench)} == {"lti.course_refused"}


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_when_no_course_can_be_read_the_run_fails_and_nobody_leaves(tmp_path: Path, status: int) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        before = bench.records()
        partner.inject(faults.status(status), path="names_and_roles", times=None)
        for _ in range(3):
            assert bench.sync().outcome == "failed"
        partner.heal()
        assert bench.sync().outcome == "ok"
        assert bench.records() == before


def test_a_course_taken_out_of_the_settings_leaves_at_once(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        urls = partner.settings()["memberships_urls"]
        bench.configure({**bench.configuration.settings, "memberships_urls": [urls[0], urls[2]]})
        assert bench.sync().outcome == "ok"
        assert courses_of(bench) == {"1", "3"}


def test_a_course_that_refuses_is_not_taken_for_one_that_is_no_longer_configured(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        bench.sync()
        partner.inject(faults.status(403), path=PATH.format(2), times=None)
        assert bench.sync(full=True).outcome == "ok"
        assert courses_of(bench) == {"1", "2", "3"}


def test_the_limit_of_the_platform_stops_the_run_and_not_the_course(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        partner.inject(faults.status(429, {"Retry-After": "7200"}), path=PATH.format(2), times=None)
        assert bench.sync().outcome == "deferred"


# which courses


def test_without_a_course_nothing_happens_and_it_is_said(tmp_path: Path) -> None:
    with platform(tmp_path, memberships_urls=[]) as (_, bench):
        assert bench.sync().outcome == "ok"
        assert "no course is known yet" in warnings(bench)[0].message


def test_courses_that_launches_made_known_are_read_as_well(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        urls = partner.settings()["memberships_urls"]
        bench.configure({**bench.configuration.settings, "memberships_urls": urls[:1]})
        launch(bench, {"c2": {"url": urls[1], "title": "Course 2"}, "broken": 5, "empty": {"url": ""}})
        assert bench.sync().outcome == "ok"
        assert courses_of(bench) == {"1", "2"}


def test_a_launch_that_names_a_foreign_host_stands_in_no_courses_way(tmp_path: Path) -> None:
    with platform(tmp_path) as (_, bench):
        launch(bench, {"c9": {"url": "https://elsewhere.example/courses/9/members"}})
        assert bench.sync().outcome == "ok"
        assert courses_of(bench) == {"1", "2", "3"}
        assert [event.details["code"] for event in warnings(bench)] == ["config.host_refused"]


def test_two_addresses_of_one_course_are_read_once(tmp_path: Path) -> None:
    with platform(tmp_path) as (partner, bench):
        urls = partner.settings()["memberships_urls"]
        bench.configure({**bench.configuration.settings, "memberships_urls": [*urls, f"{urls[0]}?role=Learner"]})
        for _ in range(2):
            assert bench.sync().outcome == "ok"
        assert courses_of(bench) == {"1", "2", "3"}
        assert "another address gives the same course" in warnings(bench)[0].message
