import gzip
import time
from typing import Any

import pytest

from mkt.contract import BasicAuth, BearerAuth, ConnectorError, Http, Response
from mkt.errors import AccessDenied, AuthError, ConfigError, PartnerError, RateLimited, TransientError
from mkt.runtime.limits import Limits


@pytest.fixture
def http(bench: Any) -> Http:
    found: Http = bench.runtime().http
    return found


def test_a_get_brings_the_answer(http: Http, partner: Any) -> None:
    partner.says({"n": 1}, x_total="7")
    response = http.get(f"{partner.url}/people", params={"page": 2, "id": ["a", "b"]}, headers={"Accept": "x/y"})
    assert (response.status, response.json(), response.headers["X-TOTAL"]) == (200, {"n": 1}, "7")
    request = partner.requests[0]
    assert request.query == [("page", "2"), ("id", "a"), ("id", "b")]
    assert request.headers["accept"] == "x/y"
    assert request.headers["user-agent"].startswith("mkt/")


def test_parameters_are_put_to_those_of_the_url(http: Http, partner: Any) -> None:
    http.get(f"{partner.url}/people?format=json", params={"page": 2})
    http.get(f"{partner.url}/people?format=json", params={})
    assert [request.query for request in partner.requests] == [
        [("format", "json"), ("page", "2")],
        [("format", "json")],
    ]


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ({"json": {"a": 1}}, b'{"a":1}', "application/json"),
        ({"form": {"a": "1 2"}}, b"a=1+2", "application/x-www-form-urlencoded"),
        ({"content": b"<a/>", "headers": {"Content-Type": "text/xml"}}, b"<a/>", "text/xml"),
    ],
)
def test_a_body_is_json_a_form_or_bytes(http: Http, partner: Any, body: Any, sent: bytes, kind: str) -> None:
    http.request("POST", partner.url, **body)
    assert partner.requests[0].body == sent
    assert partner.requests[0].headers["content-type"] == kind


def test_basic_auth_is_sent_and_masked(http: Http, partner: Any, bench: Any) -> None:
    http.get(partner.url, auth=BasicAuth("ann", "hunter2!"))
    assert partner.requests[0].headers["authorization"] == "Basic YW5uOmh1bnRlcjIh"
    assert bench.masker.mask("hunter2! YW5uOmh1bnRlcjIh") == "*** ***"


def test_a_bearer_token_is_sent_and_masked(http: Http, partner: Any, bench: Any) -> None:
    http.get(partner.url, auth=BearerAuth("t0ken-value"))
    assert partner.requests[0].headers["authorization"] == "Bearer t0ken-value"
    assert bench.masker.mask("t0ken-value") == "***"


def test_a_compressed_answer_is_unpacked(http: Http, partner: Any) -> None:
    partner.says(gzip.compress(b'{"n":1}'), content_encoding="gzip")
    assert http.get(partner.url).json() == {"n": 1}


def test_a_broken_compression_is_a_partner_error(http: Http, partner: Any) -> None:
    partner.says(b"no gzip at all", content_encoding="gzip")
    with pytest.raises(PartnerError, match="compression is broken"):
        http.get(partner.url)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PartnerError),
        (401, AuthError),
        (403, AccessDenied),
        (404, PartnerError),
        (408, TransientError),
        (422, PartnerError),
        (429, RateLimited),
        (500, TransientError),
        (503, TransientError),
        (599, TransientError),
    ],
)
def test_a_status_is_an_error_of_its_class(http: Http, partner: Any, status: int, kind: type[ConnectorError]) -> None:
    partner.says({"message": "no luck"}, status=status, times=4)
    with pytest.raises(ConnectorError) as raised:
        http.get(f"{partner.url}/people")
    assert type(raised.value) is kind
    assert f"GET {partner.url}/people answered {status}" in raised.value.message
    assert "no luck" in raised.value.message
    assert raised.value.remedy
    assert raised.value.code == f"http.{status}"


def test_an_error_shows_the_names_of_the_query_and_not_its_values(http: Http, partner: Any) -> None:
    partner.says(status=404)
    with pytest.raises(PartnerError) as raised:
        http.get(f"{partner.url}/people/jane@school.test?key=hunter2", params={"email": "joe@school.test"})
    assert f"{partner.url}/people/…?key&email answered 404" in raised.value.message
    for hidden in ("hunter2", "jane", "joe"):
        assert hidden not in raised.value.message


