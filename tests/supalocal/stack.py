"""A Supabase of our own for the tests: PostgreSQL with pgmq and pg_cron behind PostgREST's and GoTrue's HTTP API.

Everything listens on loopback on free ports, lives in a temporary folder, and ends with the session. It is started
once in each of pytest's processes, by the first test that asks for it. A missing server is an error: a test that is
skipped says nothing about row level security.
"""

import contextlib
import importlib.resources
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import psycopg

from mkt.store.supabase.migrations import MIGRATIONS

HERE = Path(__file__).parent
BOOTSTRAP = HERE / "bootstrap.sql"
_SECONDS = 30
"""Nothing here takes nearly as long to start."""
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
}
_CRON = {
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "postgres",
    "cron.use_background_workers": "on",
}
_CLOCK = """
create or replace function mkt_private.clock() returns timestamptz
language sql volatile set search_path = '' as
$$ select {time} $$"""
# Tests say themselves when a minute has passed.
_NO_CRON = "select cron.alter_job(jobid, schedule => '0 0 1 1 *') from cron.job"
# `truncate` gives each table and index a new file: that takes ten times as long.
_EMPTY = """
do $$ declare made text; begin
  for made in
    select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname = 'public' and (tablename like 'integration%' or tablename = 'connectors')
       or schemaname = 'pgmq' and (tablename like 'q\\_%' or tablename like 'a\\_%')
  loop execute 'delete from ' || made; end loop;
  for made in select format('%I.%I', schemaname, sequencename) from pg_sequences
    where schemaname in ('public', 'pgmq', 'mkt_private') and last_value is not null
  loop perform setval(made, 1, false); end loop;
  update mkt_private.feed set last_seq = 0;
  delete from mkt_private.copies;
  delete from auth.users;
end $$"""


