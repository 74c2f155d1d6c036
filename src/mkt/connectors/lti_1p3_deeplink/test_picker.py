"""Deep linking from the launch to the platform's own check of what it gets."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jwt
import pytest

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.test_launches import ISSUER, Walk, reason
from mkt.connectors.lti_1p3_deeplink.test_platform import CLIENT_ID, IndependentPlatform
from mkt.contract import WebhookResponse
from mkt.testing.workbench import ROOT, Workbench

ALL_TYPES = ["link", "ltiResourceLink", "file", "html", "image"]
CONTENT: list[dict[str, Any]] = [
    {
        "type": "ltiResourceLink",
        "title": "Fire safety",
        "text": "20 minutes, with a quiz.",
        "url": "https://learn.example.com/courses/17",
        "custom": {"snake_case_key": "17"},
        "line_item": {"score_maximum": 100, "resource_id": "quiz-17", "grades_released": True},
        "available": {"start_date_time": "2027-01-07T08:00:00Z"},
        "submission": {"end_date_time": "2027-02-07T08:00:00+01:00"},
        "window": {"target_name": "course", "width": 800},
        "iframe": {"height": 600},
        "icon": {"url": "https://learn.example.com/icon.png", "width": 32, "height": 32},
    },
    {
        "type": "link",
        "title": "About us",
        "url": "https://learn.example.com/about",
        "embed": {"html": "<iframe src='https://learn.example.com/about'></iframe>"},
        "iframe": {"src": "https://learn.example.com/embed/about", "width": 400},
    },
    {
        "type": "file",
        "title": "Rules",
        "url": "https://learn.example.com/rules.pdf",
        "expires_at": "2027-01-07T08:00:00Z",
    },
    {"type": "html", "title": "Welcome", "html": "<p>Welcome & <b>hello</b></p>"},
    {"type": "image", "title": "Plan", "url": "https://learn.example.com/plan.png", "width": 600, "height": 400},
]


class Page(HTMLParser):
    """What a browser finds in a page: fields, choices, forms."""

    def __init__(self, answer: WebhookResponse) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.choices: dict[str, str] = {}
        self.checked: list[str] = []
        self.kinds: set[str] = set()
        self.action = ""
        self._choice = ""
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        if tag == "input" and found.get("name") == "item":
            self._choice = found["value"]
            self.kinds.add(found["type"])
            self.checked += [self._choice] if "checked" in found else []
        elif tag == "input":
            self.fields[found["name"]] = found["value"]

    def handle_data(self, data: str) -> None:
        if self._choice and data.strip():
            self.choices[data.strip()] = self._choice
            self._choice = ""


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with IndependentPlatform() as partner, Workbench(tmp_path, partner) as bench:
        settings = {**bench.configuration.settings, "memberships_urls": [], "tool_url": None, "content": CONTENT}
        bench.configure(settings)

        partner.publish = lambda: bench.deliver("GET", "jwks.json").body
        yield Walk(partner, bench)


def open_picker(walk: Walk, **settings: Any) -> WebhookResponse:
    """Launch the picker; `settings` change the platform's claim, None takes something out."""
    claims, form = walk.message(deep_linking=True)
    wanted = {**claims[c.DEEP_LINKING], **settings}
    claims[c.DEEP_LINKING] = {name: value for name, value in wanted.items() if value is not None}
    return walk.send(claims, form)


def pick(walk: Walk, page: WebhookResponse, *titles: str, do: str = "add") -> WebhookResponse:
    found = Page(page)
    fields = [("session", found.fields["session"]), ("do", do)]
    fields += [("item", found.choices[title]) for title in titles]
    body = "&".join(f"{name}={value}" for name, value in fields).encode()
    return walk.bench.deliver("POST", "pick", body=body)


def sent(walk: Walk, answer: WebhookResponse) -> tuple[list[Any], Mapping[str, Any]]:
    """Return the items that the platform's own check lets through, and the claims."""
    page = Page(answer)
    assert page.action == f"{walk.partner.url}/return"
    items = walk.partner.accept({"JWT": page.fields["JWT"]})
    return items, jwt.decode(page.fields["JWT"], options={"verify_signature": False})


def test_what_was_picked_is_accepted_by_the_platform(walk: Walk) -> None:
    page = open_picker(walk)
    assert reason(page) == "accepted"
    items, claims = sent(walk, pick(walk, page, "Fire safety", "Welcome"))
    assert [item["title"] for item in items] == ["Fire safety", "Welcome"]
    # What the library does not look at:
    now = walk.bench.now().timestamp()
    assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT_ID, CLIENT_ID, ISSUER)
    assert claims[c.MESSAGE_TYPE] == "LtiDeepLinkingResponse"
    assert claims[c.VERSION] == "1.3.0"
    assert claims[c.DEPLOYMENT] == "1"
    assert now - 30 < claims["iat"] < now
    assert claims["iat"] + 200 < claims["exp"] < now + 301
    assert len(claims["nonce"]) > 20
    assert claims[c.DATA] == "opaque=1"
    header = jwt.get_unverified_header(Page(pick(walk, open_picker(walk), "Plan")).fields["JWT"])
    assert (header["alg"], header["typ"], bool(header["kid"])) == ("RS256", "JWT", True)


