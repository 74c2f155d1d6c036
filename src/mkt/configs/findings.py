"""What pydantic found wrong, in words for a person, at the exact key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mkt.configs.document import Path
from mkt.configs.suggestion import suggestion
from mkt.contract import Json
from mkt.contract.manifest import ID
from mkt.validation import PAIRS, expected, in_words

Kind = Literal["unknown", "missing", "type", "value"]

_LONGEST_SHOWN: Final = 24
"""Characters of a wrong value that are shown; what is longer is no word that somebody mistyped."""

_BOUND: Final = "Input should be "
_CHOICES: Final = frozenset({"literal_error", "enum", "string_pattern_mismatch"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its path in the plain data, and whether the key or the value is meant."""

    kind: Kind
    path: Path
    message: str
    remedy: str = ""

    @property
    def at_key(self) -> bool:
        return self.kind in ("unknown", "missing")


def described(value: Json, *, secret: bool = False) -> str:
    """Return what stands there: its kind, and the value itself where it is short and may be seen."""
    if isinstance(value, Mapping):
        return PAIRS
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    if value is None:
        return "empty"
    kind = "text" if isinstance(value, str) else "true or false" if isinstance(value, bool) else "a number"
    if secret or len(str(value)) > _LONGEST_SHOWN:
        return kind
    if isinstance(value, bool):
        return str(value).lower()
    return f"the text {value!r}" if isinstance(value, str) else f"the number {value}"


def findings(error: ValidationError, data: Json, model: type[BaseModel], *, base: Path = ()) -> list[Finding]:
    """Return every error once; the branches of a union that failed become one finding.

    `base` is put before each path; `model` gives the names for "did you mean".
    """
    places: dict[tuple[Path, bool], list[tuple[Path, ErrorDetails]]] = {}
    for details in error.errors(include_url=False):
        path, fork = _located(details["loc"], data, missing=details["type"] == "missing")
        place = (path, False) if fork is None else (fork, True)
        places.setdefault(place, []).append((path, details))
    found: list[Finding] = []
    for (_, forked), errors in places.items():
        deepest = max(len(path) for path, _ in errors)
        nearest = [(path, details) for path, details in errors if len(path) == deepest]
        either = _either(nearest, base) if forked else None
        found.extend([either] if either else [_one(path, details, model, base) for path, details in nearest])
    return found


def _located(location: Sequence[str | int], data: Json, *, missing: bool) -> tuple[Path, Path | None]:
    """Return the path that exists in the data, and where pydantic's own names for union branches came in."""
    path: list[str | int] = []
    fork: Path | None = None
    for index, part in enumerate(location):
        if _has(data, part):
            data = data[part]  # type: ignore[index]
            path.append(part)
        elif missing and index == len(location) - 1:
            path.append(part)
        elif part != "[key]" and fork is None:
            fork = tuple(path)
    return tuple(path), fork


def _has(data: Json, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _either(branches: list[tuple[Path, ErrorDetails]], base: Path) -> Finding | None:
    """Say in one sentence what a value could have been, where every branch of the union says so."""
    wanted = dict.fromkeys(_wanted(details) for _, details in branches)
    if None in wanted or len({path for path, _ in branches}) > 1:
        return None
    path, details = branches[0]
    return _mismatch(base + path, " or ".join(filter(None, wanted)), details["input"])


def _one(path: Path, details: ErrorDetails, model: type[BaseModel], base: Path) -> Finding:
    full = base + path
    name = _dotted(full)
    match details["type"]:
        case "extra_forbidden":
            known = set(keys_of(model, path[:-1]))
            return Finding("unknown", full, f"{name} is not known", suggestion(str(path[-1]), known))
        case "missing":
            return Finding("missing", full, f"{name} is missing", f"Add {path[-1]}.")
    wanted = _wanted(details)
    if wanted is not None:
        return _mismatch(full, wanted, details["input"], choice=details["type"] in _CHOICES)
    words = in_words(details["msg"])
    if details["msg"].startswith(_BOUND):
        return Finding("value", full, f"{name} {words}, not {_shown(full, details['input'])}", "Correct it.")
    return Finding("value", full, f"{name}: {words}", "Correct it.")


def _wanted(details: ErrorDetails) -> str | None:
    kind = details["type"]
    if kind in ("literal_error", "enum"):
        return str(details["ctx"]["expected"])
    if kind == "string_pattern_mismatch" and details["ctx"]["pattern"] == ID:
        return "lower-case letters and digits with single dashes between"
    return expected(details["msg"])


def _mismatch(path: Path, wanted: str, value: Any, *, choice: bool = False) -> Finding:
    message = f"{_dotted(path)} must be {wanted}, not {_shown(path, value)}"
    return Finding("value" if choice else "type", path, message, _remedy(wanted, value))


def _shown(path: Path, value: Any) -> str:
    return described(value, secret="secrets" in path)


def _remedy(wanted: str, value: Any) -> str:
    if wanted == "text" and isinstance(value, bool | int | float):
        return "Put it in quotes."
    if wanted.startswith("true") and value in ("yes", "no", "on", "off"):
        return f"Write {'true' if value in ('yes', 'on') else 'false'}."
    if "number" in wanted and isinstance(value, str) and value.strip("-").replace(".", "", 1).isdigit():
        return "Remove the quotes."
    if wanted == "a list" and not isinstance(value, Mapping):
        return "Write it as a list: [one, two]."
    return "Write `key: value` below it." if wanted == PAIRS else f"Write {wanted}."


def _dotted(path: Path) -> str:
    """Return a path as a person says it: below an integration, without the way to it."""
    match path:
        case ():
            return "a tenant file"
        case ("integrations", int(index)):
            return f"entry {index + 1} of integrations"
        case ("integrations", int(), *rest):
            path = tuple(rest)
    return ".".join(str(part) for part in path)


def keys_of(model: type[BaseModel], path: Path) -> Iterator[str]:
    """Return the keys that a model knows at a path of the data."""
    here = [model]
    for part in path:
        deeper = [_models(field.annotation) for one in here if (field := _fields(one).get(str(part)))]
        here = [inner for models in deeper for inner in models] or here
    for one in here:
        yield from _fields(one)


def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in an annotation, those in unions, lists and mappings too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
