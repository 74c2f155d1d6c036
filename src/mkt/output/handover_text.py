"""A handover as Markdown, to be pasted into a mail or a ticket, and as an object."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mkt.configs.flow import flow
from mkt.contract import Json
from mkt.engine.secret_places import SecretPlace, complete
from mkt.engine.tenants.handover import AskedSetting, Handover


def handover_text(handovers: Sequence[Handover]) -> str:
    """Return one text for all of them."""
    return "\n\n---\n\n".join("\n".join(_text(each)) for each in handovers) + "\n"


def notes(handovers: Iterable[Handover]) -> Iterator[str]:
    """Say what is ours to do before the text goes out."""
    for each in handovers:
        target = each.configuration.target
        if each.unknown:
            names = ", ".join(each.unknown)
            yield f"{target}: {names} is not known yet and stands in capitals in the text; fill it in and ask again"
        if "public_url" in each.unknown:
            yield f'{target}: where this mkt is reached from outside stands in mkt.toml: `public_url = "https://…"`'
        if each.served:
            yield f"{target}: our addresses in it answer only once `mkt serve` runs behind {each.public_url}"
        for place in each.ours:
            if not place.there:
                name = place.declaration.name
                yield f"{target}: {name} is ours to make: `mkt secrets generate {target} {name}`"


def handover_object(handover: Handover) -> dict[str, Any]:
    """Return one integration's handover: no value of a secret, only whether it is there."""
    return {
        "tenant": handover.configuration.tenant,
        "integration": handover.configuration.name,
        "connector": handover.manifest.id,
        "name": handover.manifest.name,
        "docs": handover.manifest.docs,
        "text": handover.text,
        "unknown": list(handover.unknown),
        "served": handover.served,
        "settings": [
            {"name": s.name, "description": s.description, "example": s.example, "value": s.value}
            for s in handover.settings
        ],
        "secrets": [_secret_object(each) for each in handover.secrets],
    }


def _secret_object(place: SecretPlace) -> dict[str, Any]:
    declaration = place.declaration
    return {
        "name": declaration.name,
        "set": declaration.set or None,
        "required": declaration.required,
        "sensitive": declaration.sensitive,
        "ours": declaration.generate is not None,
        "how": _one_line(declaration.how),
        "there": place.there,
    }


def _text(handover: Handover) -> Iterator[str]:
    yield f"# {handover.manifest.name}: {handover.configuration.target}"
    if handover.text:
        yield from ("", handover.text)
    if handover.served:
        yield from ("", "Our addresses answer as soon as we have switched them on; we tell you when that is done.")
    if handover.settings:
        yield from ("", "## Settings", "", *map(_setting, handover.settings))
    yield from _secrets(handover)
    yield from ("", f"More about it: {handover.manifest.docs}")


def _setting(setting: AskedSetting) -> str:
    if setting.value is not None:
        return f"- [x] {setting.name}: we have {_code(setting.value)}"
    example = "" if setting.example is None else f" Such as {_code(setting.example)}."
    return f"- [ ] {setting.name}: {_one_line(setting.description)}{example}"


def _secrets(handover: Handover) -> Iterator[str]:
    asked = handover.asked
    sets = [name for name in handover.manifest.secret_sets if any(s.declaration.set == name for s in asked)]
    if not asked:
        return
    yield from ("", "## Secrets and identifiers", "", "By a safe way, never by e-mail.")
    yield from _items([each for each in asked if not each.declaration.set])
    if len(sets) > 1:
        yield from ("", "One of these sets is enough; of that one, everything.")
    for name in sets:
        members = [each for each in asked if each.declaration.set == name]
        yield from ("", f"### {name}{' (complete)' if complete(members) else ''}", *_items(members))


def _items(places: Iterable[SecretPlace]) -> Iterator[str]:
    items = [_item(place) for place in places]
    yield from ("", *items) if items else ()


def _item(place: SecretPlace) -> str:
    words = f"{place.declaration.name}{'' if place.declaration.required else ' (optional)'}"
    return f"- [x] {words}: we have it" if place.there else f"- [ ] {words}: {_one_line(place.declaration.how)}"


def _code(value: Json) -> str:
    return f"`{value if isinstance(value, str) else flow(value)}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())