def test_all_five_types_are_sent_as_the_specification_has_them(walk: Walk) -> None:
    page = open_picker(walk, accept_types=ALL_TYPES)
    items, _ = sent(walk, pick(walk, page, "Fire safety", "About us", "Rules", "Welcome", "Plan"))
    by_type = {item.pop("type"): item for item in items}
    assert by_type == {
        "ltiResourceLink": {
            "title": "Fire safety",
            "text": "20 minutes, with a quiz.",
            "url": "https://learn.example.com/courses/17",
            "custom": {"snake_case_key": "17"},
            "lineItem": {
                "scoreMaximum": 100.0,
                "resourceId": "quiz-17",
                "gradesReleased": True,
                "label": "Fire safety",
            },
            "available": {"startDateTime": "2027-01-07T08:00:00+00:00"},
            "submission": {"endDateTime": "2027-02-07T08:00:00+01:00"},
            "window": {"targetName": "course", "width": 800},
            "iframe": {"height": 600},
            "icon": {"url": "https://learn.example.com/icon.png", "width": 32, "height": 32},
        },
        "link": {
            "title": "About us",
            "url": "https://learn.example.com/about",
            "embed": {"html": "<iframe src='https://learn.example.com/about'></iframe>"},
            "iframe": {"src": "https://learn.example.com/embed/about", "width": 400},
        },
        "file": {
            "title": "Rules",
            "url": "https://learn.example.com/rules.pdf",
            "expiresAt": "2027-01-07T08:00:00+00:00",
        },
        "html": {"title": "Welcome", "html": "<p>Welcome & <b>hello</b></p>"},
        "image": {"title": "Plan", "url": "https://learn.example.com/plan.png", "width": 600, "height": 400},
    }


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_only_the_types_that_the_platform_takes_are_offered(walk: Walk, kind: str) -> None:
    titles = {item["type"]: item["title"] for item in CONTENT}
    assert list(Page(open_picker(walk, accept_types=[kind])).choices) == [titles[kind]]


@pytest.mark.parametrize(
    ("accepted", "offered"),
    [("application/pdf", True), ("image/*, application/*", True), ("*/*", True), ("image/*", False), (None, True)],
)
def test_files_are_offered_where_their_kind_is_taken(walk: Walk, accepted: str | None, *, offered: bool) -> None:
    page = Page(open_picker(walk, accept_media_types=accepted))
    assert ("Rules" in page.choices) == offered
    assert "Plan" in page.choices, "media types are of files alone"


@pytest.mark.parametrize(
    ("targets", "kept"),
    [(["iframe"], {"iframe"}), (["window", "frame"], {"window"}), (["embed"], set()), ([], {"iframe", "window"})],
)
def test_only_the_presentations_that_are_taken_are_sent(walk: Walk, targets: list[str], kept: set[str]) -> None:
    page = open_picker(walk, accept_presentation_document_targets=targets)
    (item,), _ = sent(walk, pick(walk, page, "Fire safety"))
    assert {"iframe", "window", "embed"} & item.keys() == kept


@pytest.mark.parametrize(
    ("accepts", "sends"), [(True, True), (None, True), ("true", True), (False, False), ("false", False)]
)
def test_line_items_go_where_they_are_taken(walk: Walk, accepts: bool | str | None, *, sends: bool) -> None:
    page = open_picker(walk, accept_lineitem=accepts)
    (item,), _ = sent(walk, pick(walk, page, "Fire safety"))
    assert ("lineItem" in item) == sends


@pytest.mark.parametrize("multiple", [False, "false", None])
def test_where_one_thing_is_taken_one_can_be_chosen(walk: Walk, multiple: bool | str | None) -> None:
    page = open_picker(walk, accept_multiple=multiple)
    assert Page(page).kinds == {"radio"}
    again = pick(walk, page, "Fire safety", "Plan")
    assert "one thing at a time" in again.body.decode()
    items, _ = sent(walk, pick(walk, again, "Plan"))
    assert len(items) == 1


def test_where_several_are_taken_several_can_be_chosen(walk: Walk) -> None:
    assert Page(open_picker(walk, accept_multiple="true")).kinds == {"checkbox"}


@pytest.mark.parametrize("data", [None, "", "csrftoken:c7fbba78-7b75", {"a": [1, None]}, False, 0])
def test_data_comes_back_as_it_was_and_only_where_there_was_any(walk: Walk, data: Any) -> None:
    _, claims = sent(walk, pick(walk, open_picker(walk, data=data), "Plan"))
    assert (c.DATA in claims) == (data is not None)
    assert claims.get(c.DATA) == data


