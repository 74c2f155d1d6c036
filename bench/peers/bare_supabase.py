"""Fetch people page by page and upsert them with supabase-py, so many at a time."""

import hashlib
import os
import sys

import httpx
import orjson
from supabase import ClientOptions, create_client

url, size = sys.argv[1], int(sys.argv[2])
options = ClientOptions(httpx_client=httpx.Client(timeout=60))
table = create_client(os.environ["SUPABASE_URL"], os.environ["SUPABASE_SECRET_KEY"], options).table("bench_people")
batch: list[dict[str, object]] = []


def store() -> None:
    table.upsert(batch, on_conflict="tenant_id,integration,external_id", returning="minimal").execute()
    batch.clear()


with httpx.Client() as client:
    offset, rows = 0, [{}]
    while rows:
        rows = orjson.loads(client.get(url, params={"limit": 1000, "offset": offset}).content)["data"]
        for row in rows:
            key = {"tenant_id": "northwind", "integration": "roster", "external_id": row.pop("id")}
            document = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
            batch.append({**key, "hash": hashlib.blake2b(document, digest_size=16).hexdigest(), "data": row})
        if len(batch) >= size or (batch and not rows):
            store()
        offset += len(rows)
