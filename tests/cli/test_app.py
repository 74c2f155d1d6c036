"""The front door: help, version, and the one error boundary."""

import importlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from tests.cli.front import Mkt, Project

from mkt import __version__
from mkt.cli.app import COMMANDS, main
from mkt.errors import MktError, Refused
from mkt.runtime.masking import PROCESS

HEAVY = ("supabase", "pydantic_settings", "keyring", "httpx", "rich", "uvicorn")


def _command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Add a command `explode`, which raises this."""
    module = ModuleType("mkt.cli.explode")
    app = typer.Typer()

    @app.command()
    def explode() -> None:
        raise error

    module.__dict__["app"] = app
    monkeypatch.setitem(sys.modules, "mkt.cli.explode", module)
    monkeypatch.setitem(COMMANDS, "explode", "Explode.")


def _said_and_loaded(option: str) -> list[str]:
    """Return the lines of stdout and, as the last one, the modules that were imported."""
    code = "import sys; from mkt.__main__ import main\ntry: main()\nfinally: print(*sys.modules)"
    command = [sys.executable, "-c", code, option]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_version_is_said_without_loading_anything_heavy() -> None:
    said, loaded = _said_and_loaded("--version")
    assert said == f"mkt {__version__}"
    assert not {name.partition(".")[0] for name in loaded.split()} & set(HEAVY)


def test_help_lists_every_command_and_imports_none() -> None:
    *text, loaded = _said_and_loaded("--help")
    assert {line.split()[0] for line in text if line.startswith("  ")} >= set(COMMANDS)
    assert not {f"mkt.cli.{name}" for name in COMMANDS} & set(loaded.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_commands_says_what_each_says_of_itself(name: str) -> None:
    command = typer.main.get_command(importlib.import_module(f"mkt.cli.{name}").app)
    assert (command.help or "").splitlines()[0] == COMMANDS[name]


def test_an_unknown_command_is_a_usage_error_that_names_the_near_one(mkt: Mkt) -> None:
    answer = mkt("snyc")
    assert answer.code == 2
    assert "sync" in answer.err
    assert answer.out == ""


def test_an_unknown_option_is_a_usage_error(mkt: Mkt) -> None:
    assert mkt("sync", "--nwo").code == 2


def test_an_error_is_a_line_and_a_remedy_on_stderr_with_its_exit_code(
    mkt: Mkt, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, code in ((MktError("it is so", remedy="Do this."), 2), (Refused("it is so", remedy="Do this."), 1)):
        _command(monkeypatch, error)
        answer = mkt("explode")
        assert (answer.code, answer.out) == (code, "")
        assert answer.err == "mkt: it is so\n  -> Do this.\n"


def test_an_error_shows_no_secret_and_moves_no_cursor(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    PROCESS.add("hunter2-hunter2")
    _command(monkeypatch, MktError("refused hunter2-hunter2 \x1b[2J"))
    assert mkt("explode").err == "mkt: refused *** ?[2J\n"


def test_verbose_adds_the_traceback(mkt: Mkt, tmp_path: Path) -> None:
    quiet, loud = mkt("status", "-C", str(tmp_path / "gone")), mkt("status", "-v", "-C", str(tmp_path / "gone"))
    assert (quiet.code, loud.code) == (2, 2)
    assert "Traceback" not in quiet.err
    assert loud.err.startswith("Traceback")
    assert loud.err.endswith(quiet.err)


def test_a_bug_leaves_a_masked_traceback_that_only_this_account_can_read(
    mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    PROCESS.add("hunter2-hunter2")
    (project.root / ".mkt").mkdir()
    _command(monkeypatch, RuntimeError("Ada Lovelace hunter2-hunter2"))
    answer = mkt("explode")
    [crash] = (project.root / ".mkt").glob("crash-*.log")
    assert answer.code == 70
    assert answer.err == (
        f"mkt: this is a bug in mkt: RuntimeError\n  -> Please report it with the details in {crash}\n"
    )
    assert stat.S_IMODE(crash.stat().st_mode) == 0o600
    text = crash.read_text()
    assert "RuntimeError: Ada Lovelace ***" in text
    assert "hunter2" not in text


def test_a_bug_outside_a_project_is_written_to_the_temporary_folder(
    mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _command(monkeypatch, RuntimeError("x"))
    answer = mkt("explode")
    [crash] = tmp_path.glob("crash-*.log")
    assert str(crash) in answer.err


def test_a_bug_that_cannot_be_written_down_is_told_masked(
    mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PROCESS.add("hunter2-hunter2")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    _command(monkeypatch, RuntimeError("hunter2-hunter2"))
    answer = mkt("explode")
    assert answer.code == 70
    assert "RuntimeError: ***" in answer.err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_signals_have_their_exit_codes(
    mkt: Mkt, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    _command(monkeypatch, error)
    answer = mkt("explode")
    assert (answer.code, "bug" in answer.err) == (code, False)


def test_a_reader_that_leaves_is_no_error(project: Project) -> None:
    text = "{tenant: t%d, integrations: []}\n"
    for number in range(2000):
        (project.root / "configs" / f"t{number}.yaml").write_text(text % number)
    read, write = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "mkt", "tenants", "list"], stdout=write, stderr=subprocess.PIPE
    ) as mkt:
        os.close(read)
        os.close(write)
        _, err = mkt.communicate(timeout=60)
    assert (mkt.returncode, err) == (0, b"")


def test_the_installed_command_is_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mkt", "--version"])
    monkeypatch.setattr("mkt.cli.app.end_on_sigterm", lambda: None)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out == f"mkt {__version__}\n"
