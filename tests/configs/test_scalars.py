import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.document import read
from mkt.configs.scalars import resolve
from mkt.contract import Json


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No",
        "NO",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "1:30",
        "2027-01-07",
        "2027-01-07T08:00:00Z",
        "1_000",
        "0b11",
        "0o8",
        "0xG",
        "1e",
        ".e1",
        "+",
        "-",
        ".",
        "1.2.3",
        "nulls",
        "True1",
        "=",
    ],
)
def test_what_yaml_1_1_guessed_is_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("007", 7),
        ("-12", -12),
        ("+3", 3),
        ("0o17", 15),
        ("0xfF", 255),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e3", -1500.0),
        ("1e3", 1000.0),
    ],
)
def test_the_core_schema_is_followed(text: str, value: Json) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    "text", [".inf", "-.Inf", ".nan", "1e999", "9223372036854775808", "9" * 5000, "0x" + "f" * 5000]
)
def test_a_number_that_json_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        resolve(text)


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_numbers_come_back_as_they_were_written(value: Json) -> None:
    text = repr(value).lower() if isinstance(value, bool) else repr(value)
    back = resolve(text)
    assert type(back) is type(value)
    assert back == value


@given(st.text(alphabet=string.printable + "äß€漢😀").filter(lambda text: not set(text) & set("\x0b\x0c")))
def test_quoted_text_comes_back_as_it_was_written(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        quoted = quoted.replace(character, escape)
    assert read(f'a: "{quoted}"'.encode(), "x.yaml").data == {"a": text}


@given(st.text(alphabet="0123456789+-.eExoabftruTNnl~_:", max_size=12))
def test_a_plain_scalar_is_text_or_a_finite_value(text: str) -> None:
    try:
        value = resolve(text)
    except ValueError:
        return
    assert value == text or value is None or (isinstance(value, int | float) and math.isfinite(value))
