"""What goes wrong between us and Supabase, each fault made real: by the local Supabase, or by a server that lies."""

import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.runtime.conftest import Partner
from tests.supalocal.stack import LocalSupabase

from mkt.errors import AccessDenied, AuthError, ConfigError, ConnectorError, RateLimited, TransientError
from mkt.runtime import transport
from mkt.runtime.supabase import PAGE, SupabaseClient
from mkt.runtime.supabase_access import SupabaseAccess
from mkt.runtime.supabase_faults import SupabaseConflict, SupabaseRejection

KEY = "sb_secret_0123456789abcdef"
ROW = {"tenant_id": "northwind", "name": "roster", "connector": "acme-hr"}
Open = Callable[..., SupabaseClient]


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def connect(waits: list[float]) -> Iterator[Open]:
    opened: list[SupabaseClient] = []

    def make(url: str, key: str = KEY, **given: Any) -> SupabaseClient:
        access = SupabaseAccess(url=url, key=key, url_from="the test", key_from="the test")
        opened.append(SupabaseClient(access, wait=waits.append, **given))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def client(connect: Open, supabase: LocalSupabase) -> SupabaseClient:
    return connect(supabase.url, supabase.secret_key)


def raised_by(call: Callable[[], object]) -> ConnectorError:
    with pytest.raises(ConnectorError) as raised:
        call()
    error = raised.value
    assert error.remedy
    assert error.__suppress_context__ or error.__context__ is None, "a traceback would show what we leave out"
    assert KEY not in error.message
    return error


def read(client: SupabaseClient) -> Callable[[], object]:
    return lambda: list(client.rows("integrations", key="id"))


def insert(client: SupabaseClient, **fields: Any) -> Callable[[], object]:
    return lambda: client.run("integrations", lambda it: it.table("integrations").insert({**ROW, **fields}))


# by the local Supabase -------------------------------------------------------------------------------------------


def test_more_rows_than_one_answer_holds_are_all_read(client: SupabaseClient, supabase: LocalSupabase) -> None:
    count = 2 * PAGE + 1
    many = "insert into integrations (tenant_id, name, connector) select 't' || i % 9, 'n' || i, 'acme-hr' from "
    supabase.sql(f"{many} generate_series(1, {count}) i")
    plain = client.run("integrations", lambda it: it.table("integrations").select("name"))
    assert len(plain.data) == PAGE, "the cap that nobody mentions"
    assert len({row["name"] for row in client.rows("integrations", key="id")}) == count


def test_rows_can_be_those_of_one_tenant(client: SupabaseClient) -> None:
    insert(client)()
    insert(client, tenant_id="hooli")()
    (row,) = client.rows("integrations", key="id", where={"tenant_id": "hooli"})
    assert row["tenant_id"] == "hooli"
    assert list(client.rows("integrations", key="id", where={"tenant_id": "no-such"})) == []


def test_a_function_gives_its_json(client: SupabaseClient) -> None:
    assert client.rpc("mkt_configs_version", repeatable=True) == "0-0-0"


def test_what_was_sent_is_let_go_with_its_answer(client: SupabaseClient) -> None:
    """Megabytes of a batch each time, until Python looked for circles."""

    def requests() -> int:
        return sum(isinstance(one, httpx.Request) for one in gc.get_objects())

    client.rpc("mkt_configs_version", repeatable=True)
    gc.collect()
    gc.disable()
    try:
        before = requests()
        for _ in range(5):
            client.rpc("mkt_configs_version", repeatable=True)
        assert requests() == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("call", "kind", "code"),
    [
        (lambda client: list(client.rows("no_such", key="id")), ConfigError, "supabase.schema"),
        (lambda client: list(client.rows("integrations", key="no_such")), ConfigError, "supabase.schema"),
        (lambda client: client.rpc("no_such", repeatable=True), ConfigError, "supabase.schema"),
        (lambda client: insert(client, no_such=1)(), ConfigError, "supabase.schema"),
        (lambda client: insert(client, tenant_id=None)(), SupabaseRejection, "supabase.invalid"),
        (lambda client: insert(client, tenant_id="No Slug")(), SupabaseRejection, "supabase.invalid"),
        (lambda client: insert(client, id="ada@example.test")(), SupabaseRejection, "supabase.invalid"),
        (lambda client: [insert(client)() for _ in range(2)], SupabaseConflict, "supabase.conflict"),
    ],
)
def test_what_the_database_refuses_has_its_class(
    client: SupabaseClient, waits: list[float], *, call: Callable[..., object], kind: type[ConnectorError], code: str
) -> None:
    error = raised_by(lambda: call(client))
    assert (type(error), error.code, error.actor) == (kind, code, "us")
    assert "ada@" not in error.message
    assert waits == [], "it would be refused again"


