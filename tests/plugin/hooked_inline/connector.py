"""Answers by what the path says."""

import time
from datetime import timedelta

from hooked_inline.settings import Settings
from mkt.contract import Connector, ConnectorContext, HandlesWebhooks, TransientError, WebhookRequest, WebhookResponse

Context = ConnectorContext[Settings]


class HookedInline(Connector[Settings], HandlesWebhooks[Settings]):
    def verify(self, context: Context) -> None:
        with context.step("ready"):
            pass

    def handle_webhook(self, request: WebhookRequest, context: Context) -> WebhookResponse:
        match request.path:
            case "echo":
                said = repr((request.method, dict(request.query), request.headers.get("cookie"), request.body))
                return WebhookResponse(200, {"Content-Type": "text/plain", "Set-Cookie": "a=b"}, said.encode())
            case "forwarded":
                return WebhookResponse(200, {}, request.headers.get("x-forwarded-for", "nobody").encode())
            case "put":
                context.state.put("nonce", "n1", ttl=timedelta(minutes=5))
                return WebhookResponse(204)
            case "take":
                time.sleep(0.1)
                return WebhookResponse(200 if context.state.take("nonce") == "n1" else 409)
            case "refuse":
                return WebhookResponse(401, refusal={"reason": "wrong_issuer", "received": "x", "expected": "y"})
            case "away":
                raise TransientError("the platform's keys cannot be read", remedy="Wait.")
            case "hang":
                time.sleep(float(request.body))
                return WebhookResponse(200)
        raise ZeroDivisionError


connector = HookedInline()
