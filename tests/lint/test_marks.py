from hypothesis import given
from hypothesis import strategies as st

from mkt.lint.marks import Marks


def marked(texts: list[tuple[str, int]]) -> Marks:
    marks = Marks()
    for text, file in texts:
        marks.add(text, file)
    return marks


TEXTS = st.lists(st.tuples(st.text(max_size=2), st.integers(0, 20)))


@given(TEXTS, TEXTS)
def test_files_are_suspected_that_share_a_text(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
    marks = marked(one)
    marks.extend(marked(other))
    found = [*one, *other]
    assert marks.shared() == {
        file for text, file in found if any(text == same and file != second for same, second in found)
    }


def test_a_text_takes_twelve_bytes() -> None:
    marks = marked([(str(number), number) for number in range(1000)])
    assert len(marks.hashes) * marks.hashes.itemsize + len(marks.files) * marks.files.itemsize == 12_000