def test_what_is_granted_to_nobody_is_denied(connect: Open, supabase: LocalSupabase) -> None:
    error = raised_by(read(connect(supabase.url, supabase.publishable_key)))
    assert isinstance(error, AccessDenied | AuthError)
    assert "42501" in error.message


def test_a_key_of_another_project_is_an_auth_error(connect: Open, supabase: LocalSupabase) -> None:
    error = raised_by(read(connect(supabase.url)))
    assert (type(error), error.code) == (AuthError, "supabase.key")
    assert "SUPABASE_SECRET_KEY" in error.remedy


# by a server that answers what it is told -----------------------------------------------------------------------


def problem(code: str, message: str = "it is so") -> dict[str, str]:
    return {"code": code, "message": message, "details": "Failing row contains (ada@example.test)", "hint": ""}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, problem("PGRST301", "JWT cryptographic operation failed"), AuthError, "supabase.key"),
        (401, problem("PGRST303", "JWT expired"), AuthError, "supabase.key"),
        (401, {"message": "Invalid API key", "hint": "Double check"}, AuthError, "supabase.key"),
        (403, problem("42501", "permission denied for table x"), AccessDenied, "supabase.denied"),
        (401, problem("42501", "permission denied for table x"), AccessDenied, "supabase.denied"),
        (404, problem("PGRST205"), ConfigError, "supabase.schema"),
        (404, problem("PGRST202"), ConfigError, "supabase.schema"),
        (400, problem("PGRST204"), ConfigError, "supabase.schema"),
        (400, problem("42703"), ConfigError, "supabase.schema"),
        (406, problem("PGRST106"), ConfigError, "supabase.schema"),
        (409, problem("23505"), SupabaseConflict, "supabase.conflict"),
        (409, problem("23503"), SupabaseConflict, "supabase.conflict"),
        (409, problem("PT409"), SupabaseConflict, "supabase.conflict"),
        (400, problem("22P02", 'invalid input syntax for type uuid: "ada@example.test"'), SupabaseRejection,
         "supabase.invalid"),
        (400, problem("22003", 'value "ada@example.test" is out of range'), SupabaseRejection, "supabase.invalid"),
        (400, problem("22P02", 'invalid input syntax: "ada@example.test'), SupabaseRejection, "supabase.invalid"),
        (400, problem("23502"), SupabaseRejection, "supabase.invalid"),
        (400, problem("23514"), SupabaseRejection, "supabase.invalid"),
        (400, problem("PGRST100", "cannot parse (eq.ada@example.test)"), SupabaseRejection, "supabase.invalid"),
        (302, b"", ConfigError, "supabase.url"),
        (404, b"<html>Not Found</html>", ConfigError, "supabase.url"),
        (403, b"<html>Forbidden</html>", AccessDenied, "supabase.refused"),
        (200, b"<html>Welcome to the hotel. Please sign in</html>", ConfigError, "supabase.not_json"),
        (200, b"", ConfigError, "supabase.not_json"),
        (406, b"<html>Not Acceptable</html>", ConfigError, "supabase.url"),
        (405, {}, ConfigError, "supabase.url"),
        (414, b"", ConfigError, "supabase.url"),
        (413, b"<html>Too Large</html>", SupabaseRejection, "supabase.invalid"),
    ],
)  # fmt: skip
def test_what_does_not_pass_by_itself_is_not_tried_again(
    connect: Open,
    partner: Partner,
    waits: list[float],
    *,
    status: int,
    body: Any,
    kind: type[ConnectorError],
    code: str,
) -> None:
    partner.says(body, status=status, content_type="text/html" if isinstance(body, bytes) else "application/json")
    error = raised_by(read(connect(partner.url)))
    assert (type(error), error.code) == (kind, code)
    assert "ada@" not in error.message
    assert "<html>" not in error.message
    assert (len(partner.requests), waits) == (1, [])


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, problem("XX000"), "supabase.down"),
        (500, problem("57014", "canceling statement due to statement timeout"), "supabase.slow"),
        (500, problem("53300", "too many connections"), "supabase.busy"),
        (405, problem("25006", "cannot execute INSERT in a read-only transaction"), "supabase.read_only"),
        (503, problem("53100", "could not extend file: No space left on device"), "supabase.read_only"),
        (500, problem("40001", "could not serialize access"), "supabase.busy"),
        (503, problem("PGRST002", "Could not query the database for the schema cache"), "supabase.busy"),
        (504, problem("PGRST003"), "supabase.busy"),
        (502, b"<html>Bad gateway</html>", "supabase.down"),
        (520, b"<html>error code: 520</html>", "supabase.down"),
        (540, b'{"message": "Project paused"}', "supabase.paused"),
        (408, b"", "supabase.down"),
    ],
)
def test_what_may_pass_is_tried_again(
    connect: Open, partner: Partner, waits: list[float], *, status: int, body: Any, code: str
) -> None:
    partner.says(body, status=status, times=4)
    error = raised_by(read(connect(partner.url)))
    assert isinstance(error, TransientError)
    assert (error.code, error.actor) == (code, "us")
    assert (len(partner.requests), len(waits)) == (4, 3)
    assert "4 tries" in error.message


