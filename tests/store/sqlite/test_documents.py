"""Documents stand in the database byte for byte as they were given."""

import sqlite3
from contextlib import closing

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.store.sqlite import documents

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table integration_documents (document integer primary key, data text not null) strict")
    return connection


def _all(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
    rows = connection.execute("select document, cast(data as blob) from integration_documents order by document")
    return rows.fetchall()


@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=5))
def test_a_document_stands_as_it_was_encoded(found: list[dict[str, object]]) -> None:
    encoded = [orjson.dumps(data, option=orjson.OPT_SORT_KEYS) for data in found]
    with closing(_table()) as connection:
        documents.add(connection.execute, 7, encoded)
        assert _all(connection) == list(enumerate(encoded, 7))


def test_very_large_documents_take_several_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_BYTES", 25)
    encoded = [orjson.dumps({"n": "x" * size}) for size in (3, 40, 2, 5, 1, 30)]
    statements: list[object] = []
    with closing(_table()) as connection:
        connection.set_trace_callback(statements.append)
        documents.add(connection.execute, 1, encoded)
        connection.set_trace_callback(None)
        assert _all(connection) == list(enumerate(encoded, 1))
    assert len([one for one in statements if "insert" in str(one)]) == 5


def test_a_document_is_written_over_the_one_before() -> None:
    with closing(_table()) as connection:
        documents.add(connection.execute, 1, [b'{"a":1}', b'{"a":2}'])
        documents.replace(connection, [(2, '{"a":"é"}'.encode())])
        assert _all(connection) == [(1, b'{"a":1}'), (2, '{"a":"é"}'.encode())]
