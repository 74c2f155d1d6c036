"""The nearest of the words that there are."""

import pytest

from mkt.configs.suggestion import suggestion


@pytest.mark.parametrize("wrong", ["SCHEDULE", "shedule", "schedul", "schedule_"])
def test_the_nearest_key_is_suggested(wrong: str) -> None:
    assert suggestion(wrong, ["schedule", "settings", "secrets"]) == "Did you mean schedule?"


def test_without_a_near_key_all_are_listed() -> None:
    assert suggestion("zzz", ["b", "a"]) == "Known are: a, b."
    assert suggestion("zzz", []) == "Remove it."
