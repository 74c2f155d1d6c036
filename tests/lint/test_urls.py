from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.lint.urls import judge_urls

HOSTS = ["*.acme.example", "acme.example"]


def judged(url: str, hosts: Sequence[str] = HOSTS) -> list[str]:
    return [code for _, (code, _, _) in judge_urls({"url": url}, hosts)]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.acme.example/x",
        "HTTPS://API.ACME.EXAMPLE:8443",
        "https://acme.example.",
        "http://localhost:8080/x",
        "http://127.9.9.9",
        "http://[::1]:80/",
        "https://10.0.0.7",
        "not a url",
        "urn:acme",
        "env:NAME",
    ],
)
def test_what_the_runtime_would_call_or_is_no_url_passes(url: str) -> None:
    assert judged(url) == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://api.acme.example", "MKT307"),
        ("http://10.0.0.7", "MKT307"),
        ("http://localhost.evil.example", "MKT307"),
        ("https://a:b@api.acme.example", "MKT308"),
        ("https://a@api.acme.example", "MKT308"),
        ("https://acme.example.evil.example", "MKT309"),
        ("https://evil-acme.example", "MKT309"),
        ("https://8.8.8.8", "MKT309"),
        ("https://", "MKT307"),
        ("https://[::1", "MKT307"),
        ("https://acme.example:0", "MKT307"),
        ("https://acme.example:99999", "MKT307"),
    ],
)
def test_what_the_runtime_would_refuse_is_found(url: str, code: str) -> None:
    assert judged(url) == [code]


def test_any_allows_every_public_host() -> None:
    assert judged("https://lms.example.edu", ["any"]) == []


def test_urls_are_found_at_any_depth() -> None:
    ((path, _),) = judge_urls({"content": [{"url": "http://a.example"}]}, ["any"])
    assert path == ("settings", "content", 0, "url")


@given(st.text(max_size=40))
def test_no_text_after_a_scheme_raises(text: str) -> None:
    assert len(judged(f"https://{text}")) <= 1
