"""What `mkt secrets` shows: names and places, never a value."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from mkt.configs.base import BrokenTenant
from mkt.engine.secret_states import SecretState
from mkt.output.text import line, next_command, outcome_text, plural, row, table, unfolded
from mkt.secrets.keys import KeyPair
from mkt.secrets.placing import Kept, Looked, OneSecret
from mkt.secrets.resealing import Resealed
from mkt.secrets.sealing import TAMPERED, SealingKey
from mkt.secrets.sealing_keys import CURRENT, PREVIOUS
from mkt.secrets.sharing import named


def state_object(state: SecretState) -> dict[str, Any]:
    """Return one secret of one integration."""
    declaration = state.place.declaration
    return {
        "tenant": state.configuration.tenant,
        "integration": state.configuration.name,
        "connector": state.configuration.connector,
        "secret": declaration.name,
        "sensitive": declaration.sensitive,
        "need": state.need,
        "set": declaration.set or None,
        "reference": state.place.written,
        "found": state.place.there,
        "place": state.place.place,
        "lacking": state.lacking,
        "why": state.why or None,
    }


def left_out(broken: BrokenTenant) -> str:
    """Say what hides a tenant's secrets, and where."""
    first = broken.problems[0]
    what = "file" if first.position.line else "row"
    return f"{broken.tenant} is left out, its {what} is broken: {first.position}: {first.message}. {broken.remedy}"


def states_page(states: Sequence[SecretState], *, broken: bool = False) -> Iterator[RenderableType]:
    """Show what is lacking first, then what was found; the rest, which nobody needs, becomes a count."""
    shown = sorted((s for s in states if s.lacking or s.place.there), key=lambda state: not state.lacking)
    lacking = [state for state in shown if state.lacking]
    if shown:
        grid = table("integration", "secret", "", "", "where")
        for state in shown:
            _row(grid, state)
        yield grid
    folded = len(states) - len(shown)
    yield line(f"{plural(folded, 'secret')} not there and not needed" if folded else "")
    yield line(f"{len(lacking):,} lacking, {len(shown) - len(lacking):,} found")
    if lacking:
        first = lacking[0]
        yield next_command(f"mkt secrets which {first.configuration.target} {first.place.declaration.name}")
    else:
        yield next_command("mkt lint" if broken else "mkt verify")


def _row(grid: Table, state: SecretState) -> None:
    declaration = state.place.declaration
    need = f"{state.need}, set {declaration.set}" if declaration.set else state.need
    kind = "sensitive" if declaration.sensitive else "identifier"
    target = state.configuration.target
    where = state.place.place or state.why.removeprefix(f"secret {declaration.name} of {target} is missing; ")
    outcome = outcome_text("missing" if state.lacking else "ok")
    row(grid, target, declaration.name, outcome, f"{need}, {kind}", where)


def which_object(secret: OneSecret, places: Sequence[Looked]) -> dict[str, Any]:
    """Return every place, and the one that wins."""
    return {
        **_of(secret),
        "place": next((each.place for each in places if each.wins), None),
        "places": [{"place": each.place, "wins": each.wins, "why": each.why} for each in places],
    }


def which_page(secret: OneSecret, places: Sequence[Looked]) -> Iterator[RenderableType]:
    """Show every place in the order in which it is looked at."""
    grid = table("", "", "")
    for each in places:
        row(grid, outcome_text("ok") if each.wins else "", each.place, each.why)
    yield grid
    if any(each.wins for each in places):
        yield next_command(f"mkt verify {secret.configuration.target}")
        return
    if secret.declaration.generate is None:
        yield line(" ".join(secret.declaration.how.split()))
    yield next_command(f"mkt secrets {'generate' if secret.declaration.generate else 'set'} {secret.label}")


def kept_object(secret: OneSecret, kept: Kept, others: Sequence[str]) -> dict[str, Any]:
    """Return where a value was stored; `others` use the place too."""
    return {
        **_of(secret),
        "reference": str(kept.reference),
        "replaced": kept.replaced,
        "advice": kept.advice or None,
        "shared_with": list(others),
    }


def kept_page(secret: OneSecret, kept: Kept, others: Sequence[str]) -> Iterator[RenderableType]:
    """Say where the value is, and what is still to be done."""
    replaced = ", over the one that stood there" if kept.replaced else ""
    yield line(f"{secret.label} is stored in {kept.reference}{replaced}")
    if others:
        yield line(f"It is now the value of {named(others)} too.")
    if kept.advice:
        yield line(kept.advice)
        yield next_command(f"mkt secrets which {secret.label}")
    else:
        yield next_command(f"mkt verify {secret.configuration.target}")


def generated_object(secret: OneSecret, kept: Kept, pair: KeyPair, others: Sequence[str]) -> dict[str, Any]:
    """Return where the private half was stored, and the public half."""
    return {**kept_object(secret, kept, others), "public_key": pair.public, "jwk": dict(pair.jwk)}


def generated_page(secret: OneSecret, kept: Kept, pair: KeyPair, others: Sequence[str]) -> Iterator[RenderableType]:
    """Show the public half in both forms that platforms ask for."""
    yield line("For the partner, the public half as PEM:")
    yield line(pair.public)
    yield line("and as a JWK:")
    yield line("{" + ", ".join(f'"{name}": "{value}"' for name, value in pair.jwk.items()) + "}")
    yield from kept_page(secret, kept, others)


def deleted_object(secret: OneSecret, reference: object, left: str) -> dict[str, Any]:
    """Return where a value was deleted; `left` is the place that gives one now."""
    return {**_of(secret), "reference": str(reference), "left": left or None}


def deleted_page(secret: OneSecret, reference: object, left: str) -> Iterator[RenderableType]:
    """Say what is gone, and what is used from now on."""
    yield line(f"{secret.label} is deleted from {reference}")
    if left:
        yield line(f"The value in {left} is used from now on.")
    yield next_command(f"mkt secrets which {secret.label}")


def resealed_object(done: Resealed, key: SealingKey) -> dict[str, Any]:
    """Return what became of one tenant's values."""
    return {
        "tenant": done.tenant,
        "key_id": key.id,
        "sealed_again": done.resealed,
        "unchanged": done.unchanged,
        "refused": [{"message": error.message, "remedy": error.remedy, "code": error.code} for error in done.refused],
    }


def resealed_page(done: Sequence[Resealed], key: SealingKey) -> Iterator[RenderableType]:
    """Show what could not be opened first, then the counts, and whether the earlier key is still needed."""
    refused = [error for each in done for error in each.refused]
    for error in refused:
        yield line(outcome_text("failed"), error.message)
        yield unfolded(f"  -> {error.remedy}")
    numbers = ("sealed again", "had it already", "not opened")
    grid = table("tenant", *numbers, right=numbers)
    for each in done:
        row(grid, each.tenant, f"{each.resealed:,}", f"{each.unchanged:,}", f"{len(each.refused):,}")
    if done:
        yield grid
    total = sum(each.resealed + each.unchanged for each in done)
    verb = "is" if total == 1 else "are"
    yield line(f"{plural(total, 'value')} of {plural(len(done), 'tenant')} {verb} under key {key.id}.")
    if any(error.code != TAMPERED for error in refused):
        yield next_command("mkt secrets rotate")
    elif any(each.resealed for each in done):
        yield line(
            f"When every tenant is, and every machine has this key as {CURRENT}, {PREVIOUS} can go: not before."
        )


def _of(secret: OneSecret) -> dict[str, Any]:
    configuration = secret.configuration
    return {"tenant": configuration.tenant, "integration": configuration.name, "secret": secret.name}
