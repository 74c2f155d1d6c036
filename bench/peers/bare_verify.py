"""Ask a URL a thousand times from a hundred threads, an httpx client for each worker."""

import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson

url, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def work(number: int) -> int:
    with httpx.Client() as client:
        return sum(
            orjson.loads(client.get(url, params={"limit": 1, "offset": 0}).content)["total"]
            for _ in range(number, count, workers)
        )


with ThreadPoolExecutor(workers) as pool:
    print(sum(pool.map(work, range(workers))))
