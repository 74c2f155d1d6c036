"""Shared options, and how they become settings, selections and values."""

from datetime import timedelta
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from mkt.cli.options import Chosen, Installation, duration, known_streams, shape, spread
from mkt.engine.selection import Selection

app = typer.Typer(rich_markup_mode=None)


@app.command()
@spread
def probe(*, chosen: Chosen, installation: Installation, loud: Annotated[bool, typer.Option()] = False) -> None:
    typer.echo(repr((chosen.selection(), installation.flags["store"], loud)))


def _said(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_nothing_given_selects_everything() -> None:
    assert _said() == repr((Selection(), None, False))


def test_targets_and_repeated_filters_come_together() -> None:
    arguments = ["acme", "-t", "a", "-t", "b", "-c", "x", "--label", "region=emea", "--label", "q=", "--loud"]
    selection = Selection(
        targets=("acme",), tenants=("a", "b"), connectors=("x",), labels={"region": "emea", "q": ""}
    )
    assert _said(*arguments, "--store", "sqlite:x.db") == repr((selection, "sqlite:x.db", True))


@pytest.mark.parametrize("label", ["region", "=emea", ""])
def test_a_label_without_a_name_or_value_is_a_usage_error(label: str) -> None:
    result = CliRunner().invoke(app, ["--label", label])
    assert result.exit_code == 2
    assert "is no NAME=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
    ],
)
def test_durations_are_read(text: str, value: timedelta) -> None:
    assert duration(text) == value


@pytest.mark.parametrize("text", ["", "30", "m", "-5m", "5 m", "0s", "1w", "99999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        duration(text)


def test_a_stream_outside_the_closed_list_is_refused() -> None:
    assert known_streams(["people"]) == ["people"]
    with pytest.raises(typer.BadParameter, match="people, org_units"):
        known_streams(["peple"])


def test_auto_is_a_table_on_a_terminal_only() -> None:
    assert shape("auto", piped="jsonl", terminal=True) == "table"
    assert shape("auto", piped="jsonl", terminal=False) == "jsonl"
    assert shape("json", piped="jsonl", terminal=True) == "json"
