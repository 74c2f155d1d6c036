"""The engine behind the server, with a connector that takes webhooks as a test says."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, cast

import orjson
from pydantic import BaseModel
from tests.engine.rig import MANIFEST, Context, Rig, Scripted, Settings, configuration

from mkt.contract import Connector, HandlesWebhooks, Manifest, WebhookRequest, WebhookResponse
from mkt.engine.webhooks.arrival import Answer, Arrival
from mkt.engine.webhooks.inbound import Inbound
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.runtime.webhooks import keys_of, signature
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.store.deliveries import Delivery, DeliveryQuery

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD = {"scheme": "standard_webhooks", "secret": "TOKEN"}
INLINE = {"scheme": "connector", "inline": True}
ROOT = "/hooks/acme/roster"


class Hooked(Scripted, HandlesWebhooks[Settings]):
    def __init__(self) -> None:
        super().__init__()
        self.handle: Callable[[WebhookRequest, Context], WebhookResponse] = lambda _, __: WebhookResponse(200)
        self.requests: list[WebhookRequest] = []

    def handle_webhook(self, request: WebhookRequest, context: Context) -> WebhookResponse:
        self.requests.append(request)
        return self.handle(request, context)


@dataclass(frozen=True)
class HookedConnector(RegisteredConnector):
    hooked: Hooked = field(default_factory=Hooked)

    @property
    def settings_model(self) -> type[BaseModel]:  # type: ignore[override]
        return Settings

    @property
    def connector(self) -> Connector[Any]:  # type: ignore[override]
        return self.hooked

    @property
    def handles_webhooks(self) -> HandlesWebhooks[Any]:  # type: ignore[override]
        return self.hooked


class HookRig(Rig):
    """`declare` says how deliveries are verified; without workers what is accepted waits until `work`."""

    def __init__(self, folder: Path, declared: Mapping[str, Any] = STANDARD, secret: str = SECRET) -> None:
        super().__init__(folder)
        self.hook = Hooked()
        manifest = Manifest.model_validate({**MANIFEST, "webhook": declared})
        plain = self.engine.registry["scripted"]
        registry = ConnectorRegistry(
            {"scripted": HookedConnector("scripted", "tests", manifest, hooked=self.hook), "plain": plain}
        )
        secrets = SecretChain([EnvBackend({"TOKEN": secret})])
        self.engine = replace(self.engine, registry=registry, secrets=secrets)
        self.source.configurations = [
            configuration(),
            replace(configuration(), name="off", enabled=False),
            replace(configuration(), name="plain", connector="plain"),
        ]
        self.ticks = 0.0

    @contextmanager
    def inbound(self, *, workers: int = 0) -> Iterator[Inbound]:
        inbound = Inbound(self.engine, workers=workers, monotonic=lambda: self.ticks)
        try:
            yield inbound
        finally:
            inbound.stop(5)

    def arrival(self, path: str = ROOT, **given: Any) -> Arrival:
        fields = {"method": "POST", "query": "", "headers": {}, "body": b"{}", "received_at": self.clock, **given}
        return Arrival(raw_path=path, **fields)

    def signed(self, name: str = "m1", body: bytes = b"{}", path: str = ROOT, secret: str = SECRET) -> Arrival:
        now = int(self.clock.timestamp())
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(keys_of(secret)[0], name, now, body),
        }
        return self.arrival(path, headers=headers, body=body)

    def ledger(self) -> list[Delivery]:
        """What the ledger has, oldest first."""
        return cast("list[Delivery]", self.store.deliveries(DeliveryQuery(limit=10_000))[::-1])


def said(answer: Answer) -> Any:
    return orjson.loads(answer.body)


def until(true: Callable[[], object]) -> None:
    """Wait for what other threads do."""
    waited = Event()
    for _ in range(1000):
        if true():
            return
        waited.wait(0.01)
    raise AssertionError(true)
