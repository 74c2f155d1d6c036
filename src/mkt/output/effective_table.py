"""The effective configuration, with the origin of each value."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.configs.flow import flow
from mkt.contract import Json
from mkt.engine.effective import Effective, Value
from mkt.engine.secret_places import SecretPlace
from mkt.output.text import BOLD, DIM, RED, clean, line, next_command, row, table


def effective_object(found: Effective) -> dict[str, Any]:
    """Return one integration: values with their origins, secrets by the places that they were looked for in."""
    return {
        "tenant": found.configuration.tenant,
        "integration": found.configuration.name,
        "connector": found.configuration.connector,
        "place": found.configuration.place(),
        "problem": found.problem or None,
        "values": [asdict(value) for value in found.values],
        "secrets": [_secret_object(secret, found) for secret in found.secrets],
    }


def effective_page(found: Sequence[Effective]) -> Iterator[RenderableType]:
    """Show each integration with its values, then its secrets."""
    for each in found:
        configuration = each.configuration
        yield Text.assemble((clean(configuration.target), BOLD), (f"  {clean(configuration.place())}", DIM))
        if each.problem:
            yield Padding(line(each.problem, style=RED), (0, 0, 0, 2), expand=False)
        yield Padding(_values(each.values), (0, 0, 0, 2), expand=False)
        if each.secrets:
            yield Padding(_secrets(each), (0, 0, 0, 2), expand=False)
    first = found[0].configuration.target
    yield next_command("mkt lint" if any(each.problem for each in found) else f"mkt verify {first}")


def operator_page(values: Iterable[Value]) -> Iterator[RenderableType]:
    """Show the operator's settings."""
    yield _values(values)
    yield next_command("mkt doctor")


def _values(values: Iterable[Value]) -> RenderableType:
    grid = table("setting", "value", "from")
    for value in values:
        row(grid, value.key, _words(value.value), value.origin)
    return grid


def _words(value: Json) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    return value if isinstance(value, str) else flow(value)


def _secrets(found: Effective) -> RenderableType:
    grid = table("secret", "", "where")
    for secret in found.secrets:
        kind = f"set {secret.declaration.set}" if secret.declaration.set else ""
        row(grid, secret.declaration.name, kind, _where(secret))
    return grid


def _where(secret: SecretPlace) -> str:
    if secret.place is not None:
        return f"found: {secret.place}"
    return secret.problem or f"missing; tried {', '.join(secret.tried) or 'nowhere'}"


def _secret_object(secret: SecretPlace, found: Effective) -> dict[str, Any]:
    name = secret.declaration.name
    given = name in found.configuration.secrets
    return {
        "name": name,
        "set": secret.declaration.set or None,
        "required": secret.declaration.required,
        "sensitive": secret.declaration.sensitive,
        "reference": secret.written,
        "origin": found.configuration.place(f"secrets.{name}") if given else "default",
        "found": secret.place,
        "tried": list(secret.tried),
        "problem": secret.problem or None,
    }
