import http.client
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from mkt.simulation import Fault, Simulator, Tokens, faults


def test_a_status_comes_with_its_headers_and_body(partner: Simulator) -> None:
    partner.inject(faults.status(429, {"Retry-After": "7"}, "slow down"))
    answer = httpx.get(partner.url)
    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (429, "7", "slow down")


def test_html_is_a_page_for_people(partner: Simulator) -> None:
    partner.inject(faults.html())
    answer = httpx.get(partner.url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<title>Scheduled maintenance</title>" in answer.text


def test_a_redirect_names_another_place(partner: Simulator) -> None:
    partner.inject(faults.redirect("https://elsewhere.example/login"))
    answer = httpx.get(partner.url)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.example/login")


def test_a_slow_answer_outlasts_the_patience_of_its_caller(partner: Simulator) -> None:
    partner.inject(faults.slow(60))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(partner.url, timeout=0.05)


def test_a_slow_answer_comes_whole_in_the_end(partner: Simulator) -> None:
    partner.inject(faults.slow(0.01))
    assert httpx.get(partner.url).json()["method"] == "GET"


def test_a_dripping_answer_comes_byte_by_byte(partner: Simulator) -> None:
    partner.inject(faults.drip(0.0001))
    with httpx.stream("GET", partner.url) as answer:
        chunks = list(answer.iter_raw())
    assert len(chunks) > 10
    assert len(b"".join(chunks)) == int(answer.headers["content-length"])


def test_a_reset_breaks_the_connection_in_mid_body(partner: Simulator) -> None:
    partner.inject(faults.reset())
    connection = http.client.HTTPConnection(urlsplit(partner.url).netloc)
    connection.request("GET", "/")
    answer = connection.getresponse()
    with pytest.raises(ConnectionResetError):
        answer.read()
    answer.close()
    connection.close()


def test_a_truncated_answer_declares_more_than_it_sends(partner: Simulator) -> None:
    partner.inject(faults.truncated())
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        httpx.get(partner.url)


def test_cut_json_is_half_a_document_in_whole_http(partner: Simulator) -> None:
    whole = httpx.get(partner.url).content
    partner.inject(faults.cut_json())
    answer = httpx.get(partner.url)
    assert answer.status_code == 200
    assert answer.content == whole[: len(whole) // 2]


def test_an_echo_repeats_the_credentials(partner: Simulator) -> None:
    partner.inject(faults.echo(401))
    answer = httpx.post(partner.url, data={"client_secret": "s3cr3t"}, headers={"Authorization": "Bearer t0ken"})
    assert answer.status_code == 401
    assert "Bearer t0ken" in answer.json()["message"]
    assert answer.json()["form"] == {"client_secret": "s3cr3t"}


@pytest.mark.parametrize("path", ["/pages", r"offset=\d0$"])
def test_a_fault_meets_the_requests_that_its_path_names(partner: Simulator, path: str) -> None:
    partner.inject(faults.status(500), path=path, times=None)
    with httpx.Client(base_url=partner.url) as client:
        statuses = [client.get(target).status_code for target in ("/pages?offset=10", "/token", "/page?offset=1")]
    assert statuses == [500, 200, 200]


def test_a_fault_passes_some_requests_and_meets_the_next(partner: Simulator) -> None:
    partner.inject(faults.status(503), after=2, times=2)
    with httpx.Client(base_url=partner.url) as client:
        assert [client.get("/").status_code for _ in range(6)] == [200, 200, 503, 503, 200, 200]


def test_a_second_fault_follows_the_first(partner: Simulator) -> None:
    partner.inject(faults.status(500))
    partner.inject(faults.status(429))
    with httpx.Client(base_url=partner.url) as client:
        assert [client.get("/").status_code for _ in range(3)] == [500, 429, 200]


def test_healing_takes_all_faults_away(partner: Simulator) -> None:
    partner.inject(faults.status(500), times=None)
    assert httpx.get(partner.url).status_code == 500
    partner.heal()
    assert httpx.get(partner.url).status_code == 200


@pytest.mark.parametrize("fault", [faults.reset(), faults.truncated(), faults.drip(0.01), faults.slow(30)])
def test_a_caller_that_hangs_up_makes_no_noise(
    partner: Simulator, fault: Fault, capfd: pytest.CaptureFixture[str]
) -> None:
    partner.inject(fault)
    with socket.create_connection(("127.0.0.1", urlsplit(partner.url).port or 0)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    partner.close()
    partner.start()
    assert capfd.readouterr().err == ""


def test_tokens_are_good_until_they_are_revoked() -> None:
    tokens = Tokens("acme")
    granted = tokens.refresh(tokens.refresh_token)
    assert granted is not None
    assert tokens.accepts(f"Bearer {granted['access_token']}")
    assert not tokens.accepts(f"Basic {granted['access_token']}")
    tokens.revoke()
    assert not tokens.accepts(f"Bearer {granted['access_token']}")


def test_a_rotated_refresh_token_is_worth_nothing() -> None:
    tokens = Tokens("acme")
    tokens.rotates = True
    first = tokens.refresh_token
    granted = tokens.refresh(first)
    assert granted is not None
    assert granted["refresh_token"] == tokens.refresh_token != first
    assert tokens.refresh(first) is None
