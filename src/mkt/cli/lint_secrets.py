"""`mkt lint --check-secrets`: whether each secret is where it should be. No value is shown, and nobody is called."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import typer

from mkt.cli.lint_files import Files
from mkt.cli.wiring import build_registry, build_secrets, build_source
from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.document import Document, read
from mkt.configs.folder import config_files
from mkt.engine.secret_states import SecretState, secret_states
from mkt.output.text import plural


def not_found(files: Files) -> list[Problem]:
    """Return the secrets that enabled integrations of these files lack, and count on stderr what was looked for."""
    settings = files.settings
    running = [c for c in build_source(settings).load().configurations if c.enabled and not c.disabled]
    shown = _shown(files)
    own = [c for c in running if not files.paths or _real(settings.root / _path(c.origin.place)) in shown]
    states = list(secret_states(own, build_registry(), build_secrets(settings)))
    lacking = [state for state in states if state.lacking]
    found = sum(state.place.there for state in states)
    typer.echo(f"{plural(found, 'secret')} found, {len(lacking):,} not", err=True)
    return files.chosen(_problems(lacking, files, shown))


def _problems(lacking: Iterable[SecretState], files: Files, shown: Mapping[Path, str]) -> Iterator[Problem]:
    root, texts = files.settings.root, files.texts()

    @cache
    def document(path: str) -> Document:
        return read(texts.content(path), path)

    for state in lacking:
        configuration, name = state.configuration, state.place.declaration.name
        path, _, line = configuration.origin.place.rpartition(":")
        place = _position(document(shown.get(_real(root / path), path)), int(line), name)
        remedy = f"`mkt secrets which {configuration.target} {name}` tells where it is looked for."
        missing = f"secret {name} of {configuration.target} is missing; {state.why}"
        message = state.place.problem.removesuffix(f"; {configuration.place(f'secrets.{name}')}") or missing
        yield Problem(codes.NOT_FOUND, message, place, remedy, tenant=configuration.tenant)


def _position(document: Document, line: int, name: str) -> Position:
    return document.position(("integrations", document.lines("integrations").index(line), "secrets", name))


def _shown(files: Files) -> dict[Path, str]:
    """Return the paths that were asked for, as the person gave them."""
    below = (str(file) for path in files.paths for file in (config_files(path) if path.is_dir() else [path]))
    return {_real(Path(file)): file for file in below}


def _path(place: str) -> str:
    return place.rpartition(":")[0]


def _real(path: Path) -> Path:
    return path.parent.resolve() / path.name