def test_the_second_answer_counts(connect: Open, partner: Partner, waits: list[float]) -> None:
    partner.says(status=503).says([{"id": "1"}], content_range="0-0/1")
    assert list(connect(partner.url).rows("integrations", key="id")) == [{"id": "1"}]
    assert len(waits) == 1


def test_what_may_not_be_done_twice_is_not_tried_again(connect: Open, partner: Partner) -> None:
    partner.says(status=503, times=2)
    client = connect(partner.url)
    raised_by(lambda: client.rpc("send", {"n": 1}, repeatable=False))
    assert len(partner.requests) == 1


def test_a_retry_after_is_honored(connect: Open, partner: Partner, waits: list[float]) -> None:
    partner.says({"message": "slow down"}, status=429, retry_after="7").says([], content_range="*/0")
    assert list(connect(partner.url).rows("integrations", key="id")) == []
    assert 6 < waits[0] < 9


def test_a_long_retry_after_is_handed_on(connect: Open, partner: Partner, waits: list[float]) -> None:
    partner.says({"message": "slow down"}, status=429, retry_after="3600")
    error = raised_by(read(connect(partner.url)))
    assert isinstance(error, RateLimited)
    assert error.retry_at is not None
    assert waits == []


def test_a_server_that_caps_its_pages_lower_is_read_to_the_end(connect: Open, partner: Partner) -> None:
    partner.says([{"id": "1"}, {"id": "2"}], content_range="0-1/3").says([{"id": "3"}], content_range="0-0/1")
    assert [row["id"] for row in connect(partner.url).rows("integrations", key="id")] == ["1", "2", "3"]
    assert ("id", "gt.2") in partner.requests[1].query


