"""Bringing messages to the operator's sinks, side by side, and no longer than a sync can wait."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.engine.triage.alert_message import body_bytes, sample
from mkt.errors import ConfigError
from mkt.runtime.masking import PROCESS
from mkt.secrets.chain import SecretChain
from mkt.secrets.lookup import Found
from mkt.settings import Alerts, ProjectSettings
from mkt.store.alerts import AlertMessage

SECONDS: Final = 5.0
"""How long a sync waits for all sinks together."""


class Sink(Protocol):
    """Where messages go. `place` is what may be shown of it."""

    place: str

    def send(self, message_id: str, body: bytes, seconds: float) -> str:
        """Send, never raise, and return what went wrong; empty where nothing did."""
        ...


def deliver(engine: Engine, messages: Sequence[AlertMessage]) -> list[tuple[AlertMessage, str]]:
    """Send each message to its sink, and return with each what went wrong, empty where nothing did.

    What there was no time for is left out.
    """
    by_sink: dict[str, list[AlertMessage]] = {}
    for message in messages:
        by_sink.setdefault(message.sink, []).append(message)
    ends = time.monotonic() + SECONDS
    couriers = [_Courier(engine, name, own, ends) for name, own in by_sink.items()]
    for courier in couriers:
        threading.Thread(target=courier.run, name="mkt-alerts", daemon=True).start()
    for courier in couriers:
        courier.ended.wait(max(0.0, ends - time.monotonic()))
    said = [(message, courier.said(message)) for courier in couriers for message in courier.messages]
    return [(message, error) for message, error in said if error is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of a sample: to which sink, at which place, what went wrong (empty: nothing), what else to know."""

    sink: str
    place: str
    error: str
    note: str


def try_sinks(engine: Engine) -> list[Tested]:
    """Send a sample to each sink that is configured."""
    body = sample(engine.now())
    messages = [_sample_message(name, body, engine.now()) for name in sink_names(engine.settings.alerts)]
    return [_tested(engine, message.sink, error) for message, error in deliver(engine, messages)]


def _sample_message(sink: str, body: Mapping[str, Any], now: datetime) -> AlertMessage:
    return AlertMessage(
        id=str(body["id"]),
        sink=sink,
        fingerprint=body["data"]["fingerprint"],
        body=body,
        created_at=now,
        tries=1,
        given_up=False,
        error="",
    )


def _tested(engine: Engine, name: str, error: str) -> Tested:
    sink = attempt(lambda: open_sink(name, engine.settings, engine.secrets))
    unsigned = name == "webhook" and not engine.settings.alerts.webhook_secret
    note = "taken, but not signed: set webhook_secret under [alerts]" if unsigned else "taken"
    place = "" if isinstance(sink, Exception) else sink.place
    return Tested(sink=name, place=place, error=PROCESS.mask(error), note=note)


@dataclass(slots=True)
class _Courier:
    """Brings messages to one sink, in a thread of its own that nobody has to wait for."""

    engine: Engine
    name: str
    messages: list[AlertMessage]
    ends: float
    ended: threading.Event = field(default_factory=threading.Event)
    begun: set[str] = field(default_factory=set)
    done: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        sink = attempt(lambda: open_sink(self.name, self.engine.settings, self.engine.secrets))
        for message in self.messages:
            self.begun.add(message.id)
            self.done[message.id] = self._send(sink, message)
            if self.done[message.id] or time.monotonic() >= self.ends:
                break  # what failed now would fail for the others too: they keep their tries
        self.ended.set()

    def said(self, message: AlertMessage) -> str | None:
        """Return what went wrong, empty where nothing did, None for what was not tried."""
        late = f"it took longer than {SECONDS:.0f} s" if message.id in self.begun else None
        return self.done.get(message.id, late)

    def _send(self, sink: Sink | Exception, message: AlertMessage) -> str:
        if isinstance(sink, Exception):
            return sink.message if isinstance(sink, ConfigError) else f"it failed with {type(sink).__name__}"
        seconds = max(0.1, self.ends - time.monotonic() - 0.2)
        said = attempt(lambda: sink.send(message.id, body_bytes(message.body), seconds))
        return f"it failed with {type(said).__name__}" if isinstance(said, Exception) else said


def sink_names(settings: Alerts) -> list[str]:
    """Return the names of the sinks that are configured."""
    return [name for name in ("webhook", "command") if getattr(settings, name)]


def open_sink(name: str, settings: ProjectSettings, secrets: SecretChain) -> Sink:
    """Return a sink by its name; raise `ConfigError` where its key cannot be read."""
    alerts = settings.alerts
    if name == "command":
        from mkt.runtime.command import CommandSink  # noqa: PLC0415 - subprocess is for those who have a command

        return CommandSink(alerts.argv, settings.root)
    from mkt.runtime.webhooks import Webhook  # noqa: PLC0415 - httpx is for those who have a webhook

    url = alerts.webhook.get_secret_value() if alerts.webhook else ""
    return Webhook(url, _secret(secrets, alerts.webhook_secret))


def _secret(secrets: SecretChain, text: str) -> str:
    if not text:
        return ""
    looked = secrets.read(text)
    if isinstance(looked, Found):
        return looked.value
    raise ConfigError(
        f"the key of the webhook's signatures is not in {looked.place}: {looked.why}",
        remedy="Store it there, or correct [alerts] webhook_secret in mkt.toml.",
        code="config.webhook_secret",
    )
