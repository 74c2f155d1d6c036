import base64
import html
import json
import string
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.runtime.masking import PROCESS, Masker, MaskRegister

secrets = st.text(min_size=4, max_size=40).filter(lambda text: "*" not in text and len(text.strip()) >= 4)
surroundings = st.text(max_size=20).filter(lambda text: "*" not in text)


def masked(text: str, *values: str) -> str:
    masker = MaskRegister()
    for value in values:
        masker.add(value)
    return masker.mask(text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda v: v,
    "quoted": lambda v: quote(v, errors="surrogatepass"),
    "quoted with slashes": lambda v: quote(v, safe="", errors="surrogatepass"),
    "as a form": lambda v: quote_plus(v, errors="surrogatepass"),
    "quoted in lower case": lambda v: _lower_hex(quote(v, safe="", errors="surrogatepass")),
    "base64": lambda v: base64.b64encode(v.encode(errors="surrogatepass")).decode(),
    "base64 for URLs": lambda v: base64.urlsafe_b64encode(v.encode(errors="surrogatepass")).decode(),
    "base64 without padding": lambda v: base64.b64encode(v.encode(errors="surrogatepass")).decode().rstrip("="),
    "JSON": lambda v: json.dumps(v)[1:-1],
    "JSON in Unicode": lambda v: json.dumps(v, ensure_ascii=False)[1:-1],
    "repr": lambda v: repr(v)[1:-1],
    "XML": html.escape,
}


def _lower_hex(quoted: str) -> str:
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(value=secrets, before=surroundings, after=surroundings)
def test_no_value_survives_in_any_encoding(encoding: str, value: str, before: str, after: str) -> None:
    written = ENCODINGS[encoding](value)
    result = masked(f"{before}{written}{after}", value)
    assert written not in result
    assert "***" in result


@given(user=st.text(alphabet=string.digits, max_size=12), value=st.text(alphabet=string.ascii_letters, min_size=6))
def test_a_password_in_a_basic_header_does_not_survive(user: str, value: str) -> None:
    result = masked(base64.b64encode(f"{user}:{value}".encode()).decode(), value)
    before, mask, after = result.partition("***")
    assert mask
    # What is left is what the user name decides, and a character at either end that holds bits of both.
    assert len(before) <= len(base64.b64encode(f"{user}:".encode()).rstrip(b"="))
    assert len(after.rstrip("=")) <= 1


@given(text=st.text(alphabet=string.digits + " /+="), value=st.text(alphabet=string.ascii_lowercase, min_size=4))
def test_a_text_without_the_value_stays_as_it_is(text: str, value: str) -> None:
    assert masked(text, value) == text


def test_overlapping_values_become_one_mask() -> None:
    assert masked("x abcabd y", "abcab", "cabd") == "x *** y"


def test_a_value_within_a_value_does_not_leave_the_rest() -> None:
    assert masked("password-and-more", "password", "password-and-more") == "***"


def test_a_short_value_is_masked_as_a_whole_word() -> None:
    assert masked("pin 123, not 1234 nor x123", "123") == "pin ***, not 1234 nor x123"


def test_a_value_is_masked_without_the_white_space_around_it() -> None:
    assert masked("token s3cret!", "s3cret\n") == "token ***!"


def test_an_empty_value_masks_nothing() -> None:
    assert masked("text", "") == "text"


def test_a_line_of_a_private_key_does_not_survive() -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    key = f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
    assert masked(f"could not load {line}", key) == "could not load ***"
    assert masked("-----BEGIN PRIVATE KEY-----", key) == "-----BEGIN PRIVATE KEY-----"


leaves = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.text(max_size=10)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@given(documents)
def test_json_keeps_its_shape(document: Any) -> None:
    assert MaskRegister().mask_json(document) == document


def test_json_is_masked_in_leaves_and_keys() -> None:
    masker = MaskRegister()
    masker.add("s3cret")
    document = {"a": ["x s3cret", 7, None, {"s3cret": True}], "b": ("s3cret",)}
    assert masker.mask_json(document) == {"a": ["x ***", 7, None, {"***": True}], "b": ["***"]}


def test_the_process_masks_what_any_call_has_seen() -> None:
    Masker().add("seen-by-one-call")
    assert PROCESS.mask("seen-by-one-call") == "***"
    assert Masker().mask("seen-by-one-call") == "seen-by-one-call"


def test_a_bounded_register_forgets_the_oldest() -> None:
    register = MaskRegister(limit=2)
    for value in ("first", "second", "first", "third"):
        register.add(value)
    assert register.mask("first second third") == "*** second ***"


def test_values_may_be_added_while_another_thread_masks() -> None:
    masker = MaskRegister()

    def add() -> None:
        for number in range(100):
            masker.add(f"value-{number}")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        masker.mask("value-1")
    assert masker.mask("value-99") == "***"


def test_half_a_character_is_replaced() -> None:
    masker = Masker()
    masker.add("s3cret")
    assert masker.mask("s3cret \ud83d caf\u00e9 \U0001f600") == "*** \ufffd caf\u00e9 \U0001f600"


def test_what_json_does_not_have_becomes_text() -> None:
    masker = Masker()
    masker.add("s3cret")
    given = {1: Decimal("1.50"), "when": date(2026, 1, 2), "big": 10**30, "raw": b"s3cret", "set": {"s3cret"}}
    wanted = {"1": "1.50", "when": "2026-01-02", "big": "1" + "0" * 30, "raw": "b'***'", "set": ["***"]}
    assert masker.mask_json(given) == wanted


def test_what_is_nested_without_end_is_cut() -> None:
    document: Any = []
    document.append(document)
    assert orjson.dumps(Masker().mask_json(document)).startswith(b"[" * 50 + b'"')
