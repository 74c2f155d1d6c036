import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mkt.contract import BasicAuth, ConnectorError, TokenGrant
from mkt.errors import AccessDenied, AuthError, ConfigError, PartnerError, TransientError


@pytest.fixture
def grant(partner: Any) -> Callable[..., TokenGrant]:
    def make(**fields: Any) -> TokenGrant:
        form = fields.pop("form", lambda: {"grant_type": "client_credentials"})
        return TokenGrant(fields.pop("url", f"{partner.url}/token"), form, **fields)

    return make


Grant = Callable[..., TokenGrant]


def tokens(partner: Any, *names: str, **fields: Any) -> None:
    for name in names:
        partner.says({"access_token": name, "token_type": "Bearer", "expires_in": 3600} | fields)


def test_a_token_is_asked_for_with_a_form_and_the_clients_credentials(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "t0ken", scope="read", instance_url="https://eu.acme.example", id_token="i0ken")
    token = bench.runtime().http.authorize(grant(client=BasicAuth("id", "hunter2")))
    assert (token.access_token, token.scope) == ("t0ken", "read")
    assert token.expires_at == bench.now + timedelta(hours=1)
    assert token.reply["instance_url"] == "https://eu.acme.example"
    assert not {"access_token", "id_token"} & set(token.reply)
    assert "t0ken" not in repr(token)
    request = partner.requests[0]
    assert (request.method, request.form) == ("POST", {"grant_type": "client_credentials"})
    assert request.headers["authorization"] == "Basic aWQ6aHVudGVyMg=="


def test_every_token_and_assertion_is_masked(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "access-t0ken", refresh_token="refresh-t0ken", id_token="id-t0ken")
    form = {"assertion": "signed-assertion", "client_secret": "form-s3cret"}
    bench.runtime().http.authorize(grant(form=lambda: form))
    text = "access-t0ken refresh-t0ken id-t0ken signed-assertion form-s3cret"
    assert bench.masker.mask(text) == "*** *** *** *** ***"


