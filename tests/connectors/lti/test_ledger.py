"""What is left of launches and registrations in the store: nothing that lets anybody in, and nobody's name."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest

from mkt.connectors.lti_1p3_deeplink.claims import CONTEXT
from mkt.connectors.lti_1p3_deeplink.test_launches import sign
from mkt.connectors.lti_1p3_deeplink.test_platform import IndependentPlatform
from mkt.contract import Json
from mkt.engine.webhooks.arrival import ROOT, Answer, Arrival
from mkt.engine.webhooks.inbound import Inbound
from mkt.engine.webhooks.refusals import UNVERIFIED
from mkt.engine.webhooks.state import DeliveryState
from mkt.store.base import Key
from mkt.store.deliveries import Delivery
from mkt.testing.workbench import INTEGRATION, TENANT, Workbench
from mkt.testing.workbench import ROOT as TOOL


class Door:
    """Our server without its sockets, and all that it has ever written."""

    def __init__(self, folder: Path, partner: IndependentPlatform, bench: Workbench) -> None:
        self.folder = folder
        self.partner = partner
        self.bench = bench
        self.inbound = Inbound(bench.engine, workers=0)

    def ask(self, method: str, path: str, fields: Mapping[str, str], cookie: str = "") -> Answer:
        said = urlencode(fields)
        kind = {"content-type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        return self.inbound.receive(
            Arrival(
                method=method,
                raw_path=f"{ROOT}{TENANT}/{INTEGRATION}/{path}",
                query=said if method == "GET" else "",
                headers={"cookie": cookie, **kind},
                body=said.encode() if method == "POST" else b"",
                received_at=self.bench.now(),
            )
        )

    def login(self) -> Mapping[str, str]:
        return dict(parse_qsl(urlsplit(self.partner.login_url()).query))

    def begin(self, course: str) -> tuple[Mapping[str, str], str]:
        """Return what the platform sends for a launch in a course, and our cookie."""
        begun = self.ask("GET", "login", self.login())
        form = self.partner.launch(dict(parse_qsl(urlsplit(begun.headers["Location"]).query)))
        claims = jwt.decode(form["id_token"], options={"verify_signature": False})
        token = sign(self.partner, {**claims, CONTEXT: {"id": course}})
        return {**form, "id_token": token}, begun.headers["Set-Cookie"].partition(";")[0]

    def written(self) -> str:
        """Return every value of the ledger and of the events."""
        self.inbound.stop(5)
        (file,) = (path for path in self.folder.rglob("*") if path.is_file() and path.read_bytes()[:6] == b"SQLite")
        connection = sqlite3.connect(file)
        try:
            rows = connection.execute("select * from integration_deliveries").fetchall()
        finally:
            connection.close()
        assert rows
        return f"{rows} {self.bench.recorder.events}"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with IndependentPlatform() as partner, Workbench(tmp_path, partner) as bench:
        bench.configure({**bench.configuration.settings, "memberships_urls": [], "tool_url": None})
        found = Door(tmp_path, partner, bench)
        yield found
        found.inbound.stop(5)


def test_of_two_who_open_a_registration_link_at_once_one_gets_further(door: Door) -> None:
    path, asked = door.bench.register_link(), {"openid_configuration": f"{door.partner.url}/configuration"}
    together, answers = Barrier(2), []

    def open_it() -> None:
        together.wait()
        answers.append(door.ask("GET", path, asked).status)

    threads = [Thread(target=open_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 410]
    assert door.partner.requests == []


def test_a_registration_link_that_is_used_between_its_look_and_its_use_is_over(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = door.bench.register_link(), {"openid_configuration": f"{door.partner.url}/configuration"}
    get, others = DeliveryState.get, list[int]()

    def got(state: DeliveryState, key: str) -> Json:
        found = get(state, key)
        if not others:
            others.append(0)
            others.append(door.ask("GET", path, asked).status)
        return found

    monkeypatch.setattr(DeliveryState, "get", got)
    assert (door.ask("GET", path, asked).status, others[1]) == (410, 303)


@pytest.mark.parametrize("asked", [{}, {"openid_configuration": "https://elsewhere.example/c"}])
def test_a_registration_link_is_not_in_the_ledger(door: Door, asked: Mapping[str, str]) -> None:
    path = door.bench.register_link()
    assert door.ask("GET", path, asked).status in {200, 303}
    assert path.partition("/")[2] not in door.written()


def test_a_registration_link_with_a_mistyped_tenant_is_in_no_event(door: Door) -> None:
    arrival = Arrival(
        method="GET",
        raw_path=f"{ROOT}{TENANT}x/{INTEGRATION}/register/the-token",
        query="",
        headers={},
        body=b"",
        received_at=door.bench.now(),
    )
    assert door.inbound.receive(arrival).status == 403
    assert "the-token" not in door.written()


def test_what_a_platform_hides_in_the_address_of_its_configuration_is_not_in_the_ledger(door: Door) -> None:
    url = f"{door.partner.url}/configuration?registration_token=hidden"
    begun = door.ask("GET", door.bench.register_link(), {"openid_configuration": url, "registration_token": "once"})
    following = urlsplit(begun.headers["Location"].removeprefix(f"{TOOL}/"))
    assert door.ask("GET", following.path, dict(parse_qsl(following.query))).status == 200
    written = door.written()
    assert "hidden" not in written
    assert f"{door.partner.url}/configuration?" in written


def test_a_launch_leaves_nobodys_name_and_no_key_to_it(door: Door) -> None:
    begun = door.ask("GET", "login", door.login())
    form = door.partner.launch(dict(parse_qsl(urlsplit(begun.headers["Location"]).query)))
    cookie = begun.headers["Set-Cookie"].partition(";")[0]
    assert door.ask("POST", "launch", form, cookie).status == 200
    written = door.written()
    for secret in (form["state"], form["id_token"], cookie.partition("=")[2], "user-7", "launchid", "Person 0"):
        assert secret not in written


def test_a_flood_of_logins_leaves_nothing_either(door: Door) -> None:
    for _ in range(UNVERIFIED + 5):
        door.ask("GET", "login", door.login())
    assert "user-7" not in door.written()


def test_two_courses_that_are_launched_at_the_same_instant_are_both_known(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    courses = [f"course-{number}" for number in (0, 17, 48)]  # which are kept in one part
    first, *others = (door.begin(course) for course in courses)
    assert door.ask("POST", "launch", *first).status == 200
    together, commit = Barrier(2), door.bench.engine.store.commit_delivery
    waited, answers = set[str](), []

    def commit_together(delivery: Delivery, *said: Any, **more: Any) -> Any:
        if delivery.id not in waited:
            waited.add(delivery.id)
            together.wait(10)
        return commit(delivery, *said, **more)

    def launch(form: Mapping[str, str], cookie: str) -> None:
        answers.append(door.ask("POST", "launch", form, cookie).status)

    monkeypatch.setattr(door.bench.engine.store, "commit_delivery", commit_together)
    threads = [Thread(target=launch, args=each) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    kept = door.bench.engine.store.memory_get(Key(TENANT, INTEGRATION), "lti.memberships_urls.10", door.bench.now())
    assert sorted(kept) == sorted(courses)
