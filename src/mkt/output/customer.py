"""What can be sent to a customer as it is: plain words, no greeting, nothing of how we work inside.

Of an error that is ours only the step is named: its words may speak of our files, commands and hosts. From the words
that are shown, sentences that do so are left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mkt.contract import Actor
from mkt.engine.report import Result, StepResult
from mkt.engine.verify.for_customer import ForCustomer
from mkt.engine.verify.ladder import NOT_REACHED
from mkt.output.text import ago, clean, plural

_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+")
_INTERNAL: Final = re.compile(
    r"(?<![\w-])mkt(?![\w-])|\.ya?ml\b|\.toml\b|\blocalhost\b|\b127\.\d+\.\d+\.\d+\b|\b10\.\d+\.\d+\.\d+\b|\b192\.168\.\d+\.\d+\b"
    r"|\b172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+\b|\[::1\]|\b(?:env|file|keyring|supabase):\S|\bMKT_\w+",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerText:
    """The text about one integration, in Markdown that also reads well as it stands."""

    tenant: str
    integration: str | None
    outcome: str
    text: str

    @property
    def target(self) -> str:
        return f"{self.tenant}/{self.integration}" if self.integration else self.tenant


def customer_texts(found: ForCustomer, names: Mapping[str, str], now: datetime) -> list[CustomerText]:
    """Return a text for each integration that failed or warned; `names` are what connectors are called outside."""
    results = sorted((r for r in found.report.results if r.outcome in ("fail", "warn")), key=lambda r: r.target)
    return [
        CustomerText(
            tenant=result.tenant,
            integration=result.integration,
            outcome=result.outcome,
            text="\n".join(_lines(result, names.get(result.connector or "", ""), found, now)) + "\n",
        )
        for result in results
    ]


def asked_lines(found: ForCustomer, now: datetime) -> Iterator[str]:
    """Say of which integrations the partner was asked: not again where nothing has changed since it refused."""
    for target, at in sorted(found.checked_at.items()):
        yield (
            f"{target} was not asked again: as of {ago(at, now)}, nothing has changed here since;"
            f" `mkt verify {target}` asks anew"
        )
    asked = len(found.report.results) - len(found.checked_at)
    if asked:
        yield f"{plural(asked, 'integration')} checked just now"


def customer_object(text: CustomerText) -> dict[str, Any]:
    """Return a text for scripts."""
    return {"tenant": text.tenant, "integration": text.integration, "outcome": text.outcome, "text": text.text}


def document(texts: Sequence[CustomerText]) -> str:
    """Return all texts; where there are several, a comment that is not shown says whose each is."""
    if len(texts) == 1:
        return texts[0].text
    return "\n".join(f"<!-- {text.target} -->\n\n{text.text}" for text in texts)


def _lines(result: Result, name: str, found: ForCustomer, now: datetime) -> Iterator[str]:
    moment = found.checked_at.get(result.target, now).astimezone(UTC)
    failed = result.outcome == "fail"
    yield f"## Your connection to {name}" if name else "## Your connection"
    yield ""
    yield f"Checked on {moment.day} {moment:%B %Y} at {moment:%H:%M} UTC. " + (
        "It does not work at the moment." if failed else "It works, with a remark."
    )
    if result.steps:
        yield ""
        yield from (_step(step) for step in result.steps if step.outcome != "skip")
        unreached = [clean(step.title) for step in result.steps if step.evidence == NOT_REACHED]
        if unreached:
            yield f"- not checked yet: {', '.join(unreached)}"
    elif result.failure and result.failure.actor != "us":
        yield ""
        yield f"- not passed: {_outward(result.failure.message)}".rstrip(": ")
    yield ""
    yield from _request(_wanted(result), name, found.identifiers.get(result.target, {}))


def _step(step: StepResult) -> str:
    words = {"pass": "passed", "warn": "passed, with a remark", "fail": "not passed"}[step.outcome]
    said = _outward(step.evidence) if step.outcome == "warn" or _speaks(step) else ""
    return f"- {words}: {clean(step.title)}" + (f" ({said.rstrip('.')})" if said else "")


def _speaks(step: StepResult) -> bool:
    """Tell whether the customer reads what was seen: of a step that failed on our side they do not."""
    return step.outcome == "fail" and step.actor != "us"


def _wanted(result: Result) -> dict[Actor, list[str]]:
    """Return who has to do what; only the customer is told what exactly."""
    wanted: dict[Actor, list[str]] = {}
    for step in result.steps:
        if step.outcome in ("fail", "warn"):
            wanted.setdefault(step.actor or "us", []).append(_outward(step.remedy))
    if result.failure and not any(step.outcome == "fail" for step in result.steps):
        wanted.setdefault(result.failure.actor, []).append(_outward(result.failure.remedy))
    return wanted


def _request(wanted: Mapping[Actor, Sequence[str]], name: str, identifiers: Mapping[str, str]) -> Iterator[str]:
    asked = [text for text in dict.fromkeys(wanted.get("customer", ())) if text]
    if "customer" in wanted:
        yield "What we need from you:"
        yield ""
        yield from (f"- {text}" for text in asked or ["Please have a look at the step that did not pass."])
        yield ""
        yield from _known_as(identifiers)
        yield "Tell us when this is done; we then check again."
    elif "partner" in wanted:
        yield f"The cause is at {name or 'the other system'}. Nothing is needed from you; we follow it up with them."
    else:
        yield "This is ours to mend. Nothing is needed from you."


def _known_as(identifiers: Mapping[str, str]) -> Iterator[str]:
    """Name what their administrator has to look for: users, clients, addresses."""
    shown = [f"- {name}: `{clean(value)}`" for name, value in identifiers.items() if _outward(value)]
    if shown:
        yield "What we use there, to look for:"
        yield ""
        yield from shown
        yield ""


def _outward(text: str) -> str:
    """Return the sentences that a customer can make use of."""
    sentences = _SENTENCE.split(" ".join(clean(text).split()))
    return " ".join(sentence for sentence in sentences if not _INTERNAL.search(sentence))
