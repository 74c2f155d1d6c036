import sys
import time
from pathlib import Path

import pytest

from mkt.runtime.command import CommandSink
from mkt.runtime.masking import PROCESS


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_message_comes_on_standard_input_and_its_id_as_a_variable(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib;"
        "pathlib.Path('got').write_text(os.environ['MKT_ALERT_ID'] + ' ' + sys.stdin.read() + ' ' + sys.argv[1])"
    )
    assert CommandSink([*_python(code), "a; touch b"], tmp_path).send("msg_1", b'{"a":1}', 20) == ""
    assert (tmp_path / "got").read_text() == 'msg_1 {"a":1} a; touch b'
    assert not (tmp_path / "b").exists()


def test_a_relative_program_stands_in_the_project(tmp_path: Path) -> None:
    script = tmp_path / "page.sh"
    script.write_text("#!/bin/sh\ncat > got\n")
    script.chmod(0o700)
    assert CommandSink(["./page.sh"], tmp_path).send("msg_1", b"x", 20) == ""
    assert (tmp_path / "got").read_text() == "x"


def test_a_command_that_fails_is_said_with_its_last_line_made_harmless(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('first\\n\\x1b[31mno route \\u202e\\n'); sys.exit(3)"
    said = CommandSink(_python(code), tmp_path).send("msg_1", b"", 20)
    assert said.startswith("it ended with 3: ")
    assert "no route" in said
    assert said.isprintable()


def test_a_secret_in_what_a_command_says_is_masked(tmp_path: Path) -> None:
    PROCESS.add("s3cret-t0ken")
    said = CommandSink(_python("import sys; sys.exit('bad s3cret-t0ken')"), tmp_path).send("msg_1", b"", 20)
    assert said == "it ended with 1: bad ***"


def test_a_command_that_says_much_costs_no_memory_and_is_cut(tmp_path: Path) -> None:
    code = "import sys; [sys.stderr.write('x' * 100000) for _ in range(50)]; sys.exit(1)"
    assert len(CommandSink(_python(code), tmp_path).send("msg_1", b"", 20)) < 300


def test_a_command_that_does_not_end_is_stopped_though_a_child_of_it_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "hang.sh"
    script.write_text("#!/bin/sh\nsleep 30 &\nsleep 30\n")
    script.chmod(0o700)
    started = time.monotonic()
    said = CommandSink(["./hang.sh"], tmp_path).send("msg_1", b"x", 0.3)
    assert "was stopped" in said
    assert time.monotonic() - started < 10


def test_a_command_that_reads_nothing_is_no_fault(tmp_path: Path) -> None:
    assert CommandSink(["true"], tmp_path).send("msg_1", b"x" * 1_000_000, 20) == ""


@pytest.mark.parametrize("words", [["no-such-program-here"], ["./not/there"], ["a\0b"]])
def test_a_command_that_is_none_is_said(words: list[str], tmp_path: Path) -> None:
    assert CommandSink(words, tmp_path).send("msg_1", b"", 20).startswith("it cannot be started: ")


def test_no_secret_of_the_environment_is_given_to_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MKT_SECRET__ACME__ROSTER__TOKEN", "WORKDAY_PASSWORD", "MKT_ALERT_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "value")
    kept = ("HOME", "LANG", "LC_CTYPE", "LC_TIME", "TZ", "TMPDIR", "USER", "LOGNAME")
    for name in kept:
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C")  # or else Python sets one
    script = tmp_path / "page.sh"
    script.write_text("#!/bin/sh\nexec env > got\n")
    script.chmod(0o700)
    assert CommandSink(["./page.sh"], tmp_path).send("msg_1", b"", 20) == ""
    got = {line.partition("=")[0] for line in (tmp_path / "got").read_text().splitlines()}
    added_by_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert got - added_by_the_shell == {*kept, "PATH", "MKT_ALERT_ID", "LC_ALL"}