def test_a_secret_that_the_partner_repeats_is_masked(http: Http, partner: Any) -> None:
    partner.says({"error": "invalid", "error_description": "token t0ken-value is\nunknown"}, status=400)
    with pytest.raises(PartnerError, match=r"answered 400 Bad Request: invalid: token \*\*\* is unknown"):
        http.get(partner.url, auth=BearerAuth("t0ken-value"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_names_its_host_alone(http: Http, partner: Any, status: int) -> None:
    partner.says(status=status, location="https://login.elsewhere.test/sso?session=hunter2")
    with pytest.raises(PartnerError, match=r"a redirect to login\.elsewhere\.test") as raised:
        http.get(partner.url)
    assert "hunter2" not in raised.value.message
    assert len(partner.requests) == 1


def test_a_redirect_to_no_address_is_an_error_too(http: Http, partner: Any) -> None:
    partner.says(status=302, location="https://host:port/")
    with pytest.raises(PartnerError, match="no URL"):
        http.get(partner.url)


def test_not_modified_is_an_answer(http: Http, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n")
    assert http.get(partner.url, headers={"If-None-Match": "x"}).status == 304


def test_explain_sees_the_error_first(http: Http, partner: Any) -> None:
    partner.says({"code": "E7"}, status=500, times=4)

    def explain(response: Response) -> ConnectorError | None:
        return PartnerError("report missing", code="acme.report") if response.json()["code"] == "E7" else None

    with pytest.raises(PartnerError, match=r"^report missing$"):
        http.get(partner.url, explain=explain)
    assert len(partner.requests) == 1


def test_explain_may_leave_it_as_it_is(http: Http, partner: Any) -> None:
    partner.says(status=403)
    with pytest.raises(AccessDenied):
        http.get(partner.url, explain=lambda _: None)


def test_explain_may_turn_an_error_into_a_passing_one(http: Http, partner: Any) -> None:
    partner.says(status=400).says({"n": 1})
    assert http.get(partner.url, explain=lambda _: TransientError("busy")).json() == {"n": 1}


def test_explain_does_not_see_a_good_answer(http: Http, partner: Any) -> None:
    partner.says({"n": 1})
    assert http.get(partner.url, explain=lambda _: PartnerError("never")).status == 200


def test_no_other_host_is_called(http: Http) -> None:
    with pytest.raises(ConfigError, match="may not call"):
        http.get("https://elsewhere.test/")


def test_a_header_with_a_line_break_is_refused_without_its_value(http: Http, partner: Any) -> None:
    for value in ("hunter2\r\nX: y", "hunter2ü"):
        with pytest.raises(ConfigError, match="a header cannot be sent") as raised:
            http.get(partner.url, auth=BearerAuth(value))
        assert "hunter2" not in raised.value.message
        assert raised.value.__cause__ is None
    assert partner.requests == []


def test_an_answer_that_is_too_large_is_refused(bench: Any, partner: Any) -> None:
    partner.says(b"x" * 3000)
    http = bench.runtime(limits=Limits(body=2048)).http
    with pytest.raises(PartnerError, match=r"larger than 0\.00195312 MiB") as raised:
        http.get(partner.url)
    assert "page_size" in raised.value.remedy


def test_a_compressed_answer_counts_unpacked(bench: Any, partner: Any) -> None:
    partner.says(gzip.compress(b"x" * 1_000_000), content_encoding="gzip")
    with pytest.raises(PartnerError, match="larger than"):
        bench.runtime(limits=Limits(body=100_000)).http.get(partner.url)


def test_connections_are_kept_between_requests(http: Http, partner: Any) -> None:
    connections = set()

    def answer(handler: Any) -> None:
        connections.add(handler.client_address)
        partner.says()
        partner.answers.pop()(handler)

    partner.answers.extend([answer] * 3)
    for _ in range(3):
        http.get(partner.url)
    assert len(connections) == 1


def test_a_run_past_its_deadline_calls_nobody(bench: Any, partner: Any) -> None:
    http = bench.runtime(deadline=time.monotonic() - 1).http
    with pytest.raises(TransientError, match="run's own time"):
        http.get(partner.url)
    assert partner.requests == []
