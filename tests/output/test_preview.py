"""What a dry run would change, as text and for scripts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from rich.console import RenderableType

from mkt.engine.report import Report, Result, StreamCounts
from mkt.output.objects import report_object
from mkt.output.preview_object import changes_object
from mkt.output.preview_table import changes_page
from mkt.store.base import ChangedRecord

Render = Callable[..., str]
OLD = {"given_name": "Ann", "email": "ann@old.example", "active": True}
NEW = {"given_name": "Ann", "email": "ann@new.example", "active": True, "title": "Clerk"}
RESULT = Result(
    tenant="northwind",
    integration="roster",
    connector="workday-hris",
    outcome="ok",
    streams={"people": StreamCounts(created=1, updated=40, deleted=1)},
    preview={
        "people": (
            ChangedRecord(external_id="1", change="deleted", before=OLD, after=None),
            ChangedRecord(external_id="2", change="updated", before=OLD, after=NEW),
            ChangedRecord(external_id="3", change="created", before=None, after=NEW),
        ),
        "org_units": (),
    },
)


def _page(result: Result, *, values: bool) -> Iterator[RenderableType]:
    return changes_page(result.target, result.preview, result.streams, values=values)


def test_values_are_masked(render: Render) -> None:
    assert render(_page(RESULT, values=False)).splitlines() == [
        "northwind/roster  people  1 deleted, 40 updated, 1 created",
        "  deleted  1",
        "  updated  2",
        "             email  *** -> ***",
        "             title  none -> ***",
        "  created  3        given_name, email, title, active",
        "  and 39 more",
    ]


def test_an_id_is_shown_as_a_person_reads_it_and_kept_for_scripts(render: Render) -> None:
    gone = ChangedRecord(external_id="Caf%C3%A9%3A1:a", change="deleted", before=OLD, after=None)
    result = replace(RESULT, preview={"people": (gone,)})
    assert "  deleted  Café:1:a" in render(_page(result, values=False)).splitlines()
    assert changes_object(result.preview, values=False)["people"][0]["external_id"] == "Caf%C3%A9%3A1:a"


def test_values_are_shown_to_whom_they_were_revealed(render: Render) -> None:
    text = render(_page(RESULT, values=True))
    assert "email       ann@old.example -> ann@new.example" in text
    assert "title       none -> Clerk" in text
    assert "active      true" in text


def test_a_script_gets_the_same(render: Render) -> None:
    del render
    report = Report(command="sync", results=(RESULT,), dry_run=True)

    def fields(**options: Any) -> Any:
        return report_object(report, **options)["results"][0]["preview"]["people"][1]["fields"]

    assert fields() == {
        "email": {"before": "***", "after": "***"},
        "title": {"before": None, "after": "***"},
    }
    assert fields(values=True)["email"] == {"before": "ann@old.example", "after": "ann@new.example"}


def test_a_sync_without_a_preview_has_none_for_scripts() -> None:
    report = Report(command="sync", results=(Result(tenant="a", integration="b", outcome="ok"),))
    assert "preview" not in report_object(report)["results"][0]


def test_a_partners_text_moves_no_cursor(render: Render) -> None:
    wild = ChangedRecord(external_id="\x1b[2J", change="created", before=None, after={"title": "\x1b[31m"})
    result = Result(tenant="a", integration="b", outcome="ok", preview={"people": (wild,)})
    assert "\x1b" not in render(_page(result, values=True))
