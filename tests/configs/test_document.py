import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mkt.configs import document as document_module
from mkt.configs.document import read
from mkt.configs.structure import read_structure

PIECES = [
    "tenant: northwind\n", "tenant:", "labels: {a: b}\n", "integrations:\n", "connector: acme-hr\n", "guard: {}\n",
    "    name: x\n", "    settings: ",
    "  - ", "{", "}", "[", "]", ": ", "- ", "? ", "|\n", ">\n", "&a ", "*a", "!!str ",
    "<<: ", "---\n", "...\n", "%YAML 1.1\n", "#", '"', "'", "\\", "\n", "\t", " ", ",", "null", "1e9", ".nan", "\x00",
    "\u2028", "é",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text())
@example("? - a\n: b")
@example("- - - a: [{")
def test_any_text_gives_problems_or_a_tenant(text: str) -> None:
    file = read_structure(read(text.encode(errors="surrogatepass"), "x.yaml"))
    assert (file.part is None) == bool(file.problems)
    assert all(problem.position.path == "x.yaml" for problem in file.problems)


@given(st.binary(max_size=200))
def test_any_bytes_give_problems_or_a_tenant(content: bytes) -> None:
    file = read_structure(read(content, "x.yaml"))
    assert (file.part is None) == bool(file.problems)


def test_a_value_has_the_span_that_an_editor_would_mark() -> None:
    document = read(b"a:\n  b: [x, {c: yes}]\n  d:\n    e: 1\n", "x.yaml")
    place = document.position(("a", "b", 1, "c"))
    assert (place.line, place.column, place.end_line, place.end_column) == (2, 14, 2, 17)


def test_an_empty_value_is_shown_at_its_key() -> None:
    assert str(read(b"a:\n  b:\n", "x.yaml").position(("a", "b"))) == "x.yaml:2:3"


def test_what_is_missing_is_shown_at_the_key_above_it() -> None:
    document = read(b"a:\n  b:\n    c: 1\n", "x.yaml")
    assert str(document.position(("a", "b", "z", "y"))) == "x.yaml:2:3"


def test_columns_count_characters_not_bytes() -> None:
    assert read("é: {ü: [ä, x]}".encode(), "x.yaml").position(("é", "ü", 1)).column == 12


def test_a_file_with_several_mistakes_shows_them_all() -> None:
    text = b"tenant: northwind\nlabels: {a: 1}\nfoo: 1\n"
    text += b"integrations:\n  - connector: a\n    schedule: x\n  - {enabled: no}\n"
    codes = [problem.code for problem in read_structure(read(text, "x.yaml")).problems]
    assert codes == ["MKT203", "MKT201", "MKT501", "MKT202", "MKT203"]


@pytest.mark.parametrize(
    "text", ["a: {{{}}}\n", "a: {{{0}, {0}}}\n"], ids=["every key looked up", "every key doubled"]
)
def test_the_keys_of_a_mapping_are_gone_through_once_however_many_places_are_asked_for(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed, real = list[object](), document_module._indexed
    monkeypatch.setattr(document_module, "_indexed", lambda node: indexed.append(node) or real(node))
    keys = [f"k{number}" for number in range(500)]
    document = read(text.format(", ".join(f"{key}: 1" for key in keys)).encode(), "x.yaml")
    assert [document.position(("a", key)).column for key in keys[:2]] == [9, 16]
    for key in keys:
        assert document.position(("a", key)).line == 1
    assert len(document.problems) in (0, len(keys))
    assert len(indexed) == 2 + bool(document.problems)


def test_scalars_come_in_order_with_their_paths_and_styles() -> None:
    document = read(b"a: [x, 'y']\nb:\n  c: |\n    z\n", "x.yaml")
    found = [(scalar.path, scalar.text, scalar.style, scalar.is_key) for scalar in document.scalars()]
    assert found == [
        (("a",), "a", "", True),
        (("a", 0), "x", "", False),
        (("a", 1), "y", "'", False),
        (("b",), "b", "", True),
        (("b", "c"), "c", "", True),
        (("b", "c"), "z\n", "|", False),
    ]
    assert [scalar.text for scalar in document.scalars(("a",))] == ["x", "y"]
    assert list(document.scalars(("b", "nowhere"))) == []
    assert (document.plain(("a", 0)), document.plain(("a", 1)), document.plain(("x",))) == (True, False, False)


@pytest.mark.parametrize(("content", "text"), [(b"\xef\xbb\xbfa: 1", "a: 1"), (b"\xff\xfea", "")])
def test_the_text_is_what_places_count(content: bytes, text: str) -> None:
    document = read(content, "x.yaml")
    assert (document.content, document.text) == (content, text)
