import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.errors import PartnerError, TransientError
from mkt.runtime.masking import MaskRegister
from mkt.runtime.response import HttpResponse
from mkt.runtime.wording import excerpt


def answer(content: bytes, **headers: str) -> HttpResponse:
    named = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    url = httpx.URL("https://eu.acme.example/v1/people?page=1")
    return HttpResponse(status=200, url=url, headers=named, content=content, method="GET", masker=MaskRegister())


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=5)))
def test_json_comes_back_as_it_was_sent(document: dict[str, Any]) -> None:
    raw = json.dumps(document).encode()
    assert answer(raw).json() == document
    assert answer(b"\xef\xbb\xbf" + raw).json() == document


def test_json_in_another_charset_is_understood() -> None:
    raw = json.dumps({"name": "Jörg"}, ensure_ascii=False).encode("latin-1")
    assert answer(raw, content_type="application/json; charset=iso-8859-1").json() == {"name": "Jörg"}


def test_a_truncated_json_is_a_partner_error() -> None:
    with pytest.raises(PartnerError, match=r"people\?page answered no complete JSON: .* of 16") as raised:
        answer(b'{"name": "Jane D').json()
    assert "Jane" not in raised.value.message
    assert raised.value.code == "partner.json"


def test_an_empty_body_is_a_partner_error() -> None:
    with pytest.raises(PartnerError, match="answered nothing"):
        answer(b"").json()


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"<html><head><title>Sign in\n to Acme</title></head>", {}),
        (b"  <!DOCTYPE html><title lang=en>Sign in to Acme</title>", {}),
        (b"<div/><title>Sign in to Acme</title>", {"content_type": "text/html; charset=utf-8"}),
    ],
)
def test_a_web_page_is_a_passing_fault(content: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(TransientError, match="answered a web page instead of JSON: Sign in to Acme") as raised:
        answer(content, **headers).json()
    assert raised.value.code == "partner.html"


def test_links_are_absolute_and_by_relation() -> None:
    header = '<?page=2>; rel="next", <https://eu.acme.example/v1/people?page=9>; rel="last end", <x>; title="y"'
    assert answer(b"", link=header).links == {
        "next": "https://eu.acme.example/v1/people?page=2",
        "last": "https://eu.acme.example/v1/people?page=9",
        "end": "https://eu.acme.example/v1/people?page=9",
    }


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ("</p;jsessionid=1?a=b;c>; rel=next", {"next": "/p;jsessionid=1?a=b;c"}),
        ('</p?ids=1,2>; REL="Next"; title="a, b; rel=x"', {"next": "/p?ids=1,2"}),
        ('</p>; title="; rel=next"', {}),
        ("</p>;title*=UTF-8''x;rel=next,</q>;rel=\"last\"", {"next": "/p", "last": "/q"}),
        ('</p>; rel="next"; rel="last"', {"next": "/p"}),
        ('</p>; rel="next", </q>; rel="next"', {"next": "/p"}),
        ("nonsense", {}),
        ("<", {}),
    ],
)
def test_links_follow_the_grammar_of_rfc_8288(header: str, links: dict[str, str]) -> None:
    root = "https://eu.acme.example"
    assert answer(b"", link=header).links == {rel: root + path for rel, path in links.items()}


def test_a_link_that_is_no_address_is_a_partner_error_and_not_the_last_page() -> None:
    with pytest.raises(PartnerError, match="no address"):
        answer(b"", link=f'</{"x" * 70_000}>; rel="next"').links  # noqa: B018 - a property


@given(
    st.text(alphabet="aZ09-_~!$&'*+,;=:@/", max_size=20),
    st.text(alphabet="aZ09-._~!$&'()*+,;=:@/?", max_size=20),
)
def test_an_absolute_address_is_taken_to_the_letter(path: str, query: str) -> None:
    address = f"https://eu.acme.example/Memberships/{path}?page={query}"
    header = f'<{address}>; rel="next", </first>; rel="first"'
    assert answer(b"", link=header).links["next"] == address


def test_an_answer_without_links_has_none() -> None:
    assert answer(b"{}").links == {}


def test_text_has_its_charset() -> None:
    assert answer("ä".encode("latin-1"), content_type="text/plain; charset=latin-1").text == "ä"


def test_an_answer_shows_nothing_in_its_repr() -> None:
    assert "hunter2" not in repr(answer(b"hunter2"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"message": "no report"}, "no report"),
        ({"error": "invalid_grant", "error_description": "expired"}, "invalid_grant: expired"),
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"error": {"message": "deep"}}, "deep"),
        ({"detail": "scim", "status": "404"}, "scim"),
        ({"errors": [{"error": "first"}, {"error": "second"}]}, "first"),
        ([{"message": "expired", "errorCode": "INVALID_SESSION_ID"}], "expired"),
        ({"unknown": "shape"}, ""),
        ({"message": "user jane@school.test has no right"}, "user …@… has no right"),
        ({"message": "a\tb\r\n\u202ec\x1b[31m"}, "a b c [31m"),
    ],
)
def test_the_partners_own_words_are_found(content: Any, said: str) -> None:
    assert excerpt(json.dumps(content).encode(), MaskRegister()) == said


def test_a_soap_fault_is_found() -> None:
    raw = b"<?xml version='1.0'?><s:Fault><faultstring xml:lang='en'>Invalid user</faultstring></s:Fault>"
    assert excerpt(raw, MaskRegister()) == "Invalid user"


def test_a_page_without_a_title_says_nothing() -> None:
    assert excerpt(b"<html><script>var x = 1</script>", MaskRegister()) == ""


@given(st.binary(max_size=600))
def test_any_bytes_give_one_short_line(raw: bytes) -> None:
    said = excerpt(raw, MaskRegister())
    assert len(said) <= 200
    assert said.isprintable()


@given(st.integers(0, 300))
def test_a_secret_at_the_cut_is_masked_whole(before: int) -> None:
    masker = MaskRegister()
    masker.add("hunter2-hunter2")
    said = excerpt(b"." * before + b"hunter2-hunter2", masker)
    assert "hunter" not in said
