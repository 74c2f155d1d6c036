"""A partner that costs as little as possible: pages of workers that were encoded beforehand, after a pause.

`python -m bench.server WORKERS PAUSE_SECONDS GENERATION` prints its port and serves until its standard input closes.
It runs in a process of its own, so that it takes no time from what is measured. `/people` answers with records as mkt
keeps them, with `since` in the query only those that changed later: none. Every other path has Workday's workers. In
another generation everybody has another title.
"""

import asyncio
import json
import re
import sys
from urllib.parse import parse_qs, urlsplit

MODIFIED = "2026-11-20T08:15:00Z"
WORKER = {
    "workerType": {"id": "employee", "descriptor": "Employee"},
    "person": {"phone": "+44 20 7946 0000"},
    "primaryJob": {
        "id": "7c31f9fb0dd2107d5b5bafd11f3b0eb0",
        "descriptor": "Teacher of Mathematics",
        "businessTitle": "Teacher of Mathematics",
        "jobProfile": {"id": "jp-017", "descriptor": "Teacher"},
        "supervisoryOrganization": {"id": "so-204", "descriptor": "Mathematics Department, North Campus"},
        "location": {"id": "loc-3", "descriptor": "North Campus", "country": {"id": "gb", "descriptor": "UK"}},
    },
    "href": "https://wd5-services1.workday.com/ccx/api/staffing/v6/northwind/workers/",
}


def worker(number: int, generation: str = "") -> dict[str, object]:
    """About 900 bytes, like a real worker of the staffing API."""
    return {
        **WORKER,
        "id": f"{number:032x}",
        "businessTitle": f"Teacher of Mathematics{generation}",
        "workerId": f"{number:08d}",
        "descriptor": f"Given{number} Family{number}",
        "person": {
            "id": f"p{number:031x}",
            "email": f"person{number}@northwind.example",
            "phone": "+44 20 7946 0000",
        },
    }


def person(number: int) -> dict[str, object]:
    """About 700 bytes, flat, in the fields of the stream `people`."""
    name = f"Given{number} Family{number}"
    return {
        "id": f"{number:032x}",
        "employee_number": f"{number:08d}",
        "user_name": f"person{number}",
        "given_name": f"Given{number}",
        "family_name": f"Family{number}",
        "formatted_name": name,
        "email": f"person{number}@northwind.example",
        "active": True,
        "status": "Active",
        "title": "Teacher of Mathematics",
        "user_type": "Employee",
        "manager_id": f"{number // 10:032x}",
        "department": "Mathematics Department, North Campus",
        "cost_center": "CC-204 Mathematics",
        "hire_date": "2019-09-01",
        "job_role_id": "jp-017",
        "job_role": "Teacher",
        "org_unit_id": "so-204",
        "org_unit": "Mathematics Department, North Campus",
        "location": "North Campus",
        "last_modified": MODIFIED,
    }


def answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Partner:
    """Serves `workers` workers; the pages of one size are made once."""

    def __init__(self, workers: int, pause: float, generation: str) -> None:
        self._workers = workers
        self._pause = pause
        self._generation = generation
        self._encoded: dict[tuple[str, int, int], bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if self._pause:
                    await asyncio.sleep(self._pause)
                writer.write(self._page(head.split(b" ", 2)[1].decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def warm(self, path: str, limit: int) -> None:
        for offset in range(0, self._workers + 1, limit):
            self._page(f"{path}?limit={limit}&offset={offset}")

    def _page(self, target: str) -> bytes:
        url = urlsplit(target)
        query = parse_qs(url.query)
        if query.get("since", [""])[0] >= MODIFIED:
            return answer(b'{"total":0,"data":[]}')
        limit, offset = int(query.get("limit", ["20"])[0]), int(query.get("offset", ["0"])[0])
        key = (url.path, limit, offset)
        if key not in self._encoded:
            numbers = range(offset, min(offset + limit, self._workers))
            people = url.path == "/people"
            rows = [person(number) if people else worker(number, self._generation) for number in numbers]
            self._encoded[key] = answer(json.dumps({"total": self._workers, "data": rows}).encode())
        return self._encoded[key]


async def main(workers: int, pause: float, generation: str) -> None:
    partner = Partner(workers, pause, generation)
    if workers > 1000:
        partner.warm("/workers", 100)
        partner.warm("/people", 1000)
    server = await asyncio.start_server(partner.serve, "127.0.0.1", 0, backlog=1000, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, closed.set)
    await closed.wait()
    server.close()


if __name__ == "__main__":
    if not re.fullmatch(r"\d+ [\d.]+ \w*", " ".join(sys.argv[1:])):
        sys.exit(__doc__)
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
