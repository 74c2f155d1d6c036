"""`mkt sync --since --until`, from the command line to what the partner is asked."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from tests.cli.front import Mkt, Project

from mkt.cli.window import moment
from mkt.connectors.workday_hris.simulator import WorkdaySimulator


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-15", datetime(2026, 11, 15, tzinfo=UTC)),
        ("2026-11-15T08:30", datetime(2026, 11, 15, 8, 30, tzinfo=UTC)),
        ("2026-11-15T08:30:00+01:00", datetime(2026, 11, 15, 7, 30, tzinfo=UTC)),
        ("2026-11-15T08:30:00Z", datetime(2026, 11, 15, 8, 30, tzinfo=UTC)),
    ],
)
def test_a_date_and_a_moment_are_read(text: str, found: datetime) -> None:
    assert moment(text) == found


@pytest.mark.parametrize(
    ("text", "ago"), [("90m", timedelta(minutes=90)), ("12h", timedelta(hours=12)), ("2w", timedelta(weeks=2))]
)
def test_how_long_ago_is_counted_from_now(text: str, ago: timedelta) -> None:
    assert abs(datetime.now(UTC) - ago - moment(text)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "7", "-7d", "7y", "2026-13-01", "15.11.2026", "999999w", "0001-01-01T00:00+10:00"]
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no moment such as 2026-11-15"):
        moment(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "7d"], "--since and --until need a target or a filter"),
        (["northwind", "--since", "soon"], "'soon' is no moment"),
        (["northwind", "--since", "7d", "--full"], "--full starts from the beginning, a window does not"),
        (["northwind", "--since", "1d", "--until", "2d"], "--since must be before --until"),
        (["northwind", "--since", "2999-01-01"], "nothing has changed yet after a moment to come"),
    ],
)
@pytest.mark.usefixtures("partner")
def test_a_window_that_makes_no_sense_stops_the_start(mkt: Mkt, options: list[str], words: str) -> None:
    answer = mkt("sync", *options)
    assert (answer.code, answer.out) == (2, "")
    assert words in " ".join(answer.err.split())


@pytest.fixture
def prompted(project: Project, partner: WorkdaySimulator) -> WorkdaySimulator:
    """A report that can be asked for a part of time."""
    partner.prompts = ("From Moment", "To Moment")
    prompts = {"From_Moment": "{since}", "To_Moment": "{until}"}
    project.write("northwind", settings={**partner.settings(), "params": prompts}, schedule="15 2 * * *")
    return partner


def test_the_partner_is_asked_for_that_part_and_the_next_sync_goes_on_from_its_own_cursor(
    mkt: Mkt, prompted: WorkdaySimulator
) -> None:
    assert mkt("sync").code == 0
    before = mkt("status", "northwind", "-o", "json").document
    answer = mkt("sync", "northwind", "--since", "2026-11-15", "--until", "2026-11-16", "-o", "table")
    assert answer.code == 0
    asked = prompted.requests[-1].query
    assert (asked["From_Moment"], asked["To_Moment"]) == ("2026-11-15T00:00:00", "2026-11-16T00:00:00")
    assert "asked for what changed since 2026-11-15 00:00 UTC until 2026-11-16 00:00 UTC" in answer.out
    assert mkt("status", "northwind", "-o", "json").document == before
    assert mkt("sync", "northwind", "--now").code == 0
    assert prompted.requests[-1].query["From_Moment"] > "2026-11-16"


def test_a_report_that_has_no_part_is_compared_whole_and_says_so(mkt: Mkt, partner: WorkdaySimulator) -> None:
    assert mkt("sync").code == 0
    partner.change()
    answer = mkt("sync", "northwind", "--since", "7d", "-o", "json")
    [result] = answer.document["results"]
    assert (result["outcome"], result["streams"]["people"]["deleted"]) == ("ok", 0)
    assert "the partner was asked for all of job_roles, memberships, org_units, people" in result["note"]
