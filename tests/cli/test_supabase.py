"""`mkt` with a real Supabase behind it, as a person meets it."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import run
from tests.configs.sources import GivenRows
from tests.supalocal.stack import LocalSupabase

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.runtime import retry
from mkt.store.supabase.migrations import MIGRATIONS

FOLDER = "supabase/migrations"
FILES = [migration.path.name for migration in MIGRATIONS]


@pytest.fixture
def hosted(project: Project, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> LocalSupabase:
    """A project whose integrations stand in Supabase."""
    for name, value in supabase.environment.items():
        monkeypatch.setenv(name, value)
    (project.root / "mkt.toml").write_text('source = "supabase"\n')
    return supabase


@pytest.fixture
def roster(hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    """A row of northwind for a simulated Workday on loopback."""
    with WorkdaySimulator() as simulator:
        for name, value in simulator.secrets().items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
        entry = {"name": "roster", "connector": "workday-hris", "settings": simulator.settings()}
        GivenRows(hosted).write({"tenant": "northwind", "labels": {"region": "emea"}, "integrations": [entry]})
        yield simulator


# mkt db init


def test_the_migrations_are_written_where_the_supabase_cli_looks(project: Project, mkt: Mkt) -> None:
    answer = mkt("db", "init")
    assert answer.code == 0
    assert answer.out.splitlines() == [*(f"wrote  {FOLDER}/{name}" for name in FILES), "next: supabase db push"]
    for migration in MIGRATIONS:
        assert (project.root / FOLDER / migration.path.name).read_text() == migration.text


def test_a_second_time_nothing_is_written(project: Project, mkt: Mkt) -> None:
    mkt("db", "init")
    before = {path.name: path.stat().st_mtime_ns for path in (project.root / FOLDER).iterdir()}
    answer = mkt("db", "init", "-o", "json")
    assert [each["state"] for each in answer.document] == ["kept"] * len(FILES)
    assert before == {path.name: path.stat().st_mtime_ns for path in (project.root / FOLDER).iterdir()}


def test_only_what_a_newer_mkt_brings_is_added(project: Project, mkt: Mkt) -> None:
    mkt("db", "init")
    (project.root / FOLDER / FILES[-1]).unlink()
    (project.root / FOLDER / "20270101000000_ours.sql").write_text("select 1;\n")
    states = [each["state"] for each in mkt("db", "init", "-o", "jsonl").lines]
    assert states == [*["kept"] * (len(FILES) - 1), "wrote"]


def test_a_changed_file_is_left_and_named(project: Project, mkt: Mkt) -> None:
    mkt("db", "init")
    changed = project.root / FOLDER / FILES[1]
    changed.write_text("-- ours\n")
    answer = mkt("db", "init")
    assert answer.code == 1
    assert f"differs  {FOLDER}/{FILES[1]}" in answer.out
    assert "was left as it is" in answer.out
    assert answer.out.splitlines()[-1] == f"next: rm {FOLDER}/{FILES[1]} && mkt db init"
    assert changed.read_text() == "-- ours\n"


def test_a_place_that_cannot_be_written_is_named(project: Project, mkt: Mkt) -> None:
    (project.root / "supabase").write_text("")
    answer = mkt("db", "init")
    assert (answer.code, "cannot be written" in answer.err) == (2, True)


# mkt db check


def test_a_database_as_it_was_made_is_fine(hosted: LocalSupabase, mkt: Mkt) -> None:
    answer = mkt("db", "check")
    assert answer.code == 0
    assert "nothing missing, nothing too open" in answer.out
    document = mkt("db", "check", "-o", "json").document
    # pg_cron is the one part that a machine may lack: then nothing wakes workers.
    assert len(document.pop("warnings")) == int(not hosted.has_cron)
    assert document == {"url": hosted.url, "flaws": []}


def test_what_is_too_open_is_closed_by_what_is_printed(hosted: LocalSupabase, mkt: Mkt) -> None:
    hosted.sql("alter table integration_runs disable row level security; grant select on people to anon")
    found = mkt("db", "check")
    assert found.code == 1
    assert "table public.integration_runs has no row level security" in found.out
    assert "anon (everybody who has the publishable key)" in found.out
    statements = [text.strip() for text in found.out.splitlines() if text.endswith(";")]
    for statement in statements:
        hosted.sql(statement)
    assert len(statements) == 2
    assert mkt("db", "check").code == 0


def test_sql_to_copy_is_not_folded(hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch, mkt: Mkt) -> None:
    hosted.sql("grant insert, update, delete on integration_delivery_days to authenticated")
    monkeypatch.setenv("COLUMNS", "40")
    statement = "revoke delete, insert, update on public.integration_delivery_days from authenticated;"
    try:
        assert f"    {statement}\n" in mkt("db", "check").out
    finally:
        hosted.sql(statement)


def test_a_database_without_mkts_tables_is_told_from_one_that_does_not_answer(
    hosted: LocalSupabase, mkt: Mkt
) -> None:
    hosted.sql("alter function mkt_check() rename to hidden")
    try:
        answer = mkt("db", "check", "-o", "json")
    finally:
        hosted.sql("alter function hidden() rename to mkt_check")
    (flaw,) = answer.document["flaws"]
    assert answer.code == 1
    assert (flaw["kind"], "supabase db push" in flaw["remedy"]) == ("missing", True)


def test_a_check_that_the_key_may_not_ask_for_says_how(hosted: LocalSupabase, mkt: Mkt) -> None:
    hosted.sql("revoke execute on function mkt_check() from service_role")
    (flaw,) = mkt("db", "check", "-o", "json").document["flaws"]
    hosted.sql(flaw["sql"])
    assert mkt("db", "check").code == 0


def test_a_legacy_name_is_warned_of(hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch, mkt: Mkt) -> None:
    monkeypatch.delenv("SUPABASE_SECRET_KEY")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", hosted.secret_key)
    answer = mkt("db", "check")
    assert answer.code == 0
    assert "warning  variable SUPABASE_SERVICE_ROLE_KEY has an old name" in answer.out


# what cannot start


@pytest.mark.parametrize("command", [("db", "check"), ("verify",), ("sync",), ("status",), ("config", "show", "a/b")])
@pytest.mark.usefixtures("hosted")
def test_without_a_key_nothing_starts(monkeypatch: pytest.MonkeyPatch, mkt: Mkt, command: tuple[str, ...]) -> None:
    monkeypatch.delenv("SUPABASE_SECRET_KEY")
    answer = mkt(*command)
    assert (answer.code, answer.out) == (2, "")
    assert "mkt: SUPABASE_SECRET_KEY is not set" in answer.err
    assert "\n  -> " in answer.err


@pytest.mark.parametrize("command", [("db", "check"), ("verify",)])
def test_a_publishable_key_is_refused_before_anything_is_asked(
    hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch, mkt: Mkt, command: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        monkeypatch.setenv("SUPABASE_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("SUPABASE_SECRET_KEY", hosted.publishable_key)
        answer = mkt(*command)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert (answer.code, "holds a publishable key" in answer.err) == (2, True)
    assert hosted.publishable_key not in answer.err


@pytest.mark.parametrize("command", [("db", "check"), ("sync", "--all")])
def test_a_supabase_that_is_not_there_is_an_exit_of_2(
    hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch, mkt: Mkt, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(retry, "_BASE", 0.001)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SUPABASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        answer = mkt(*command)
    assert (answer.code, answer.out) == (2, "")
    assert "the connection was refused" in answer.err
    assert hosted.secret_key not in answer.err


@pytest.mark.usefixtures("hosted")
def test_without_the_client_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch, mkt: Mkt) -> None:
    monkeypatch.delitem(sys.modules, "mkt.runtime.supabase", raising=False)
    monkeypatch.setitem(sys.modules, "postgrest", None)  # as where it is not installed
    answer = mkt("verify")
    assert (answer.code, answer.out) == (2, "")
    assert f"  -> Install it: {sys.executable} -m pip install 'mkt-connectors[supabase]'\n" in answer.err


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b"<html>Forbidden</html>"),
        (200, b'{"message": "ok"}'),
        (200, b'{"migrations": []}'),
        (200, b'{"migrations": [], "tables": null, "views": {}, "functions": {}}'),
        (200, b'{"migrations": ['),
        (200, b"[]"),
    ],
)
@pytest.mark.usefixtures("hosted")
def test_another_servers_answer_is_no_flaw_and_no_bug(
    monkeypatch: pytest.MonkeyPatch, mkt: Mkt, status: int, body: bytes
) -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setenv("SUPABASE_URL", f"http://127.0.0.1:{server.server_port}")
        try:
            answer = mkt("db", "check")
        finally:
            server.shutdown()
    assert (answer.code, answer.out) == (2, "")
    assert "SUPABASE_URL" in answer.err


@pytest.mark.usefixtures("hosted")
def test_another_projects_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_of_another_project")
    answer = run("verify", "--verbose")
    assert (answer.code, "does not accept the key" in answer.err) == (2, True)
    assert "sb_secret_of_another_project" not in answer.out + answer.err


def test_a_table_without_rows_is_no_fleet_that_is_fine(hosted: LocalSupabase, mkt: Mkt) -> None:
    del hosted
    answer = mkt("sync", "--all")
    assert (answer.code, "has no row" in answer.err) == (2, True)


@pytest.mark.parametrize("command", ["db init", "tenants list", "status", "sync"])
def test_a_project_of_files_imports_no_client_of_supabase(project: Project, command: str) -> None:
    project.write("northwind", settings={"base_url": "https://wd5-services1.workday.com", "tenant": "t"})
    code = "import sys; from mkt.__main__ import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stderr.split()} & {"supabase", "postgrest", "realtime"}


# --source supabase


def test_a_row_of_loopback_is_the_operators_to_allow(project: Project, roster: WorkdaySimulator, mkt: Mkt) -> None:
    refused = mkt("verify", "-o", "json").document
    assert "a loopback or private address" in json.dumps(refused)
    assert "integrations row " in json.dumps(refused)
    host = str(roster.settings()["base_url"]).removeprefix("http://").partition(":")[0]
    (project.root / "mkt.toml").write_text(f'source = "supabase"\n[hosts]\nallow = ["{host}"]\n')
    assert mkt("verify").code == 0
    assert mkt("sync", "--all").code == 0
    records = mkt("records", "export", "northwind", "--stream", "people").lines
    assert len(records) > 1
    assert {record["tenant"] for record in records} == {"northwind"}


@pytest.mark.usefixtures("roster")
def test_a_broken_row_is_one_failed_tenant_and_the_others_run(hosted: LocalSupabase, mkt: Mkt) -> None:
    GivenRows(hosted).write({"tenant": "hooli", "integrations": [{"connector": "workday-hris", "guard": {"max": 1}}]})
    ((row_id,),) = hosted.sql("select id::text from integrations where tenant_id = 'hooli'")
    answer = mkt("verify")
    completed = {line["tenant"]: line for line in answer.lines if line["event"] == "verify.completed"}
    assert set(completed) == {"hooli", "northwind"}
    error = completed["hooli"]["details"]["error"]
    assert error["class"] == "config"
    assert error["message"].startswith(f"integrations row {row_id}: guard.max is not known")
    refused = mkt("config", "show", "hooli")
    assert (refused.code, "Correct that row in Supabase" in refused.err) == (1, True)


def test_the_list_of_tenants_tells_all_that_is_wrong_with_a_row(hosted: LocalSupabase, mkt: Mkt) -> None:
    wrong = {"connector": "workday-hris", "guard": {"max": 1}, "schedule": "every night"}
    GivenRows(hosted).write({"tenant": "hooli", "integrations": [wrong]})
    text = " ".join(mkt("tenants", "list", "-o", "table").out.split())
    assert "guard.max is not known" in text
    assert "'every night' does not have the five fields" in text


@pytest.mark.parametrize("command", [("status",), ("status", "hooli"), ("verify",), ("sync", "--all"), ("triage",)])
def test_what_to_do_about_a_broken_row_is_not_to_lint_the_files(
    hosted: LocalSupabase, mkt: Mkt, command: tuple[str, ...]
) -> None:
    GivenRows(hosted).write({"tenant": "hooli", "integrations": [{"connector": "workday-hris", "guard": {"max": 1}}]})
    lines = mkt(*command, "-o", "table").out.splitlines()
    assert lines[-1].endswith("mkt tenants list --source supabase")
    assert any(line.split()[:2] == ["hooli", "row"] or "  row  broken" in line for line in lines)
    assert any("Correct that row in Supabase" in line for line in lines)
    assert not any("mkt lint" in line for line in lines)


@pytest.mark.usefixtures("roster")
def test_what_is_in_force_names_the_row(hosted: LocalSupabase, mkt: Mkt) -> None:
    ((row_id,),) = hosted.sql("select id::text from integrations")
    shown = mkt("config", "show", "northwind/roster", "-o", "json").document
    origins = {value["key"]: value["origin"] for value in shown["values"]}
    assert shown["place"] == origins["settings.base_url"] == origins["labels.region"] == f"integrations row {row_id}"
    assert origins["schedule"] == "default"


def test_the_operators_settings_show_the_access_without_the_key(hosted: LocalSupabase, mkt: Mkt) -> None:
    answer = mkt("config", "show", "-o", "json")
    values = {value["key"]: (value["value"], value["origin"]) for value in answer.document}
    assert values["SUPABASE_URL"] == (hosted.url, "variable SUPABASE_URL")
    assert values["SUPABASE_SECRET_KEY"] == ("***", "variable SUPABASE_SECRET_KEY")
    assert hosted.secret_key not in answer.out


@pytest.mark.usefixtures("roster")
def test_the_doctor_says_which_project_and_which_key(hosted: LocalSupabase, mkt: Mkt) -> None:
    checks = mkt("doctor", "-o", "json").document
    (found,) = [check for check in checks if check["name"] == "supabase"]
    assert found["ok"]
    assert found["found"] == f"{hosted.url} (variable SUPABASE_URL), key from variable SUPABASE_SECRET_KEY"
    (configs,) = [check for check in checks if check["name"] == "configs"]
    assert configs["found"] == "1 tenant, 1 integration"


@pytest.mark.usefixtures("hosted")
def test_the_doctor_goes_on_where_supabase_is_not_set_up(monkeypatch: pytest.MonkeyPatch, mkt: Mkt) -> None:
    monkeypatch.setenv("SUPABASE_URL", "https://supabase.com/dashboard/project/abcd")
    answer = mkt("doctor", "-o", "json")
    failed = {check["name"]: check["remedy"] for check in answer.document if not check["ok"]}
    assert answer.code == 1
    assert failed["supabase"] == failed["configs"] == "Set SUPABASE_URL to https://abcd.supabase.co."


@pytest.mark.usefixtures("roster")
def test_files_are_not_written_where_the_rows_are_in_force(project: Project, mkt: Mkt) -> None:
    answer = mkt("disable", "northwind/roster", "--reason", "a test")
    assert (answer.code, "come from supabase" in answer.err) == (1, True)
    assert list((project.root / "configs").iterdir()) == []


def test_a_key_in_the_projects_env_file_is_enough(
    hosted: LocalSupabase, project: Project, monkeypatch: pytest.MonkeyPatch, mkt: Mkt
) -> None:
    lines = "".join(f"{name}='{value}'\n" for name, value in hosted.environment.items())
    (project.root / ".env").write_text(lines)
    for name in hosted.environment:
        monkeypatch.delenv(name)
    assert mkt("db", "check").code == 0
    assert Path(".env").exists()


@pytest.mark.parametrize("command", [("tenants", "list"), ("config", "diff")])
def test_a_table_of_the_same_name_that_is_not_mkts_is_said(
    hosted: LocalSupabase, project: Project, mkt: Mkt, command: tuple[str, ...]
) -> None:
    project.write("northwind")
    hosted.sql("alter table integrations rename column guard to other")
    try:
        answer = mkt(*command)
    finally:
        hosted.sql("alter table integrations rename column other to guard")
    assert (answer.code, answer.out) == (2, "")
    assert "mkt's tables and functions are missing or old" in answer.err
