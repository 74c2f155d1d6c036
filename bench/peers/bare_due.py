"""Sync many small integrations: a request, an upsert in a transaction of its own; threads, one database."""

import hashlib
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson

url, database, count, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
store.execute("pragma journal_mode = wal")
store.execute("pragma synchronous = normal")
store.execute(
    "create table people (integration integer, id text, data text, hash blob, primary key (integration, id))"
)
lock = threading.Lock()
upsert = (
    "insert into people values (?, ?, ?, ?) on conflict (integration, id)"
    " do update set data = excluded.data, hash = excluded.hash where hash <> excluded.hash"
)


def sync(client: httpx.Client, number: int) -> None:
    rows = orjson.loads(client.get(url, params={"limit": 1000, "offset": 0}).content)["data"]
    batch = []
    for row in rows:
        document = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
        batch.append((number, row["id"], document, hashlib.blake2b(document, digest_size=16).digest()))
    with lock:
        store.execute("begin immediate")
        store.executemany(upsert, batch)
        store.execute("commit")


def work(worker: int) -> None:
    with httpx.Client() as client:
        for number in range(worker, count, workers):
            sync(client, number)


with ThreadPoolExecutor(workers) as pool:
    list(pool.map(work, range(workers)))
store.close()
