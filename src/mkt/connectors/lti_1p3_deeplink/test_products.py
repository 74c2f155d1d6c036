"""Launches as Canvas, Moodle and a platform of the specification's own make them, by the simulator."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mkt.connectors.lti_1p3_deeplink.simulator import LtiSimulator
from mkt.connectors.lti_1p3_deeplink.test_picker import CONTENT, Page
from mkt.contract import Record, WebhookResponse
from mkt.simulation import Request
from mkt.testing.workbench import ROOT, Workbench


@pytest.fixture(params=LtiSimulator.variants)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workbench]:
    with LtiSimulator() as partner, Workbench(tmp_path, partner, request.param) as bench:
        partner.tool_root = ROOT
        bench.configure({**bench.configuration.settings, "memberships_urls": [], "content": CONTENT})
        yield bench


def launch(bench: Workbench, *, deep_linking: str = "") -> WebhookResponse:
    """Follow a browser from the course to our page."""
    partner = bench.partner
    assert isinstance(partner, LtiSimulator)
    login = dict(parse_qsl(urlsplit(partner.login_url(bench.variant, deep_linking=deep_linking)).query))
    begun = bench.deliver("GET", "login", query=login)
    assert begun.refusal is None, begun.refusal
    url = urlsplit(begun.headers["Location"])
    page = partner.handle(Request("GET", url.path, dict(parse_qsl(url.query)), {}, b"")).body.decode()
    fields = re.findall(r'name="(\w+)" value="([^"]*)"', page)
    body = "&".join(f"{name}={html.unescape(value)}" for name, value in fields).encode()
    cookie = begun.headers["Set-Cookie"].partition(";")[0]
    return bench.deliver("POST", "launch", body=body, headers={"cookie": cookie})


def test_a_launch_is_accepted_and_its_course_synced_from_then_on(bench: Workbench) -> None:
    assert launch(bench).refusal is None
    assert bench.sync().outcome == "ok"
    courses = {record["org_unit_id"] for record in bench.records()["memberships"].values()}
    assert len(courses) == 1, "of three courses the one that was launched"


def test_content_is_picked_and_taken(bench: Workbench) -> None:
    page = Page(launch(bench, deep_linking="1"))
    picking = f"session={page.fields['session']}&do=add&item={page.choices['Fire safety']}".encode()
    sent = Page(bench.deliver("POST", "pick", body=picking))
    request = Request("POST", "/return", {}, {}, f"JWT={sent.fields['JWT']}".encode())
    assert isinstance(bench.partner, LtiSimulator)
    assert bench.partner.handle(request).status == 200
    (item,) = bench.partner.picked
    assert item["title"] == "Fire safety"
    said = jwt.decode(sent.fields["JWT"], options={"verify_signature": False})
    assert ("sub" in said) == (bench.variant != "moodle"), "whose token endpoint would take it for ours"
    assert ("lineItem" in item) == (bench.variant != "custom"), "which takes none"


def test_what_other_integrations_of_the_tenant_brought_can_be_picked(bench: Workbench) -> None:
    bench.configure({**bench.configuration.settings, "content": []})
    records = [
        Record("content_items", "b", {"title": "Second steps", "href": "https://learn.example.com/b"}),
        Record("content_items", "a", {"title": "First steps", "href": "https://learn.example.com/a"}),
        Record("content_items", "c", {"title": "A folder"}),
    ]
    bench.keep(records)
    theirs = Record("content_items", "d", {"title": "Theirs", "href": "https://learn.example.com/d"})
    bench.keep([theirs], tenant="another")
    assert list(Page(launch(bench, deep_linking="1")).choices) == ["First steps", "Second steps"]


def test_both_keys_are_published_while_they_are_rotated(bench: Workbench) -> None:
    (before,) = json.loads(bench.deliver("GET", "jwks.json").body)["keys"]
    new = generate_private_key(public_exponent=65537, key_size=2048)
    pem = new.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    bench.environ["LTI_PRIVATE_KEY_PREVIOUS"], bench.environ["LTI_PRIVATE_KEY"] = (
        bench.environ["LTI_PRIVATE_KEY"],
        pem,
    )
    settings = {**bench.configuration.settings, "previous_kid": before["kid"]}
    bench.configure({**settings, "kid": "northwind-2028"} if "kid" in settings else settings)
    answer = bench.deliver("GET", "jwks.json")
    first, second = json.loads(answer.body)["keys"]
    assert first["kid"] != before["kid"]
    assert second == before
    assert set(second) == {"kty", "n", "e", "kid", "use", "alg"}, "and nothing private"
    assert "max-age=600" in answer.headers["Cache-Control"]