def test_a_token_serves_every_runtime_of_the_integration(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "t0ken")
    for _ in range(2):
        bench.runtime().http.get(f"{partner.url}/people", auth=grant())
    assert [request.path for request in partner.requests] == ["/token", "/people", "/people"]
    assert partner.requests[2].headers["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(("lifetime", "good_for"), [(3600, 3540), (60, 30), ("600", 540), (30, 15)])
def test_a_token_is_renewed_before_it_expires(
    bench: Any, partner: Any, grant: Grant, lifetime: Any, good_for: int
) -> None:
    tokens(partner, "old", expires_in=lifetime)
    http = bench.runtime().http
    http.get(partner.url, auth=grant())
    bench.now += timedelta(seconds=good_for - 1)
    http.get(partner.url, auth=grant())
    bench.now += timedelta(seconds=2)
    tokens(partner, "new")
    http.get(partner.url, auth=grant())
    assert partner.requests[-1].headers["authorization"] == "Bearer new"
    assert sum(request.path == "/token" for request in partner.requests) == 2


@pytest.mark.parametrize("expires_in", [None, "soon", -1, 1e30])
def test_a_token_without_an_expiry_is_kept(bench: Any, partner: Any, grant: Grant, expires_in: Any) -> None:
    tokens(partner, "t0ken", expires_in=expires_in)
    assert bench.runtime().http.authorize(grant()).expires_at is None
    bench.runtime().http.get(partner.url, auth=grant())
    assert len(partner.requests) == 2


@pytest.mark.parametrize("other", [{"key": "b"}, {"client": BasicAuth("other", "s3cret")}])
def test_another_key_or_client_has_its_own_token(bench: Any, partner: Any, grant: Grant, other: Any) -> None:
    http = bench.runtime().http
    tokens(partner, "one")
    http.get(partner.url, auth=grant(key="a"))
    tokens(partner, "two")
    http.get(partner.url, auth=grant(**other))
    assert partner.requests[-1].headers["authorization"] == "Bearer two"


def test_after_a_401_one_new_token_is_asked_for(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "old")
    partner.says(status=401)
    tokens(partner, "new")
    partner.says({"n": 1})
    assert bench.runtime().http.request("POST", partner.url, auth=grant()).json() == {"n": 1}
    assert [request.headers.get("authorization") for request in partner.requests] == [
        None,
        "Bearer old",
        None,
        "Bearer new",
    ]


def test_a_second_401_is_an_auth_error(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "old")
    partner.says(status=401)
    tokens(partner, "new")
    partner.says(status=401)
    with pytest.raises(AuthError, match="answered 401"):
        bench.runtime().http.get(partner.url, auth=grant())
    assert len(partner.requests) == 4


def test_the_form_is_made_anew_for_each_request_of_a_token(bench: Any, partner: Any, grant: Grant) -> None:
    made = iter(["first", "second"])
    partner.says(status=503)
    tokens(partner, "t0ken")
    bench.runtime().http.authorize(grant(form=lambda: {"assertion": next(made)}))
    assert [request.form["assertion"] for request in partner.requests] == ["first", "second"]


def test_a_failing_token_endpoint_is_not_tried_for_each_try_of_the_request(
    bench: Any, partner: Any, grant: Grant
) -> None:
    partner.says(status=503, times=20)
    with pytest.raises(TransientError, match=r"/token answered 503 .* \(4 tries"):
        bench.runtime().http.get(partner.url, auth=grant())
    assert len(partner.requests) == 4


def test_a_rotated_refresh_token_is_kept_before_the_token_is_used(bench: Any, partner: Any, grant: Grant) -> None:
    seen_at_rotation = []
    tokens(partner, "t0ken", refresh_token="new")

    def rotate(name: str, value: str) -> None:
        seen_at_rotation.append((name, value, len(partner.requests)))

    http = bench.runtime(rotate=rotate).http
    http.get(f"{partner.url}/people", auth=grant(rotates="ACME_REFRESH", form=lambda: {"refresh_token": "old"}))
    assert seen_at_rotation == [("ACME_REFRESH", "new", 1)]


def test_a_token_whose_rotation_fails_is_not_used(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "t0ken", refresh_token="new")

    def rotate(_: str, __: str) -> None:
        raise ConfigError("the keyring is locked")

    with pytest.raises(ConfigError, match="locked"):
        bench.runtime(rotate=rotate).http.get(partner.url, auth=grant(rotates="ACME_REFRESH"))
    assert [request.path for request in partner.requests] == ["/token"]


@pytest.mark.parametrize("reply", [{}, {"refresh_token": "old"}])
def test_the_same_refresh_token_is_not_written(bench: Any, partner: Any, grant: Grant, reply: Any) -> None:
    tokens(partner, "t0ken", **reply)
    bench.runtime().http.authorize(grant(rotates="ACME_REFRESH", form=lambda: {"refresh_token": "old"}))
    assert bench.rotated == []


def test_a_refresh_token_that_rotates_is_never_sent_twice(bench: Any, partner: Any, grant: Grant) -> None:
    partner.says(status=503)
    with pytest.raises(TransientError):
        bench.runtime().http.authorize(grant(rotates="ACME_REFRESH"))
    assert len(partner.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        "token",
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": "x", "token_type": "mac"},
        {"access_token": "x", "token_type": 1},
    ],
)
def test_a_reply_without_a_usable_token_is_a_partner_error(
    bench: Any, partner: Any, grant: Grant, reply: Any
) -> None:
    partner.says(reply)
    with pytest.raises(PartnerError, match="without a usable token") as raised:
        bench.runtime().http.authorize(grant())
    assert raised.value.code == "oauth.reply"


def test_a_login_page_is_no_token(bench: Any, partner: Any, grant: Grant) -> None:
    partner.says(b"<html><title>Sign in</title>", content_type="text/html")
    with pytest.raises(TransientError, match="web page"):
        bench.runtime().http.authorize(grant())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_client", AuthError),
        ("invalid_grant", AuthError),
        ("unauthorized_client", AccessDenied),
        ("invalid_scope", AccessDenied),
        ("invalid_request", PartnerError),
        (["odd"], PartnerError),
    ],
)
def test_an_oauth_error_has_its_class(
    bench: Any, partner: Any, grant: Grant, code: Any, kind: type[ConnectorError]
) -> None:
    partner.says({"error": code, "error_description": "because"}, status=400)
    with pytest.raises(ConnectorError, match="because") as raised:
        bench.runtime().http.authorize(grant())
    assert type(raised.value) is kind
    assert raised.value.remedy


def test_explain_goes_before_the_oauth_error(bench: Any, partner: Any, grant: Grant) -> None:
    partner.says({"error": "invalid_grant"}, status=400)
    with pytest.raises(AccessDenied, match="not approved"):
        bench.runtime().http.authorize(grant(), explain=lambda _: AccessDenied("not approved"))


def test_a_token_url_on_another_host_is_refused(bench: Any, grant: Grant) -> None:
    with pytest.raises(ConfigError, match="may not call"):
        bench.runtime().http.authorize(grant(url="https://elsewhere.test/token"))


def test_two_threads_ask_for_one_token(bench: Any, partner: Any, grant: Grant) -> None:
    tokens(partner, "t0ken")
    clients = [bench.runtime().http for _ in range(4)]
    threads = [
        threading.Thread(target=client.get, args=(partner.url,), kwargs={"auth": grant()}) for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [request.path for request in partner.requests].count("/token") == 1
