"""What a script and a pipe see: exit codes, one message with a remedy, and output that nothing clips."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from tests.cli.front import Answer, Mkt, Project
from tests.cli.process import MKT, SECONDS, run

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

HUGE = str(2**70)
REFUSED = {
    "sync northwnd": (2, "Did you mean northwind?"),
    "sync northwind/rster": (2, "Did you mean northwind/roster?"),
    "verify a/b/c": (2, "there is no tenant a"),
    "sync -t nobody": (2, "See `mkt tenants list`."),
    "sync -c nothing --now": (2, "no integration matches the filters"),
    "sync --label region=emea --now": (2, "no integration matches the filters"),
    "sync --now": (2, "--now needs a target or a filter"),
    "sync --stream peple": (2, "people, org_units"),
    "sync --timeout 5": (2, "90s, 30m or 1h30m"),
    "verify --timeout 5": (2, "90s, 30m or 1h30m"),
    "verify -j 0": (2, "--concurrency"),
    "verify -j -3": (2, "--concurrency"),
    f"verify -j {HUGE}": (2, "--concurrency"),
    f"runs list -n {HUGE}": (2, "-n"),
    f"events -n {HUGE}": (2, "-n"),
    "events -n 0": (2, "-n"),
    f"records export --since-seq {HUGE}": (2, "--since-seq"),
    "records export -o csv": (2, "--stream"),
    "status --store oracle": (2, "Known: sqlite, supabase."),
    "status --source ldap": (2, "Known: supabase, yaml."),
    "status --store supabase": (2, "\n  -> "),
    "status -C nowhere": (2, "--project or MKT_PROJECT"),
    f"status -C {'x' * 5000}": (2, "is not a folder"),
    "status --config-dir nowhere": (2, "--config-dir"),
    f"status --config-dir {'x' * 5000}": (2, "--config-dir"),
    f"sync {'x' * 5000}": (2, "there is no tenant"),
    "runs show zzz": (1, "See `mkt runs list`."),
    "connectors show workday-crm": (1, "Did you mean workday-hris?"),
    "lint --explain MKT999": (1, "there is no lint rule MKT999"),
    "lint nowhere.yaml": (2, "Name a config file"),
    "snyc": (2, "sync"),
}


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize(("command", "answer"), REFUSED.items(), ids=[name[:40] for name in REFUSED])
def test_what_cannot_be_done_is_said_with_its_exit_code(mkt: Mkt, command: str, answer: tuple[int, str]) -> None:
    said = mkt(*command.split())
    assert (said.code, said.out) == (answer[0], "")
    assert answer[1] in said.err
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("partner")
def test_an_empty_id_is_part_of_none(mkt: Mkt) -> None:
    answer = mkt("runs", "show", "")
    assert answer.code == 1
    assert answer.err.startswith("mkt: an empty text is part of every id\n  -> ")


SETTINGS = {
    "concurrency = 'x'": "mkt.toml: concurrency: ",
    "concurency = 3": "Did you mean concurrency?",
    "[secrets": "mkt.toml cannot be read: Expected ']'",
    "[defaults]\nschedule = 'never'": "five fields minute hour day month weekday",
    "store = 3": "mkt.toml: store: ",
}


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize(("written", "words"), SETTINGS.items())
def test_settings_that_are_wrong_stop_the_start(mkt: Mkt, project: Project, written: str, words: str) -> None:
    (project.root / "mkt.toml").write_text(written)
    answer = mkt("sync")
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
    assert not (project.root / ".mkt").exists()


@pytest.mark.usefixtures("partner")
def test_settings_that_are_no_text_or_no_file_stop_the_start(project: Project) -> None:
    file = project.root / "mkt.toml"
    file.write_bytes(b"\xff\xfe")
    assert run("sync").err == f"mkt: {file} is not UTF-8 text\n  -> Save it as UTF-8.\n"
    file.unlink()
    file.mkdir()
    answer = run("sync")
    assert (answer.code, answer.err.splitlines()[0]) == (2, f"mkt: {file} cannot be read: Is a directory")


def _shell(command: str, **environment: str) -> Answer:
    """Run a line of the shell in which `$MKT` is mkt."""
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        check=False,
        env={**os.environ, "MKT": " ".join(MKT), **environment},
        timeout=SECONDS,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_failure_and_nothing_is_written_into_the_store(closed: str) -> None:
    assert _shell(f"$MKT sync --all -o table {closed}").code == 0
    assert _shell(f"$MKT verify {closed}").code == 0
    assert _shell(f"$MKT status nobody {closed}").code == 2
    assert [kept["outcome"] for kept in run("runs", "list", "-o", "json").document] == ["pass", "ok"]


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize(
    "command", ["status", "records export", "verify -o json", "sync --all -o table", "--version"]
)
def test_output_that_cannot_be_written_is_said_and_is_no_bug(command: str) -> None:
    assert run("sync").code == 0
    answer = _shell(f"$MKT {command} >/dev/full")
    assert answer.code == 1
    assert answer.err.startswith("mkt: stdout cannot be written: No space left on device\n  -> ")
    assert list(Path(".mkt").glob("crash-*")) == []


@pytest.mark.usefixtures("partner")
def test_a_reader_that_leaves_changes_no_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("sync").code == 0
    for command in ("records export", "records export --stream people -o csv", "events", "status", "verify -o table"):
        answer = _shell(f"$MKT {command} | true")
        assert (answer.code, answer.err) == (0, "")
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "wrong")
    for shape in ("table", "jsonl", "json"):
        answer = _shell(f"$MKT sync --all -o {shape} | true")
        assert (answer.code, answer.err) == (1, "")
    assert _shell("$MKT status --check | true").code == 1


@pytest.mark.usefixtures("partner")
def test_a_locale_that_cannot_write_a_name_changes_no_record() -> None:
    assert run("sync").code == 0
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for shape in ("csv", "jsonl"):
        command = ("records", "export", "--stream", "people", "-o", shape)
        there, here = run(*command, environment={**os.environ, **plain}), run(*command)
        assert "Björn" in here.out
        assert there == here
    for line in ("events -o table", "status", "connectors list", "lint --rules"):
        assert run(*line.split(), environment={**os.environ, **plain}).code == 0


@pytest.mark.usefixtures("partner")
def test_neither_a_home_nor_a_path_is_needed() -> None:
    bare = {name: value for name, value in os.environ.items() if name.startswith("MKT_SECRET__")}
    for command in (("sync",), ("verify",), ("status",)):
        assert run(*command, environment=bare).code == 0


@pytest.fixture
def fleet(project: Project, partner: WorkdaySimulator) -> WorkdaySimulator:
    """Two tenants besides northwind: one without credentials, one whose file is broken."""
    project.write("acme", settings=partner.settings())
    (project.root / "configs" / "initech.yaml").write_text("tenant: initech\nintegrations: 7\n")
    return partner


TABLES = ("sync --all -o table", "verify -o table", "status", "runs list", "records list", "tenants list", "doctor")


def _words(text: str) -> list[list[str]]:
    """Return the words of each line without those that are another in each run: times and ids."""
    return [[word for word in line.split() if not re.search(r"\d", word)] for line in text.splitlines()]


@pytest.mark.usefixtures("fleet")
def test_what_is_piped_is_neither_clipped_nor_wrapped_nor_coloured_at_any_width(project: Project) -> None:
    project.write("a" * 63, settings={})
    run("sync", "--all")
    for command in TABLES:
        narrow, wide = (run(*command.split(), environment={**os.environ, "COLUMNS": c}).out for c in ("20", "200"))
        assert _words(narrow) == _words(wide)
        assert "\x1b" not in narrow
        assert narrow.splitlines()[-1].startswith("next: mkt ")
    status = run("status", environment={**os.environ, "COLUMNS": "20"}).out.splitlines()
    assert (
        sum("configs/initech.yaml:2:15: integrations must be a list, not the number 7" in line for line in status)
        == 1
    )


def _on_a_terminal(command: str, columns: int, **environment: str) -> tuple[int, str]:
    """Run `mkt` on a terminal of this width; return its exit code and what the terminal got."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    given = {**os.environ, "TERM": "xterm", **environment}
    with subprocess.Popen(
        [*MKT, *command.split()], stdin=follower, stdout=follower, stderr=follower, env=given
    ) as mkt:
        os.close(follower)
        shown = bytearray()
        try:
            while part := os.read(leader, 65536):
                shown += part
        except OSError:  # Linux's way to say that nobody has the other end any more
            pass
        finally:
            os.close(leader)
        return mkt.wait(SECONDS), shown.decode().replace("\r\n", "\n")


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_gets_tables_problems_first_and_the_next_command_last(columns: int) -> None:
    code, shown = _on_a_terminal("sync --all", columns, NO_COLOR="1")
    assert code == 3
    shown = shown.rpartition("\x1b[?25h")[2]  # what stands once live progress has gone
    assert shown.index("acme/roster") < shown.index("northwind")
    assert re.sub(r"\x1b\[\d*m", "", shown).rstrip().splitlines()[-1].startswith("next: mkt ")
    assert "\x1b[3" not in shown
    code, shown = _on_a_terminal("status", columns)
    assert code == 0
    assert "\x1b[3" in shown
    assert "configs/initech.yaml:2:15" in "".join(shown.split())
    assert all(len(line) <= columns for line in _on_a_terminal("status", columns, TERM="dumb")[1].splitlines())


