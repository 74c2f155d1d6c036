"""What pydantic says, in our words."""

import pytest

from mkt.plain import plain


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Input should be a valid integer, unable to parse string as an integer", "must be a whole number"),
        ("Input should be greater than or equal to 1", "must be at least 1"),
        ("Input should be a valid tuple", 'must be a list such as ["one", "two"]'),
        ("Value error, 'xml' is not one of 'table', 'json'.", "'xml' is not one of 'table', 'json'."),
        ("'abc' is no duration such as 90s", "'abc' is no duration such as 90s"),
    ],
)
def test_a_message_is_for_whoever_typed_it(theirs: str, ours: str) -> None:
    assert plain(theirs) == ours
