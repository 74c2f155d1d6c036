"""Does what the body of a delivery says."""

import json
import time
from collections.abc import Iterator

from hooked.settings import Settings
from mkt.contract import (
    Change,
    Checkpoint,
    Complete,
    Connector,
    ConnectorContext,
    Deleted,
    HandlesWebhooks,
    PartnerError,
    Record,
    Syncs,
    TransientError,
    WebhookRequest,
    WebhookResponse,
)

Context = ConnectorContext[Settings]


class Hooked(Connector[Settings], Syncs[Settings], HandlesWebhooks[Settings]):
    def verify(self, context: Context) -> None:
        with context.step("ready"):
            pass

    def sync(self, context: Context) -> Iterator[Change]:
        del context
        yield Complete("people")
        yield Checkpoint("people", None)

    def handle_webhook(self, request: WebhookRequest, context: Context) -> WebhookResponse:
        said = json.loads(request.body)
        if seconds := said.get("seconds"):
            time.sleep(seconds)
        match said.get("fail"):
            case "transient":
                raise TransientError("the partner is away", remedy="Wait.")
            case "partner":
                raise PartnerError("the partner sent nonsense", remedy="Ask it.")
            case "bug":
                raise ZeroDivisionError
            case int(status):
                return WebhookResponse(status)
        if name := said.get("once"):
            context.state.take(name)
        if name := said.get("remember"):
            context.state.put(name, 1)
        people = [Record("people", each.pop("id"), each) for each in said.get("people", [])]
        gone = [Deleted("people", name) for name in said.get("deleted", [])]
        return WebhookResponse(200, changes=[*people, *gone])


connector = Hooked()