def test_cancelling_goes_back_with_nothing(walk: Walk) -> None:
    items, claims = sent(walk, pick(walk, open_picker(walk), "Plan", do="cancel"))
    assert items == []
    assert claims[c.DATA] == "opaque=1"


def test_adding_nothing_is_answered_with_the_page_and_what_to_do(walk: Walk) -> None:
    again = pick(walk, open_picker(walk))
    assert "Choose something first" in again.body.decode()
    assert Page(again).choices


def test_a_page_is_sent_once(walk: Walk) -> None:
    page = open_picker(walk)
    pick(walk, page, "Plan")
    answer = pick(walk, page, "Plan")
    assert (answer.status, reason(answer)) == (410, "lti.pick_over")


def test_a_page_is_good_for_an_hour(walk: Walk) -> None:
    page = open_picker(walk)
    walk.bench.ahead = timedelta(minutes=61)
    assert reason(pick(walk, page, "Plan")) == "lti.pick_over"


def test_what_was_not_offered_cannot_be_sent(walk: Walk) -> None:
    page = open_picker(walk)
    hidden = Page(page).choices["Rules"]
    narrow = open_picker(walk, accept_types=["html"])
    body = f"session={Page(narrow).fields['session']}&do=add&item={hidden}&item=made-up".encode()
    assert "Choose something first" in walk.bench.deliver("POST", "pick", body=body).body.decode()


def test_a_search_shows_what_matches_and_keeps_what_was_chosen(walk: Walk) -> None:
    page = Page(open_picker(walk))
    query = {"session": page.fields["session"], "q": "QUIZ fire", "item": page.choices["Plan"]}
    found = Page(walk.bench.deliver("GET", "pick", query=query))
    assert list(found.choices) == ["Plan", "Fire safety"]
    assert found.checked == [page.choices["Plan"]]
    assert found.fields["q"] == "QUIZ fire"


def test_titles_and_words_are_escaped(walk: Walk) -> None:
    title = '<script>alert("1")</script>$style'
    content = [{"type": "link", "title": title, "text": "'\"><b>", "url": "https://learn.example.com/?a=1&b=<c>"}]
    walk.bench.configure({**walk.bench.configuration.settings, "content": content})
    page = open_picker(walk)
    assert title not in page.body.decode()
    assert list(Page(page).choices) == [title]
    query = {"session": Page(page).fields["session"], "q": '"><img src=x>'}
    assert "<img" not in walk.bench.deliver("GET", "pick", query=query).body.decode()


def test_a_return_address_is_escaped_and_may_be_sent_to(walk: Walk) -> None:
    page = open_picker(walk, deep_link_return_url='https://school.example.edu/return?a=1&b="><script>')
    answer = pick(walk, page, "Plan")
    assert '<script>"' not in answer.body.decode()
    assert Page(answer).action == 'https://school.example.edu/return?a=1&b="><script>'
    (allowed,) = re.findall(r"form-action ([^;]*)", answer.headers["Content-Security-Policy"])
    assert "https://school.example.edu" in allowed.split()


@pytest.mark.parametrize(
    "change",
    [
        {"deep_link_return_url": "javascript:alert(1)"},
        {"deep_link_return_url": None},
        {"accept_types": None},
        {"accept_types": "link"},
        {"accept_presentation_document_targets": None},
    ],
)
def test_a_launch_that_does_not_say_what_it_takes_is_refused(walk: Walk, change: dict[str, Any]) -> None:
    assert reason(open_picker(walk, **change)) == "lti.deep_linking_settings"


def test_a_place_that_takes_nothing_of_ours_is_told_so_and_can_go_back(walk: Walk) -> None:
    page = open_picker(walk, accept_types=["https://example.com/type"])
    assert "nothing here that this place accepts" in page.body.decode()
    assert sent(walk, pick(walk, page, do="cancel"))[0] == []


def test_an_activity_without_address_is_sent_with_the_tools(walk: Walk) -> None:
    content = [{"type": "ltiResourceLink", "title": "Anything"}]
    walk.bench.configure({**walk.bench.configuration.settings, "content": content})
    (item,), _ = sent(walk, pick(walk, open_picker(walk), "Anything"))
    assert item["url"] == f"{ROOT}/launch"


def test_many_things_are_cut_and_said(walk: Walk) -> None:
    content = [{"type": "link", "title": f"Page {n}", "url": f"https://learn.example.com/{n}"} for n in range(150)]
    walk.bench.configure({**walk.bench.configuration.settings, "content": content})
    page = open_picker(walk)
    assert len(Page(page).choices) == 100
    assert "The first 100 of 150" in page.body.decode()


def test_a_title_that_the_platform_proposes_stands_in_for_none(walk: Walk) -> None:
    content = [{"type": "link", "url": "https://learn.example.com/1"}]
    walk.bench.configure({**walk.bench.configuration.settings, "content": content})
    page = open_picker(walk, title="Week 3", text="")
    (item,), _ = sent(walk, pick(walk, page, "https://learn.example.com/1"))
    assert item["title"] == "Week 3"
    assert "text" not in item