@pytest.mark.usefixtures("partner")
def test_a_person_with_nothing_due_is_told_so_on_a_terminal() -> None:
    run("sync")
    code, shown = _on_a_terminal("sync", 80)
    assert code == 0
    assert shown.startswith("0 of 1 due; next ")
    assert "--all runs them" in shown


@pytest.mark.usefixtures("partner")
def test_a_dry_run_leaves_no_run_no_event_no_record_and_no_state() -> None:
    assert run("sync", "--all", "--dry-run").code == 0
    for command in (("runs", "list"), ("events",), ("records", "list")):
        assert run(*command, "-o", "json").document == []
    [status] = run("status", "-o", "json").document
    assert (status["health"], status["last_run_id"], status["streams"]) == ("never", None, [])
    assert run("sync").code == 0  # due as if nothing had been


def test_all_ways_a_sync_ends_have_their_exit_codes(
    project: Project, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("sync").code == 0
    assert run("sync").code == 0  # nothing due
    assert run("verify").code == 0
    project.write("acme", settings=partner.settings(), schedule="@daily")
    assert run("sync").code == 1  # acme alone is due, and has no credentials
    assert run("sync", "--all").code == 3
    assert run("verify").code == 1
    assert (run("status").code, run("status", "--check").code) == (0, 1)
    assert run("lint").code == 0
    (project.root / "configs" / "acme.yaml").unlink()
    project.write("northwind", settings=partner.settings(), enabled=False)
    assert (run("sync", "--all").code, run("sync", "--now", "northwind").code) == (0, 0)
    monkeypatch.setenv("MKT_CONCURRENCY", "many")
    assert run("sync").code == 2
