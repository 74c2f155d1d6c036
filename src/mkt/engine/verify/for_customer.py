"""A verify for a text to the customer: the partner is asked only where the last verify does not tell it already."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mkt.engine.base import Engine
from mkt.engine.report import Report
from mkt.engine.selection import Selection
from mkt.engine.summary import finished
from mkt.engine.verify.asked import identifiers, told
from mkt.engine.verify.verify import TIMEOUT, chosen, verify_once


@dataclass(frozen=True, slots=True, kw_only=True)
class ForCustomer:
    """What texts are made of. By target: when those were checked that were not asked again, and how we are known."""

    report: Report
    checked_at: Mapping[str, datetime]
    identifiers: Mapping[str, Mapping[str, str]]


def verify_for_customer(
    engine: Engine, selection: Selection, *, concurrency: int, timeout: timedelta = TIMEOUT
) -> ForCustomer:
    """Verify what is selected, but for what failed a moment ago and is as it was then."""
    started = time.monotonic()
    selected = selection.choose(engine.source.load())
    configurations = {each.target: each for each in chosen(engine, selection, selected)}
    known = {target: found for target, each in configurations.items() if (found := told(engine, each))}
    rest = configurations.keys() - known.keys() | {broken.tenant for broken in selected.broken}
    asked = verify_once(engine, selection, concurrency, timeout, rest) if rest else ()
    report = Report(command="verify", results=(*(each.result for each in known.values()), *asked))
    bad = {result.target for result in report.results if result.outcome in ("fail", "warn")}
    return ForCustomer(
        report=finished(engine, report, started),
        checked_at={target: each.at for target, each in known.items()},
        identifiers={target: identifiers(engine, configurations[target]) for target in bad & configurations.keys()},
    )
