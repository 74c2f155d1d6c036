"""`mkt sync --preview` and what it takes to see values."""

import re

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

PREVIEW = ("sync", "northwind", "--now", "--preview", "2")


@pytest.fixture
def changed(mkt: Mkt, partner: WorkdaySimulator) -> WorkdaySimulator:
    """Northwind is synced, and then something changes at the partner."""
    mkt("sync")
    partner.change()
    return partner


@pytest.mark.usefixtures("changed")
def test_a_preview_is_a_masked_dry_run(mkt: Mkt) -> None:
    before = mkt("records", "export").out
    answer = mkt(*PREVIEW)
    assert answer.code == 0
    assert answer.out.startswith("dry run: nothing was stored\n")
    assert re.search(r"  people  .*\d (deleted|updated|created)", answer.out)
    assert re.search(r"\n  and \d+ more\n", answer.out)
    assert "***" in answer.out
    for person in ("@", "Lindqvist", "Björn"):
        assert person not in answer.out
    assert mkt("records", "export").out == before
    assert not any(event["details"].get("what") == "show values" for event in mkt("events").lines)


@pytest.mark.usefixtures("changed")
def test_who_sees_values_is_recorded(mkt: Mkt) -> None:
    masked, shown = mkt(*PREVIEW, "-o", "json").document, mkt(*PREVIEW, "--show-values", "-o", "json").document

    def values(document: object) -> set[str]:
        [result] = document["results"]  # type: ignore[index]
        fields = [field for record in result["preview"]["people"] for field in record["fields"].values()]
        return {str(value) for field in fields for value in field.values() if value is not None}

    assert values(masked) == {"***"}
    assert values(shown)
    assert "***" not in values(shown)
    actions = [event for event in mkt("events").lines if event["event"] == "operator.action"]
    assert [(a["details"]["what"], a["tenant"], a["integration"]) for a in actions] == [
        ("show values", "northwind", "roster")
    ]
    assert not any(value in str(actions) for value in values(shown) if "@" in value)


@pytest.mark.usefixtures("changed")
def test_a_guard_that_would_stop_it_does_not_hide_what_would_change(mkt: Mkt, project: Project) -> None:
    text = (project.root / "configs" / "northwind.yaml").read_text()
    guard = '"guard": {"max_change_percent": 0, "max_delete_percent": 0, "ignore_below": 0}, "name"'
    (project.root / "configs" / "northwind.yaml").write_text(text.replace('"name"', guard, 1))
    answer = mkt(*PREVIEW)
    assert answer.code == 1
    assert "a sync would be held for review" in answer.out
    assert "northwind/roster  people  " in answer.out
    assert "mkt runs show" not in answer.out, "a dry run keeps no run to show"
    assert "mkt holds" not in answer.out, "and no hold"


@pytest.mark.parametrize(
    "wrong",
    [("--preview", "0"), ("--preview", "-1"), ("--show-values",), ("--preview", "2", "-o", "jsonl")],
)
def test_what_makes_no_sense_is_refused(mkt: Mkt, project: Project, wrong: tuple[str, ...]) -> None:
    project.write("northwind")
    assert mkt("sync", *wrong).code == 2


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize(
    ("selected", "said"),
    [
        (("northwind",), ["northwind"]),
        (("northwind/roster",), ["northwind/roster"]),
        (("-c", "workday-hris"), ["northwind/roster"]),
        ((), [""]),
    ],
)
def test_an_export_is_recorded_with_its_target(mkt: Mkt, selected: tuple[str, ...], said: list[str]) -> None:
    assert mkt("records", "export", *selected).lines
    actions = [event["details"] for event in mkt("events").lines if event["event"] == "operator.action"]
    assert [(action["what"], action["target"]) for action in actions] == [("export", target) for target in said]
    assert mkt("status", "northwind").out.count("last action") == int(said != [""])
