"""Where a launch leads: to what we offer, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.test_launches import Walk, reason, walking
from mkt.connectors.lti_1p3_deeplink.test_picker import Page, open_picker, pick, sent
from mkt.contract import Record, WebhookResponse
from mkt.testing.workbench import ROOT

OFFERED = "https://learn.example.com/courses/17"
EVIL = ["https://evil.example/launch", f"{ROOT}.evil.example/launch", "javascript:alert(1)"]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with walking(tmp_path) as walk:
        walk.partner.publish = lambda: walk.bench.deliver("GET", "jwks.json").body
        yield walk


def offer(walk: Walk, url: str) -> None:
    item = {"type": "ltiResourceLink", "title": "Fire safety", "url": url}
    walk.bench.configure({**walk.bench.configuration.settings, "content": [item]})


def keep(walk: Walk, *urls: str) -> None:
    """Have another integration of the tenant bring content."""
    walk.bench.keep(
        [Record("content_items", str(n), {"title": f"Course {n}", "href": url}) for n, url in enumerate(urls)]
    )


def login(walk: Walk, **others: str) -> WebhookResponse:
    asked = dict(parse_qsl(urlsplit(walk.partner.login_url()).query))
    return walk.ask("GET", "login", {**asked, **others})


def launch(walk: Walk, url: str) -> WebhookResponse:
    walk.partner.platform.get_registration().set_launch_url(url)
    return walk.launch()


@pytest.mark.parametrize("url", EVIL)
def test_a_login_for_what_the_settings_do_not_offer_is_refused(walk: Walk, url: str) -> None:
    offer(walk, OFFERED)
    answer = login(walk, target_link_uri=url)
    assert (answer.status, reason(answer)) == (400, "lti.target_link_uri")
    assert "Location" not in answer.headers


@pytest.mark.parametrize("url", EVIL)
def test_a_launch_of_what_the_store_does_not_offer_leads_nowhere(walk: Walk, url: str) -> None:
    keep(walk, OFFERED)
    answer = launch(walk, url)
    assert (answer.status, reason(answer)) == (404, "lti.target_link_uri")
    assert "Location" not in answer.headers
    assert "teacher to take the link out" in answer.body.decode()


def test_a_launch_of_what_the_store_offers_leads_there(walk: Walk) -> None:
    keep(walk, OFFERED)
    assert launch(walk, OFFERED).headers["Location"] == OFFERED


def test_a_login_does_not_make_us_look_through_the_store(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has signed anything yet, and a catalogue may be large."""
    keep(walk, OFFERED)

    def look(**_: object) -> None:
        raise AssertionError("the store was asked for records")

    monkeypatch.setattr(walk.bench.engine.store, "records", look)
    assert login(walk, target_link_uri=OFFERED).status == 302


def test_what_is_remembered_of_a_login_is_small(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may begin as many as they like."""
    kept: list[object] = []
    monkeypatch.setattr(walk.bench.engine.store, "memory_put", lambda *said: kept.extend(said))
    assert login(walk, target_link_uri=f"{ROOT}/{'x' * 100_000}").status == 302
    assert 0 < len(str(kept)) < 700


def test_a_deployment_of_any_length_is_none(walk: Walk) -> None:
    walk.bench.configure({**walk.bench.configuration.settings, "deployment_ids": "any"})
    answer = login(walk, lti_deployment_id="1" * 256)
    assert (answer.status, reason(answer)) == (400, "lti.deployment")


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("https://learn.example.com/курс 17?a=%20", "https://learn.example.com/%D0%BA%D1%83%D1%80%D1%81%2017?a=%20"),
        ("https://learn.example.com/#/courses/17", "https://learn.example.com/#/courses/17"),
    ],
)
def test_an_address_goes_into_a_header_as_a_browser_understands_it(walk: Walk, url: str, sent_to: str) -> None:
    offer(walk, url)
    assert launch(walk, url).headers["Location"] == sent_to


def test_the_authentication_address_may_have_any_letters(walk: Walk) -> None:
    walk.bench.configure({**walk.bench.configuration.settings, "auth_url": f"{walk.partner.url}/öffnen"})
    assert login(walk).headers["Location"].startswith(f"{walk.partner.url}/%C3%B6ffnen?scope=")


def test_content_whose_address_cannot_be_used_is_left_out_and_the_rest_is_offered(walk: Walk) -> None:
    urls = [
        "https://[bad",
        "https://x:99999/",
        "https://user:key@x.example/",
        "http://x.example/",
        " https://x.example/",
    ]
    keep(walk, *urls, OFFERED, "https://learn.example.com/#/courses/18")
    page = open_picker(walk, accept_types=["ltiResourceLink"])
    assert reason(page) == "accepted"
    assert list(Page(page).choices) == ["Course 5", "Course 6"]
    items, _ = sent(walk, pick(walk, page, "Course 6"))
    assert items[0]["url"] == "https://learn.example.com/#/courses/18"


@pytest.mark.parametrize("url", ["https://learn.example.com/17", f"{ROOT}/launch"])
def test_the_target_of_a_login_is_that_of_its_launch(walk: Walk, url: str) -> None:
    keep(walk, OFFERED, "https://learn.example.com/17")
    claims, form = walk.message()
    other = OFFERED if url == f"{ROOT}/launch" else url
    assert reason(walk.send({**claims, c.TARGET: other}, form)) == "lti.target_link_uri"
