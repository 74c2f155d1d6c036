"""Read the same pages with httpx, decode, map, hash and upsert with sqlite3 in batches of the same size."""

import hashlib
import sqlite3
import sys

import httpx
import orjson

url, database = sys.argv[1:]
store = sqlite3.connect(database, isolation_level=None)
store.execute("pragma journal_mode = wal")
store.execute("pragma synchronous = normal")
store.execute("create table if not exists people (id text primary key, data text, hash blob)")
upsert = (
    "insert into people values (?, ?, ?) on conflict (id)"
    " do update set data = excluded.data, hash = excluded.hash where hash <> excluded.hash"
)
batch: list[tuple[str, bytes, bytes]] = []


def commit() -> None:
    store.execute("begin immediate")
    store.executemany(upsert, batch)
    store.execute("commit")
    batch.clear()


with httpx.Client() as client:
    offset = 0
    while True:
        reply = client.get(url, params={"limit": 100, "offset": offset}, headers={"Authorization": "Bearer x"})
        rows = orjson.loads(reply.content)["data"]
        for row in rows:
            document = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
            batch.append((row["id"], document, hashlib.blake2b(document, digest_size=16).digest()))
        if len(batch) >= 1000:
            commit()
        if len(rows) < 100:
            break
        offset += 100
commit()
store.close()
