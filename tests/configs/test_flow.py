import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.configs.document import read
from mkt.configs.flow import flow
from mkt.contract import Json

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
VALUES = st.recursive(
    TEXT | st.booleans() | st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, st.booleans())
def test_what_is_written_is_read_as_the_same(value: Json, quoted: bool) -> None:
    document = read(f"a: {flow(value, quoted=quoted)}\n".encode(), "x.yaml")
    assert document.problems == ()
    assert document.data == {"a": value}


@pytest.mark.parametrize("text", ["school holidays", "2027-01-07", "no", "https://wd5.workday.com", "isu_mkt/Roster"])
def test_plain_text_needs_no_quotes(text: str) -> None:
    assert flow(text) == text


@pytest.mark.parametrize("text", ["", "1", "true", "null", "~", "a: b", "a #b", "[", "1e3", "9" * 30])
def test_text_that_would_be_read_as_something_else_is_quoted(text: str) -> None:
    assert flow(text) == f'"{text}"'
