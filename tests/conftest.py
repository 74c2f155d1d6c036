"""What tests of several rooms share."""

import sys
from collections.abc import Iterator

import pytest

from mkt.runtime.masking import PROCESS


@pytest.fixture(autouse=True)
def _unmasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the secrets of other tests: a process of its own would know none of them."""
    monkeypatch.setattr(PROCESS, "_forms", {})


@pytest.fixture(scope="session")
def session() -> Iterator[dict[str, str]]:
    """The variables of a session with an unlocked keyring (Secret Service)."""
    if sys.platform != "linux":
        pytest.skip("the Secret Service is Linux's")
    from tests.secret_service import secret_service  # noqa: PLC0415 - its libraries are there on Linux alone

    with secret_service() as variables:
        yield dict(variables)