def test_a_server_that_does_not_count_is_read_to_the_end(connect: Open, partner: Partner) -> None:
    """A proxy may drop the header."""
    partner.says([{"id": "1"}, {"id": "2"}]).says([{"id": "3"}]).says([])
    assert [row["id"] for row in connect(partner.url).rows("integrations", key="id")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id": "1"',
        b'[{"id": "\xff"}]',
        b'[{"id": 1' + b"0" * 5000 + b"}]",
        b"[" * 5000 + b"]" * 5000,
        b'{"message": "ok"}',
        b'"ok"',
        b"null",
        b"1",
        b"[null]",
        b'["ok"]',
        b'[{"title": "of another table"}]',
    ],
)
def test_json_that_is_not_the_rows_is_an_error(connect: Open, partner: Partner, body: bytes) -> None:
    partner.says(body, content_type="application/json", content_range="0-0/9")
    error = raised_by(read(connect(partner.url)))
    assert (type(error), error.code in ("supabase.not_json", "supabase.too_deep")) == (ConfigError, True)
    assert len(partner.requests) == 1


def test_a_table_of_the_same_name_is_told_from_mkts(connect: Open, partner: Partner, client: SupabaseClient) -> None:
    error = raised_by(lambda: list(client.rows("integrations", key="id", columns=("id", "title"))))
    assert (type(error), error.code) == (ConfigError, "supabase.schema")
    partner.says([{"id": "1"}], content_range="0-0/1")
    liar = connect(partner.url)
    raised_by(lambda: list(liar.rows("integrations", key="id", columns=("id", "name"))))
    assert ("select", "id,name") in partner.requests[0].query


def test_an_answer_that_drips_has_its_end(connect: Open, partner: Partner) -> None:
    for _ in range(4):
        partner.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b" "] * 90, pause=0.02)
    error = raised_by(read(connect(partner.url, longest=0.1)))
    assert (type(error), error.code) == (TransientError, "network.read_timeout")


def test_the_key_is_sent_as_supabase_wants_it_and_who_asks(connect: Open, partner: Partner) -> None:
    partner.says([], content_range="*/0")
    list(connect(partner.url).rows("integrations", key="id"))
    headers = partner.requests[0].headers
    assert (headers["apikey"], headers["authorization"]) == (KEY, f"Bearer {KEY}")
    assert headers["user-agent"].startswith("mkt/")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ((b"",), "network.truncated"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[",), "network.truncated"),
        ((b"SSH-2.0-OpenSSH\r\n",), "network.truncated"),
    ],
)
def test_an_answer_that_breaks_off_is_transient(
    connect: Open, partner: Partner, sent: tuple[bytes, ...], code: str
) -> None:
    for _ in range(4):
        partner.sends(*sent)
    error = raised_by(read(connect(partner.url)))
    assert (type(error), error.code) == (TransientError, code)


def test_a_reset_is_transient(connect: Open, partner: Partner) -> None:
    for _ in range(4):
        partner.sends(b"", reset=True)
    assert raised_by(read(connect(partner.url))).code in ("network.reset", "network.truncated")


def test_no_answer_in_time_is_transient(connect: Open, partner: Partner) -> None:
    for _ in range(4):
        partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    error = raised_by(read(connect(partner.url, timeout=httpx.Timeout(0.05))))
    assert (type(error), error.code) == (TransientError, "network.read_timeout")


def test_after_no_answer_in_all_tries_one_is_made_until_something_is_heard(
    connect: Open, partner: Partner, waits: list[float]
) -> None:
    client = connect(partner.url, timeout=httpx.Timeout(0.05))
    for _ in range(5):
        partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    raised_by(read(client))
    assert len(waits) == 3
    raised_by(read(client))
    assert len(waits) == 3, "whoever ends now does not wait for as long again"
    partner.says([], content_range="*/0")
    read(client)()
    partner.says(status=503).says([], content_range="*/0")
    read(client)()
    assert len(waits) == 4


def test_one_lost_answer_to_what_is_sent_once_takes_no_tries_from_what_follows(
    connect: Open, partner: Partner, waits: list[float]
) -> None:
    client = connect(partner.url, timeout=httpx.Timeout(0.05))
    partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    raised_by(lambda: client.rpc("mkt_renew", repeatable=False))
    partner.says(status=503).says({})
    assert client.rpc("mkt_open", repeatable=True) == {}
    assert len(waits) == 1


