"""The whole way: a platform that somebody else wrote, `mkt serve` as a process, and a real browser between them."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.process import run, start
from tests.connectors.lti.browser import Tab, browser

from mkt.connectors.lti_1p3_deeplink.test_platform import IndependentPlatform

CONTENT = [
    {
        "type": "ltiResourceLink",
        "title": "Fire safety",
        "text": "20 minutes, with a quiz at its end.",
        "url": "https://learn.example.com/courses/17",
        "line_item": {"score_maximum": 100},
    },
    {"type": "ltiResourceLink", "title": "First aid", "url": "https://learn.example.com/courses/18"},
    {"type": "link", "title": "About Northwind Academy", "url": "https://learn.example.com/about"},
    {"type": "file", "title": "House rules", "text": "PDF, 2 pages", "url": "https://learn.example.com/rules.pdf"},
    {"type": "html", "title": "A welcome", "html": "<p>Welcome!</p>"},
    {"type": "image", "title": "Map of the campus", "url": "https://learn.example.com/map.png"},
]


@pytest.fixture
def campus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndependentPlatform]:
    """A project with one integration of the platform, and `mkt serve` running for it."""
    port = _free_port()
    root = f"http://127.0.0.1:{port}/hooks/campus/lti"
    monkeypatch.chdir(tmp_path)
    with IndependentPlatform(root) as partner:
        (tmp_path / "mkt.toml").write_text(f'public_url = "http://127.0.0.1:{port}"\n')
        (tmp_path / "configs").mkdir()
        (tmp_path / "configs" / "campus.yaml").write_text(_tenant(partner))
        for name, value in partner.secrets().items():
            monkeypatch.setenv(f"MKT_SECRET__CAMPUS__LTI__{name}", value)
        server = start("serve", "--port", str(port))
        try:
            assert server.stderr is not None
            assert str(port) in server.stderr.readline()
            yield partner
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)


def _tenant(partner: IndependentPlatform) -> str:
    # As people see it: the platform at one site, the tool at another.
    settings = {**partner.settings(), "memberships_urls": [], "content": CONTENT}
    settings["auth_url"] = settings["auth_url"].replace("127.0.0.1", "localhost")
    integration = {"name": "lti", "connector": partner.connector, "settings": settings}
    return json.dumps({"tenant": "campus", "integrations": [integration]})


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def chromium() -> Iterator[Tab]:
    with browser() as tab:
        yield tab


@pytest.fixture
def tab(chromium: Tab) -> Tab:
    chromium.resize(1024, 768)
    return chromium


def _picker(tab: Tab, campus: IndependentPlatform) -> None:
    campus.deep_linking = True
    tab.open(f"{campus.url.replace('127.0.0.1', 'localhost')}/open")
    tab.wait("document.title === 'Add content' && document.readyState === 'complete'")


def test_a_teacher_picks_with_the_keyboard_alone(campus: IndependentPlatform, tab: Tab) -> None:
    _picker(tab, campus)
    tab.press("Tab")
    assert tab.js("document.activeElement.name") == "q", "the search comes first"
    tab.type("safety")
    tab.press("Enter")
    tab.wait("document.querySelectorAll('[name=item]').length === 1")
    for _ in range(3):
        tab.press("Tab")
    assert tab.js("document.activeElement.type") == "checkbox"
    tab.press(" ")
    assert tab.js("document.querySelectorAll('[name=item]:checked').length") == 1
    tab.press("Tab")
    assert tab.js("document.activeElement.textContent") == "Add"
    tab.press("Enter")
    tab.wait("document.title === 'Accepted'")
    ((item,),) = campus.accepted
    assert item["title"] == "Fire safety"


def test_the_picker_works_in_a_frame_of_another_site(campus: IndependentPlatform, tab: Tab) -> None:
    campus.deep_linking = True
    tab.open(f"{campus.url.replace('127.0.0.1', 'localhost')}/course")
    tab.wait("document.title === 'Course'")
    frame = tab.frame("document.readyState === 'complete' && document.querySelector('[name=item]')?.name")
    frame.js("document.querySelectorAll('label').forEach(label => label.click())")
    frame.js("document.querySelector('[value=add]').click()")
    _wait_for_items(campus, tab)
    assert len(campus.accepted[0]) == len(CONTENT)


def _wait_for_items(campus: IndependentPlatform, tab: Tab) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if campus.accepted:
            return
        tab.js("1")
    raise AssertionError("nothing came back to the platform")


def test_each_choice_has_a_label_and_the_page_its_language(campus: IndependentPlatform, tab: Tab) -> None:
    _picker(tab, campus)
    unlabelled = "[...document.querySelectorAll('input:not([type=hidden])')].filter(i => !i.labels.length).length"
    assert tab.js(unlabelled) == 0
    assert tab.js("document.documentElement.lang") == "en"
    assert tab.js("document.querySelector('fieldset > legend').textContent") == "What do you want to add?"


@pytest.mark.parametrize("width", [1024, 400, 320])
def test_nothing_is_cut_off_at_any_width(campus: IndependentPlatform, tab: Tab, width: int) -> None:
    tab.resize(width, 720)
    _picker(tab, campus)
    assert tab.js("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("MKT_PICTURES"):
        tab.picture(Path(folder) / f"picker-{width}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(campus: IndependentPlatform, tab: Tab, scheme: str) -> None:
    """Each text has a contrast of 4.5 : 1 (WCAG 2.2, 1.4.3), by light and by night."""
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    _picker(tab, campus)
    try:
        assert min(tab.js(_CONTRASTS)) >= 4.5
    finally:
        tab.call("Emulation.setEmulatedMedia", features=[])


_CONTRASTS = """(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parts(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255]; };
  return [...document.querySelectorAll('main *')].filter(e => e.textContent.trim()).map(e => {
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05); });
})()"""


def test_a_launch_makes_the_course_known_to_the_next_sync(campus: IndependentPlatform, tab: Tab) -> None:
    tab.open(f"{campus.url.replace('127.0.0.1', 'localhost')}/open")
    tab.wait("document.title === 'Connected'")
    synced = run("sync", "campus", "--now")
    assert synced.code == 0, synced
    exported = run("records", "export", "campus", "--stream", "people").out.splitlines()
    found = {record["external_id"]: record["data"] for record in map(json.loads, exported)}
    assert found == campus.expected()["people"]


def test_a_refused_launch_is_explained_to_the_operator_and_not_to_the_person(
    campus: IndependentPlatform, tab: Tab
) -> None:
    campus.platform.get_registration().set_deployment_id("2")
    tab.open(f"{campus.url.replace('127.0.0.1', 'localhost')}/open")
    tab.wait("document.title === 'This did not work'")
    shown = dict(
        tab.js("[...document.querySelectorAll('dt')].map(dt => [dt.textContent, dt.nextElementSibling.textContent])")
    )
    (delivery,) = [value for name, value in shown.items() if name == "reference"]
    page = run("webhooks", "show", delivery)
    assert page.code == 0
    assert "lti.deployment" in page.out
    if folder := os.environ.get("MKT_PICTURES"):
        tab.picture(Path(folder) / "refused.png")
        (Path(folder) / "show.txt").write_text(page.out)


def test_an_administrator_registers_the_tool_by_a_link(campus: IndependentPlatform, tab: Tab) -> None:
    made = run("lti", "register-link", "campus")
    link = next(line for line in made.out.splitlines() if line.startswith("http"))
    tab.open(f"{link}?openid_configuration={campus.url}/configuration&registration_token=once")
    tab.wait("document.title === 'Registered'")
    if folder := os.environ.get("MKT_PICTURES"):
        tab.resize(1024, 600)
        tab.picture(Path(folder) / "registered.png")
        (Path(folder) / "link.txt").write_text(made.out + run("lti", "register-link", "campus", "--show").out)
    assert campus.registrations[0]["redirect_uris"] == [f"{campus.root}/launch"]
    shown = run("lti", "register-link", "campus", "--show").out
    assert "lti_client_id: northwind-9" in shown
    tab.open(f"{link}?openid_configuration={campus.url}/configuration&registration_token=once")
    tab.wait("document.title === 'This did not work'")
