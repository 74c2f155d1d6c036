"""Verified deliveries a second, server and client on one machine: accepted, and handled."""

import asyncio
import itertools
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.measure import ROOT, Row, mkt
from mkt.runtime.webhooks import keys_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the published vector's
TENANTS = 20
CONNECTIONS = 64
SECONDS = 10.0
WANTED = 1000
_TENANT = (
    "tenant: t{number}\nintegrations:\n  - {{connector: hooked, name: hook, secrets: {{HOOK_SECRET: env:HOOK}}}}\n"
)


def serve(folder: Path) -> Iterator[Row]:
    for number in range(TENANTS):
        (folder / "configs" / f"t{number}.yaml").write_text(_TENANT.format(number=number), encoding="utf-8")
    with _server(folder) as port:
        _warm_up(port)
        took, waits = asyncio.run(_load(port, SECONDS))
        rate, p99 = len(waits) / took, statistics.quantiles(waits, n=100)[98] * 1000
        left = _waiting(folder)
        started = time.perf_counter()
        while _waiting(folder):
            time.sleep(0.2)
        rest = time.perf_counter() - started
        handled = len(waits) / (took + rest)
        print(
            f"  {len(waits):,} accepted in {took:.1f} s, p99 {p99:.0f} ms; {left:,} unhandled then, {rest:.1f} s more"
        )
        yield _row("serve: verified deliveries a second, client included", rate)
        yield _row("serve: the same, counted when the last one was handled", handled)


def _row(name: str, rate: float) -> Row:
    return Row(name, f"{rate:.0f}/s", f"{WANTED}/s", rate / WANTED, 1, at_least=True)


@contextmanager
def _server(folder: Path) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "plugin"), "HOOK": SECRET}
    command = mkt("serve", "--port", "0")
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    if "listening" not in said:
        sys.exit(f"mkt serve: {said}{process.stderr.read()}")
    try:
        yield int(said.split("/hooks")[0].rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def _warm_up(port: int) -> None:
    asyncio.run(_load(port, 1.0))


async def _load(port: int, seconds: float) -> tuple[float, list[float]]:
    """Return how long it took and how long each answer did; every one of them is 202."""
    waits: list[float] = []
    numbers, key = itertools.count(time.time_ns()), keys_of(SECRET)[0]
    started = time.perf_counter()
    clients = [_client(port, numbers, key, started + seconds, waits) for _ in range(CONNECTIONS)]
    await asyncio.gather(*clients)
    return time.perf_counter() - started, waits


async def _client(port: int, numbers: "itertools.count[int]", key: bytes, ends: float, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < ends:
        writer.write(_request(next(numbers), key))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202"), head
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        waits.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()


def _request(number: int, key: bytes) -> bytes:
    body = b'{"people": [{"id": "%d", "given_name": "Ann", "email": "ann@example.com"}]}' % (number % 5000)
    name, now = f"msg_{number}", int(time.time())
    head = (
        f"POST /hooks/t{number % TENANTS}/hook HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n"
        f"webhook-id: {name}\r\nwebhook-timestamp: {now}\r\n"
        f"webhook-signature: {signature(key, name, now, body)}\r\n\r\n"
    )
    return head.encode() + body


def _waiting(folder: Path) -> int:
    with closing(sqlite3.connect(folder / ".mkt" / "mkt.db")) as database:
        ((number,),) = database.execute("select count(*) from integration_deliveries where next_try_at is not null")
        return int(number)
