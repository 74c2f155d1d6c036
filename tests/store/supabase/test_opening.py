"""What a person reads when the store in Supabase cannot be used: before anything has started."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.supalocal.stack import LocalSupabase

from mkt.errors import StartError
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.supabase.store import SupabaseStore

from .conftest import OpenOn


def _refusal(environment: Mapping[str, str], folder: Path) -> StartError:
    with pytest.raises(StartError) as raised:
        SupabaseStore.open(open_supabase(find_access(folder, environment)), folder / ".mkt")
    assert not (folder / ".mkt").exists()
    return raised.value


@contextmanager
def _without(stack: LocalSupabase, migration: str) -> Iterator[None]:
    stack.sql("delete from mkt_private.migrations where name = %s", migration)
    yield
    stack.sql("insert into mkt_private.migrations (name) values (%s)", migration)


@contextmanager
def _answering(status: int, body: Any) -> Iterator[Mapping[str, str]]:
    """Serve one answer to everything, as a Supabase project would."""
    content = json.dumps(body).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"SUPABASE_URL": f"http://127.0.0.1:{server.server_port}", "SUPABASE_SECRET_KEY": "sb_secret_x"}
        server.shutdown()


def test_a_project_without_mkts_functions_is_told_how_to_get_them(tmp_path: Path) -> None:
    missing = {
        "code": "PGRST202",
        "message": "Could not find the function public.mkt_open",
        "details": "",
        "hint": "",
    }
    with _answering(404, missing) as environment:
        error = _refusal(environment, tmp_path)
    assert "mkt's tables and functions are missing or old" in error.message
    assert error.remedy.startswith("Run `mkt db init`, then `supabase db push`")


def test_a_paused_project_is_told(tmp_path: Path) -> None:
    with _answering(540, {"message": "Project paused"}) as environment:
        error = _refusal(environment, tmp_path)
    assert "the project is paused" in error.message
    assert error.remedy == "Open the project in Supabase's dashboard and restore it."


@pytest.mark.parametrize("body", [[], {}, {"migrations": None}, "text", None])
def test_an_answer_of_somebody_elses_function_is_told(tmp_path: Path, body: Any) -> None:
    with _answering(200, body) as environment:
        assert _refusal(environment, tmp_path).remedy == "Compare SUPABASE_URL with the dashboard."


def test_a_project_that_is_older_than_mkt_is_told_what_it_lacks(supabase: LocalSupabase, tmp_path: Path) -> None:
    with _without(supabase, "20261123000005_mkt_runs"):
        error = _refusal(supabase.environment, tmp_path)
    assert error.message.endswith("older than this mkt: not applied yet: 20261123000005_mkt_runs")
    assert error.remedy == "Run `mkt db init`, then `supabase db push`."


def test_a_project_that_a_newer_mkt_has_moved_on_opens(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path
) -> None:
    supabase.sql("insert into mkt_private.migrations (name) values ('20991231000001_mkt_later')")
    try:
        assert open_on(tmp_path / ".mkt").states() == {}
    finally:
        supabase.sql("delete from mkt_private.migrations where name = '20991231000001_mkt_later'")


def test_a_wrong_key_is_told_before_anything_starts(supabase: LocalSupabase, tmp_path: Path) -> None:
    error = _refusal({**supabase.environment, "SUPABASE_SECRET_KEY": "sb_secret_wrong"}, tmp_path)
    assert "Supabase does not accept the key" in error.message
    assert "SUPABASE_SECRET_KEY" in error.remedy


def test_another_host_than_supabase_is_told(supabase: LocalSupabase, tmp_path: Path) -> None:
    environment = {**supabase.environment, "SUPABASE_URL": "http://127.0.0.1:9"}
    assert "the connection was refused" in _refusal(environment, tmp_path).message