def test_after_a_silence_whoever_answers_that_it_starts_is_asked_again(
    connect: Open, partner: Partner, waits: list[float]
) -> None:
    client = connect(partner.url, timeout=httpx.Timeout(0.05))
    for _ in range(4):
        partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    raised_by(read(client))
    waits.clear()
    partner.says(status=503).says({})
    assert client.rpc("mkt_open", repeatable=True) == {}
    assert len(waits) == 1


def test_who_has_answered_three_times_is_not_called_silent(
    connect: Open, partner: Partner, waits: list[float]
) -> None:
    client = connect(partner.url, timeout=httpx.Timeout(0.05))
    partner.says(status=503).says(status=503).says(status=503)
    partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    raised_by(read(client))
    waits.clear()
    partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    partner.says({})
    assert client.rpc("mkt_open", repeatable=True) == {}
    assert len(waits) == 1


def test_an_answer_that_takes_long_is_told_before_it_fails(
    connect: Open, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    client = connect(partner.url, slow=heard.append, timeout=httpx.Timeout(0.05))
    partner.says([], content_range="*/0")
    list(client.rows("integrations", key="id"))
    assert heard == []
    monkeypatch.setattr(transport, "SLOW_SECONDS", 0.0)
    for _ in range(5):
        partner.sends(b"HTTP/1.1 200 OK\r\n\r\n", pause=60)
    raised_by(lambda: client.rpc("mkt_open", repeatable=True))
    assert heard == [partner.url.removeprefix("http://")] * 4
    raised_by(lambda: client.rpc("mkt_sync_promote", repeatable=False, longest=0.1))
    assert len(heard) == 4, "what may take long is waited for in silence"


def test_an_answer_that_has_begun_is_not_waited_for(
    connect: Open, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(transport, "SLOW_SECONDS", 1.5)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 92\r\n\r\n"
    partner.sends(head, *[b" "] * 90, b"{}", pause=0.02)
    assert connect(partner.url, slow=heard.append).rpc("mkt_open", repeatable=True) == {}
    assert heard == []


def test_who_has_answered_before_is_waited_for_anew(
    connect: Open, partner: Partner, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(transport, "SLOW_SECONDS", 0.5)
    head = b"HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 42\r\n\r\n"
    partner.sends(head, *[b" "] * 40, b"{}", pause=0.02)
    partner.says({})
    assert connect(partner.url, slow=heard.append).rpc("mkt_open", repeatable=True) == {}
    assert (heard, len(waits)) == ([], 1)


def test_who_waits_for_a_connection_is_told_too(connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(transport, "SLOW_SECONDS", 0.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    raised_by(read(connect(f"http://127.0.0.1:{port}", slow=heard.append)))
    assert set(heard) == {f"127.0.0.1:{port}"}


def test_nobody_there_is_transient_and_says_where(connect: Open) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = raised_by(read(connect(f"http://127.0.0.1:{port}")))
    assert (type(error), error.code) == (TransientError, "network.refused")
    assert f"127.0.0.1:{port}, integrations" in error.message


def test_a_name_without_an_address_names_the_setting(connect: Open) -> None:
    error = raised_by(read(connect("https://no-such-project.invalid")))
    assert (error.code, "SUPABASE_URL" in error.remedy) == ("network.dns", True)


def test_a_proxy_of_this_machine_is_not_for_loopback(
    connect: Open, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    partner.says([], content_range="*/0")
    assert list(connect(partner.url).rows("integrations", key="id")) == []


def test_a_netrc_of_this_account_is_not_sent(
    connect: Open, partner: Partner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    partner.says([], content_range="*/0")
    list(connect(partner.url).rows("integrations", key="id"))
    assert partner.requests[0].headers["authorization"] == f"Bearer {KEY}"
