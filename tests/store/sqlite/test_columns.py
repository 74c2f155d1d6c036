"""Values survive their columns."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.store.sqlite.columns import dump, load, moment, stamp

zones = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2900, 1, 1), timezones=zones)  # noqa: DTZ001
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(moments, moments)
def test_times_come_back_and_sort_as_text(one: datetime, other: datetime) -> None:
    assert moment(stamp(one)) == one
    assert moment(stamp(one)).tzinfo == UTC
    assert (stamp(one) < stamp(other)) == (one < other)


@given(values)
def test_json_comes_back(value: Any) -> None:
    assert load(dump(value)) == value


def test_json_of_the_contract_is_more_than_dicts_and_lists() -> None:
    value: Mapping[str, Any] = MappingProxyType({"a": (1, frozenset({2}))})
    assert load(dump(value)) == {"a": [1, [2]]}
    with pytest.raises(TypeError):
        dump(object())