@dataclass(frozen=True, kw_only=True)
class LocalSupabase:
    """The running stack. `sql` is for arranging and looking: a superuser's connection, which RLS does not hold."""

    url: str
    dsn: str
    secret_key: str
    publishable_key: str
    jwt_secret: str
    has_cron: bool

    @property
    def environment(self) -> Mapping[str, str]:
        """What a person sets for mkt."""
        return {"SUPABASE_URL": self.url, "SUPABASE_SECRET_KEY": self.secret_key}

    def user_token(self, tenant: str, *, admin: bool = False, expires_in: int = 3600, **claims: Any) -> str:
        """Return the access token of a tenant's user, as after a sign-in."""
        now = int(time.time())
        app_metadata = {"tenant_id": tenant, **({"tenant_admin": True} if admin else {})}
        token = {"sub": str(uuid.uuid4()), "role": "authenticated", "aud": "authenticated", "iat": now}
        token |= {"exp": now + expires_in, "app_metadata": app_metadata, **claims}
        return jwt.encode(token, self.jwt_secret, algorithm="HS256")

    def sql(self, query: str, *parameters: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement, or several without parameters."""
        dsn = self.dsn.rpartition("/")[0] + f"/{database}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def hold_clock(self, time: datetime) -> None:
        """Let the store's clock stand still at this time."""
        self.sql(_CLOCK.format(time=f"timestamptz '{time.isoformat()}'"))

    def free_clock(self) -> None:
        """Let it go by the database's again."""
        self.sql(_CLOCK.format(time="clock_timestamp()"))

    def empty(self) -> None:
        """Forget every row, every user and every message; sequences begin anew."""
        self.sql(_EMPTY)


def migrate(stack: LocalSupabase, names: Sequence[str] | None = None, *, database: str = "postgres") -> None:
    """Apply migrations, all or those named, in their order."""
    for migration in MIGRATIONS:
        if names is None or migration.name in names:
            stack.sql(migration.text, database=database)


@contextlib.contextmanager
def local_supabase() -> Iterator[LocalSupabase]:
    """Start the stack with mkt's migrations applied."""
    node, modules = _node(), HERE / "node_modules" / "@supabase" / "lite"
    if not modules.exists():
        raise RuntimeError("the local Supabase is not installed: make setup")
    keys = {
        "SUPABASE_SECRET_KEY": f"sb_secret_{secrets.token_urlsafe(24)}",
        "SUPABASE_PUBLISHABLE_KEY": f"sb_publishable_{secrets.token_urlsafe(24)}",
        "SUPABASE_JWT_SECRET": secrets.token_urlsafe(48),
    }
    with _temporary_folder() as root, _postgres(root) as (dsn, has_cron):
        with psycopg.connect(dsn) as connection:
            connection.execute(BOOTSTRAP.read_bytes())
            connection.execute((importlib.resources.files("pgmq") / "sql" / "pgmq.sql").read_bytes())
        with _api(node, root, {**keys, "DATABASE_URL": dsn}) as url:
            stack = LocalSupabase(
                url=url,
                dsn=dsn,
                secret_key=keys["SUPABASE_SECRET_KEY"],
                publishable_key=keys["SUPABASE_PUBLISHABLE_KEY"],
                jwt_secret=keys["SUPABASE_JWT_SECRET"],
                has_cron=has_cron,
            )
            migrate(stack)
            if has_cron:
                stack.sql(_NO_CRON)
            yield stack


def _node() -> str:
    """Return Node's own path: the machine's, else the one that `make setup` put beside this Python."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), str(Path(sys.executable).parent)]
    for folder in folders:
        found = shutil.which("node", path=folder)
        if found and int(_said([found, "-p", "process.versions.node"]).split(".")[0]) >= 20:
            return found
    raise RuntimeError("Node.js 20 or later is not there: make setup")


def _pg_bin() -> Path:
    named = os.environ.get("MKT_TEST_PG_BIN") or shutil.which("pg_ctl")
    if named:
        path = Path(named).resolve()
        return path if path.is_dir() else path.parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError("PostgreSQL 15 or later is not there: make setup, or name its folder in MKT_TEST_PG_BIN")
    return found[-1].parent


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="mkt-supabase-"))
    try:
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_server_user())
            os.chown(root, owner.pw_uid, owner.pw_gid)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _server_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _as_server(*command: str) -> list[str]:
    """Return a command as somebody may run it for whom PostgreSQL works: it refuses root."""
    return [*(("runuser", "-u", _server_user(), "--") if os.geteuid() == 0 else ()), *command]


def _said(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def _postgres(root: Path) -> Iterator[tuple[str, bool]]:
    folder, data = _pg_bin(), root / "data"
    initdb = [str(folder / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]
    _run(_as_server(*initdb, "--locale=C"), root)
    has_cron = Path(_said([str(folder / "pg_config"), "--sharedir"]), "extension", "pg_cron.control").exists()
    port = _free_port()
    options = {**_OPTIONS, "port": port, "unix_socket_directories": root, **(_CRON if has_cron else {})}
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in options.items())
    control = (str(folder / "pg_ctl"), "-D", str(data), "-w")
    _run(_as_server(*control, "-t", str(_SECONDS), "-l", str(root / "postgres.log"), "start"), root)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres", has_cron
    finally:
        _run(_as_server(*control, "-m", "immediate", "stop"), root)


def _run(command: Sequence[str], root: Path) -> None:
    with (root / "output.log").open("a+") as log:
        done = subprocess.run(command, check=False, stdout=log, stderr=log, cwd=root)
        if done.returncode:
            log.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{log.read()[-3000:]}")


@contextlib.contextmanager
def _api(node: str, root: Path, variables: Mapping[str, str]) -> Iterator[str]:
    environment = {**variables, "PATH": os.environ["PATH"], "HOME": str(root), "LITE_TELEMETRY": "0"}
    environment |= {"DO_NOT_TRACK": "1", "SCHEMAS": "public"}
    with (
        (root / "node.log").open("w+") as log,
        subprocess.Popen(
            [node, str(HERE / "serve.mjs")],
            env=environment,
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            if not line:
                log.seek(0)
                raise RuntimeError(f"the local Supabase did not start:\n{log.read()[-3000:]}")
            yield json.loads(line)["url"]
        finally:
            server.stdin.close()  # it ends with us, also when we are killed
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(5)
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
