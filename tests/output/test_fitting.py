"""Tables that fit the terminal."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mkt.output.fitting import Fitting
from mkt.output.text import outcome_text

Render = Callable[..., str]
ROWS = [
    {"integration": "northwind/roster", "connector": "workday-hris", "health": outcome_text("ok"), "live": "1,200"},
    {"integration": "acme/crm", "connector": "hubspot-crm", "health": outcome_text("failing"), "live": "7"},
]


def _table() -> Fitting:
    return Fitting(
        ["integration", "connector", "health", "live"], ROWS, right=["live"], spare=["connector", "health"]
    )


def test_columns_are_aligned(render: Render) -> None:
    assert render([_table()]).splitlines() == [
        "integration       connector     health    live",
        "northwind/roster  workday-hris  ok       1,200",
        "acme/crm          hubspot-crm   failing      7",
    ]


def test_a_narrow_terminal_does_without_what_can_be_spared(render: Render) -> None:
    assert render([_table()], 40).splitlines()[0].split() == ["integration", "health", "live"]
    assert render([_table()], 24).splitlines()[0].split() == ["integration", "live"]


def test_what_still_does_not_fit_is_folded_and_not_cut(render: Render) -> None:
    lines = render([_table()], 18).splitlines()
    assert max(map(len, lines)) <= 18
    assert "northwind/roster" in "".join(line.split()[0] for line in lines if line.strip())


def test_a_cell_that_is_missing_is_empty(render: Render) -> None:
    assert render([Fitting(["a", "b"], [{"b": "x"}])]) == "a  b\n   x\n"


def test_no_rows_are_a_header(render: Render) -> None:
    assert render([Fitting(["a", "b"], [])]) == "a  b\n"


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({"one": CELLS, "two": CELLS}), max_size=5), width=st.integers(30, 200))
def test_whatever_stands_in_a_cell_each_row_is_one_line(
    render: Render, rows: list[dict[str, str]], width: int
) -> None:
    table = Fitting(["one", "two"], rows)
    lines = render([table], 400).split("\n")
    assert len(lines) == len(rows) + 2
    assert len({cell_len(line) for line in lines[:-1]}) == 1
    assert max(cell_len(line) for line in render([table], width).split("\n")) <= max(width, 30)


LONG = [
    {"integration": "customer-of-northern-europe/learner-roster", "why": "GET https://a.example/one/two answered 503"}
]


def test_names_break_behind_a_slash_or_a_dash_and_never_within_a_word(render: Render) -> None:
    lines = render([Fitting(["integration", "why"], LONG, folds="why")], 46).splitlines()
    assert [line[:28].rstrip() for line in lines[1:3]] == ["customer-of-northern-europe/", "learner-roster"]


def test_what_is_long_gives_way_before_a_name_does(render: Render) -> None:
    first = render([Fitting(["integration", "why"], LONG, folds="why")], 62).splitlines()[1]
    assert first.startswith("customer-of-northern-europe/learner-roster  GET https://")


def test_a_list_shows_the_beginning_of_what_is_long(render: Render) -> None:
    lines = render([Fitting(["integration", "why"], LONG, folds="why", most=2)], 62).splitlines()
    assert len(lines) == 3
    assert lines[-1].rstrip().endswith("…")
    assert "…" not in render([Fitting(["integration", "why"], LONG, folds="why", most=2)])
