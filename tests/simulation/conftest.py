"""A partner that tells each caller what it heard."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from mkt.contract import Stream
from mkt.simulation import Reply, Request, Simulator


class Parrot(Simulator):
    connector: ClassVar[str] = "parrot"

    def settings(self, variant: str = "") -> dict[str, Any]:
        return {"base_url": self.url, "variant": variant}

    def secrets(self, variant: str = "") -> dict[str, str]:
        return {"PARROT_TOKEN": variant}

    def seed(self, size: int) -> None:
        self.size = size

    def change(self) -> None:
        self.size += 1

    def expected(self, variant: str = "") -> Mapping[Stream, Mapping[str, Mapping[str, Any]]]:
        del variant
        return {"people": {str(number): {} for number in range(self.size)}}

    def handle(self, request: Request) -> Reply:
        if request.path == "/nothing":
            return Reply(204)
        if request.path == "/bug":
            raise KeyError(request.path)
        heard = {"method": request.method, "query": request.query, "form": request.form, "words": "word " * 200}
        return Reply.json(heard, headers={"X-Parrot": "1"})


@pytest.fixture
def partner() -> Iterator[Parrot]:
    with Parrot() as partner:
        yield partner
