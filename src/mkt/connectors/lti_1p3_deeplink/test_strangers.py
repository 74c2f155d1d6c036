"""Whatever comes in: an answer, never a crash, and nothing that was not asked for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.connectors.lti_1p3_deeplink import claims as c
from mkt.connectors.lti_1p3_deeplink.pages import Markup, fill, join
from mkt.connectors.lti_1p3_deeplink.test_launches import Walk, reason, sign, walking

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["iss", "aud", "azp", "exp", "iat", "nonce", "sub", c.VERSION, c.MESSAGE_TYPE, c.TARGET, c.DEPLOYMENT]
NAMES += [c.ROLES, c.RESOURCE_LINK, c.CONTEXT, c.NAMES_AND_ROLES, c.PRESENTATION, c.DEEP_LINKING]
some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder: Path = tmp_path_factory.mktemp("strangers")
    with walking(folder) as walk:
        yield walk


@some
@given(
    token=st.text() | st.binary().map(lambda raw: raw.decode("latin-1")) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*")
)
def test_no_text_in_a_tokens_place_is_a_crash(walk: Walk, token: str) -> None:
    walk.cookies.clear()
    body = urlencode({"state": walk.login()["state"], "id_token": token}, errors="replace").encode()
    jar = "; ".join(f"{name}={value}" for name, value in walk.cookies.items())
    answer = walk.bench.deliver("POST", "launch", body=body, headers={"cookie": jar})
    assert reason(answer) in {"lti.token", "lti.no_token", "lti.alg", "lti.kid_missing", "lti.kid"}


@some
@given(header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]), JSON), payload=JSON)
def test_no_header_and_no_payload_of_a_token_is_a_crash(walk: Walk, header: dict[str, Any], payload: Any) -> None:
    walk.cookies.clear()
    parts = [jwt.utils.base64url_encode(json.dumps(part).encode()).decode() for part in (header, payload)]
    form = {"state": walk.login()["state"], "id_token": f"{parts[0]}.{parts[1]}.c2ln"}
    assert walk.ask("POST", "launch", form).status in {400, 401}


@some
@given(name=st.sampled_from(NAMES), value=JSON, deep_linking=st.booleans())
def test_no_signed_claim_is_a_crash(walk: Walk, name: str, value: Any, *, deep_linking: bool) -> None:
    walk.cookies.clear()
    claims, form = walk.message(deep_linking=deep_linking)
    form["id_token"] = sign(walk.partner, {**claims, name: value})
    assert walk.ask("POST", "launch", form).status in {200, 401}


@some
@given(path=st.sampled_from(["login", "launch", "pick", "register/x"]), body=st.binary(max_size=200))
def test_no_body_is_a_crash(walk: Walk, path: str, body: bytes) -> None:
    for method in ("GET", "POST"):
        answer = walk.bench.deliver(method, path, body=body, headers={"cookie": body.decode("latin-1")})
        assert 400 <= answer.status < 500


@some
@given(fields=st.dictionaries(st.sampled_from(["iss", "login_hint", "target_link_uri", "client_id"]), st.text()))
def test_no_login_is_a_crash(walk: Walk, fields: dict[str, str]) -> None:
    answer = walk.bench.deliver("GET", "login", query=fields)
    assert answer.status == 400
    assert reason(answer).startswith("lti.")


@given(value=st.text())
def test_nothing_that_is_filled_into_a_page_makes_an_element(value: str) -> None:
    plain = fill("received.html", name="", value="")
    filled = fill("received.html", name=value, value=value)
    for sign_ in "<>\"'":
        assert filled.count(sign_) == plain.count(sign_)


def test_what_was_made_here_is_filled_in_as_it_is() -> None:
    inner = join([Markup("<b>"), fill("problem.html", text="<i>")])
    assert fill("problem.html", text=inner).count("<b>") == 1
    assert "&lt;i&gt;" in inner
