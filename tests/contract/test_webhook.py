"""What a manifest may say of webhooks."""

from typing import Any

import pytest
from pydantic import ValidationError

from mkt.contract import Manifest, WebhookVerification

MANIFEST = {
    "id": "acme",
    "name": "Acme",
    "category": "hris",
    "description": "Acme.",
    "docs": "https://acme.example",
    "hosts": ["acme.example"],
    "secrets": [{"name": "HOOK", "how": "ask"}],
    "verify": [{"id": "one", "title": "one"}],
}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scheme": "github"}, "needs the name of a secret"),
        ({"scheme": "hmac", "secret": "HOOK"}, "needs the header"),
        ({"scheme": "connector"}, "inline must be true"),
        ({"scheme": "github", "secret": "OTHER"}, "there is no secret OTHER"),
        ({"scheme": "md5", "secret": "HOOK"}, "scheme"),
        ({"scheme": "hmac", "secret": "HOOK", "header": "X Sig"}, "header"),
        ({"scheme": "github", "secret": "HOOK", "tolerance_seconds": 0}, "tolerance_seconds"),
        ({"scheme": "github", "secret": "HOOK", "secret_after": ["register"]}, "secret_after needs inline"),
        ({"scheme": "connector", "inline": True, "secret_after": ["register/"]}, "secret_after"),
        ({"scheme": "connector", "inline": True, "secret_after": [""]}, "secret_after"),
    ],
)
def test_a_declaration_that_verifies_nothing_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Manifest.model_validate({**MANIFEST, "webhook": given})


def test_a_connector_without_a_word_takes_no_webhooks() -> None:
    assert Manifest.model_validate(MANIFEST).webhook.scheme == "none"


def test_headers_are_the_schemes_own_unless_said_and_lower_case() -> None:
    github = WebhookVerification(scheme="github", secret="HOOK")
    assert (github.signature_header, github.time_header) == ("x-hub-signature-256", "")
    own = WebhookVerification(scheme="hmac", secret="HOOK", header="X-Sig", timestamp_header="X-Time")
    assert (own.signature_header, own.time_header) == ("x-sig", "x-time")
