"""Having deliveries handled once more, because a person asks: now, in this process, one after the other."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mkt.contract import ConnectorEvent
from mkt.engine.base import Engine
from mkt.engine.operator import report_action
from mkt.engine.report import EXIT_FAILED, EXIT_PARTIAL, EXIT_TERMINATED
from mkt.engine.webhooks.routes import Routes
from mkt.engine.webhooks.work import CLAIM, handle_accepted
from mkt.errors import Refused
from mkt.store.deliveries import Delivery

COMMAND = "webhooks replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay, in the order in which the deliveries had come; `stopped` says how it was ended early."""

    deliveries: tuple[Delivery, ...]
    exit_code: int


def replay(engine: Engine, wanted: Sequence[Delivery]) -> Replayed:
    """Handle what can be handled again; raise `Refused` where nothing of it can."""
    started, routes = time.monotonic(), Routes(engine)
    done: list[Delivery] = []
    for delivery in sorted(wanted, key=lambda each: each.id):
        if engine.stop.event.is_set():
            break
        for claimed in engine.store.replay_deliveries([delivery.id], engine.now() + CLAIM):
            report_action(engine.telemetry, engine.now, "replay", f"{claimed.target} {claimed.id}")
            done.append(handle_accepted(engine, routes, claimed))
    if not done and not engine.stop.reason:
        raise Refused(
            "none of these deliveries can be handled again",
            remedy="What was refused, is waiting, or was answered by its connector at once has nothing to replay.",
        )
    replayed = Replayed(deliveries=tuple(done), exit_code=_exit_code(engine, done))
    _summarize(engine, replayed, round((time.monotonic() - started) * 1000))
    return replayed


def _exit_code(engine: Engine, done: Sequence[Delivery]) -> int:
    if engine.stop.reason:
        return EXIT_TERMINATED[engine.stop.reason]
    failed = [delivery for delivery in done if delivery.verdict != "handled"]
    if not failed:
        return 0
    return EXIT_PARTIAL if len(failed) < len(done) else EXIT_FAILED


def _summarize(engine: Engine, replayed: Replayed, duration_ms: int) -> None:
    """Emit `run.summary`, with the fields that it has of every command."""
    ok = sum(delivery.verdict == "handled" for delivery in replayed.deliveries)
    failed = len(replayed.deliveries) - ok
    counts = {"ok": ok, "warn": 0, "failed": failed, "held": 0, "deferred": 0, "skipped": 0, "not_due": 0}
    engine.telemetry.emit(
        ConnectorEvent(
            event="run.summary",
            message=f"mkt {COMMAND} ended with exit code {replayed.exit_code}",
            timestamp=engine.now(),
            level="error" if failed else "info",
            details={"command": COMMAND, "exit_code": replayed.exit_code, "duration_ms": duration_ms, **counts},
        )
    )
