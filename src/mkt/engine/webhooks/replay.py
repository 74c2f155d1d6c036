"""Having deliveries handled once more, because a person asks: now, in this process, one after the other."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mkt.engine.base import Engine
from mkt.engine.operator import report_action
from mkt.engine.summary import summarize
from mkt.engine.tally import exit_code_of, summary_of
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
    outcomes = Counter("ok" if delivery.verdict == "handled" else "failed" for delivery in done)
    exit_code, duration = exit_code_of(outcomes, engine.stop.reason), round((time.monotonic() - started) * 1000)
    summarize(engine, summary_of(COMMAND, outcomes, exit_code=exit_code, duration_ms=duration))
    return Replayed(deliveries=tuple(done), exit_code=exit_code)
