"""Who else uses a place: a value that is changed there is changed for all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from mkt.contract import ConnectorConfiguration
from mkt.errors import Refused
from mkt.secrets.base import Reference
from mkt.secrets.lookup import default_places
from mkt.secrets.placing import OneSecret

_NAMED: Final = 5


def sharers(
    secret: OneSecret,
    reference: Reference,
    configurations: Sequence[ConnectorConfiguration],
    operator: Mapping[str, str],
) -> list[str]:
    """Return who else gets what stands in a place: each with its secret's name and where it says so.

    `operator` are the operator's own references, by what they are for.
    """
    place = secret.chain.identity(reference)
    here = (secret.configuration.target, secret.name)
    return [
        *(
            f"{each.target} {name} ({each.place(f'secrets.{name}')})"
            for each in configurations
            for name, text in each.secrets.items()
            if (each.target, name) != here and _leads_to(secret, text, place, each.tenant)
        ),
        *_by_default(secret, reference, configurations),
        *(f"{name} (mkt.toml)" for name, text in operator.items() if _leads_to(secret, text, place, "")),
    ]


def require_own(secret: OneSecret, reference: Reference, others: Sequence[str], *, verb: str) -> None:
    """Raise `Refused` where a value stands in a place that others use too."""
    if not others or not secret.stands_in(reference):
        return
    own = secret.configuration.place(f"secrets.{secret.name}") or secret.configuration.target
    raise Refused(
        f"{reference} of {secret.label} is used by {named(others)} too; nothing was changed",
        remedy=f"--shared {verb} it for all of them. Else name another place at {own}, such as"
        f" file:{secret.own_file.locator}: then only {secret.configuration.target} changes.",
    )


def named(others: Sequence[str]) -> str:
    """Return the first of them, and how many more there are."""
    more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
    return ", ".join(others[:_NAMED]) + more


def _by_default(
    secret: OneSecret, reference: Reference, configurations: Iterable[ConnectorConfiguration]
) -> Iterator[str]:
    """Yield who looks there without saying so."""
    name = reference.locator.rpartition("/")[2]
    for configuration in configurations:
        own = (configuration.target, name) == (secret.configuration.target, secret.name)
        if not own and name not in configuration.secrets and reference in default_places(configuration, name):
            yield f"{configuration.target} {name} ({configuration.place()}, by default)"


def _leads_to(secret: OneSecret, text: str, place: Reference, tenant: str) -> bool:
    try:
        return secret.chain.identity(secret.chain.bound(Reference.parse(text), tenant)) == place
    except ValueError:
        return False
