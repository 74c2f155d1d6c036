"""What all text has in common."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from mkt.output.text import ago, clean, clock, console_for, duration, plural, row, short_id, show, table

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@given(st.text())
def test_no_text_moves_the_cursor(text: str) -> None:
    assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in clean(text))
    assert "\x9b" not in clean(text)


def test_markup_in_a_partners_words_is_only_text() -> None:
    file = io.StringIO()
    grid = table("a")
    row(grid, "[bold]x[/bold] :smile: \x1b[31m")
    show(console_for(file), [grid])
    assert file.getvalue() == "a\n[bold]x[/bold] :smile: \\x1b[31m\n"


def test_piped_text_is_never_clipped_and_has_no_blanks_at_the_ends() -> None:
    file = io.StringIO()
    grid = table("name", "why")
    row(grid, "a", "x" * 5000)
    row(grid, "b", "")
    show(console_for(file), [grid, Text("end")])
    assert file.getvalue().splitlines() == ["name  why", f"a     {'x' * 5000}", "b", "end"]


def test_no_color_is_honored_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    show(console_for(plain), [Text("x", style="red")])
    monkeypatch.delenv("NO_COLOR")
    colored = Terminal()
    show(console_for(colored), [Text("x", style="red")])
    assert "31m" not in plain.getvalue()
    assert "31m" in colored.getvalue()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=12), "12 s ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=3), "3 d ago"),
        (-timedelta(hours=5), "in 5 h"),
    ],
)
def test_times_are_relative_with_their_zone(before: timedelta, said: str) -> None:
    moment = NOW - before
    zone = moment.astimezone().tzname()
    assert ago(moment, NOW).startswith(f"{said} (")
    assert ago(moment, NOW).endswith(f" {zone})")


def test_what_never_was_is_never() -> None:
    assert ago(None, NOW) == "never"


def test_a_time_beyond_a_day_has_its_date() -> None:
    assert len(clock(NOW + timedelta(hours=8), NOW)) == len("02:17")
    assert clock(NOW + timedelta(days=3), NOW).startswith("2026-11-2")


def test_numbers_read_well() -> None:
    assert [duration(340), duration(3200), duration(250_000)] == ["340 ms", "3.2 s", "4 min 10 s"]
    assert [plural(1, "run"), plural(1200, "run")] == ["1 run", "1,200 runs"]


def test_the_short_id_is_the_end_that_differs() -> None:
    assert short_id("01a204cc-55f4-79cf-8a3f-677b4f31819b") == "4f31819b"
    assert short_id(None) == ""
