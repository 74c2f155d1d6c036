"""What the ledger shows of a request: nothing that lets anybody in, whatever was sent."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import WebhookVerification
from mkt.engine.webhooks.arrival import Arrival
from mkt.engine.webhooks.redaction import for_later, shown

SECRET = "s3cret-value"  # what must never be shown
GITHUB = WebhookVerification(scheme="github", secret="HOOK")
_NAME = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True).filter(
    lambda name: name not in ("accept", "host", "iss", "error", "connection")
)


def arrival(headers: dict[str, str], query: str = "", body: bytes = b"") -> Arrival:
    return Arrival(
        method="POST",
        raw_path="/hooks/a/b",
        query=query,
        headers=headers,
        body=body,
        received_at=datetime(2026, 11, 22, tzinfo=UTC),
    )


@given(names=st.lists(_NAME, max_size=70), form=st.booleans())
def test_no_value_of_a_name_that_is_not_known_is_shown(names: list[str], form: bool) -> None:
    text = urlencode([(name, f"{SECRET} {number}") for number, name in enumerate(names)])
    headers = dict.fromkeys(names, SECRET) | {"content-type": "application/x-www-form-urlencoded" if form else "x/y"}
    assert SECRET not in repr(shown(arrival(headers, text, text.encode()), GITHUB))


@given(body=st.binary(max_size=300), query=st.text(max_size=100))
def test_whatever_is_sent_can_be_shown(body: bytes, query: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert shown(arrival(headers, query, body))["bytes"] == len(body)


def test_a_connector_that_works_later_gets_no_credentials() -> None:
    given_ = {"cookie": "a", "authorization": "b", "x-hub-signature-256": "c", "x-github-event": "push"}
    assert for_later(given_, GITHUB) == {"x-github-event": "push"}
