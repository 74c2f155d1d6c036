"""What `mkt lint` is asked to look at: paths, standard input, rules."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from mkt.cli.options import Installation
from mkt.cli.wiring import build_backends, build_registry, build_settings
from mkt.configs.base import Problem
from mkt.configs.folder import LARGEST, config_files, tenant_file
from mkt.errors import StartError
from mkt.lint import check, chosen
from mkt.lint.families import codes_of
from mkt.lint.fix import with_fixes
from mkt.lint.texts import Texts
from mkt.settings import ProjectSettings

_STDIN: Final = Path("-")
_CODES: Final = "CODE"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the person wants to have checked, by which rules."""

    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Files or folders, - for standard input; none: all.", show_default=False),
    ] = None
    stdin_filename: Annotated[
        Path | None, typer.Option("--stdin-filename", metavar="PATH", help="The file that standard input stands for.")
    ] = None
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar=_CODES, help="Only these rules, such as MKT2 or MKT201,MKT3; repeatable."),
    ] = None
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar=_CODES, help="All rules but these; repeatable.")
    ] = None
    check_secrets: Annotated[
        bool, typer.Option("--check-secrets", help="Look whether each secret is where it should be; shows none.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files that were asked for, and how they are judged."""

    settings: ProjectSettings
    paths: Sequence[Path]
    given: Mapping[str, bytes]
    """Standard input, by the path that it stands for."""
    select: Sequence[str]
    ignore: Sequence[str]

    @classmethod
    def of(cls, asked: Asked, installation: Installation) -> "Files":
        """Find the project; raise `StartError` or `typer.BadParameter` for what cannot be."""
        settings = build_settings(installation)
        paths, given = list(asked.paths or []), dict[str, bytes]()
        if _STDIN in paths or asked.stdin_filename:
            given = _standard_input(asked, settings)
            paths = [Path(name) for name in given]
        return cls(
            settings=settings,
            paths=paths,
            given=given,
            select=_option("--select", asked.select) or _setting("select", settings.lint.select),
            ignore=_option("--ignore", asked.ignore) or _setting("ignore", settings.lint.ignore),
        )

    @property
    def is_stdin(self) -> bool:
        return bool(self.given)

    @property
    def base(self) -> Path:
        """What shown paths are relative to."""
        return Path() if self.paths else self.settings.root

    def find(self) -> list[Problem]:
        """Check the files by the rules that apply; what a comment silences is marked."""
        return self.chosen(self.find_all({}))

    def chosen(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems of the rules that apply."""
        return chosen(problems, select=self.select, ignore=self.ignore)

    def find_all(self, contents: Mapping[str, bytes]) -> list[Problem]:
        """Check the files by all rules, with these contents in place of those on disk."""
        given = {**self.given, **contents}
        with redirect_stdout(sys.stderr):  # what a connector's settings.py prints is no finding
            found = check(
                self.paths,
                root=self.settings.root,
                config_dir=self.settings.config_dir,
                registry=build_registry(),
                defaults=self.settings.defaults,
                backends=build_backends(self.settings),
                allowed_hosts=self.settings.hosts.allow,
                given=given,
                with_silenced=True,
            )
        return with_fixes(found, Texts(self.base, given))

    def texts(self) -> Texts:
        """Return what stands in the files."""
        return Texts(self.base, self.given)

    def locate(self, path: str) -> str:
        """Return a shown path as the repository has it: what reads annotations knows nothing of our folders."""
        place = self.base / path
        real = place.parent.resolve() / place.name
        root = Path(os.environ.get("GITHUB_WORKSPACE") or self.settings.root).resolve()
        return real.relative_to(root).as_posix() if real.is_relative_to(root) else str(real)


def _standard_input(asked: Asked, settings: ProjectSettings) -> dict[str, bytes]:
    """Return the content of standard input by the path that it stands for."""
    if list(asked.paths or []) != [_STDIN]:
        raise typer.BadParameter("standard input is `-`, and then the only path", param_hint="PATH")
    if asked.check_secrets:
        raise typer.BadParameter("looks at the files on disk, not at standard input", param_hint="--check-secrets")
    content = sys.stdin.buffer.read(LARGEST + 1)
    if len(content) > LARGEST:
        remedy = "Check a smaller file."
        raise StartError(f"standard input is larger than {LARGEST // 1_000_000} MB", remedy=remedy)
    return {str(asked.stdin_filename or _own_file(content, settings)): content}


def _own_file(content: bytes, settings: ProjectSettings) -> Path:
    """Return the file of the tenant that a text is about, where it is or where it would be."""
    folder = settings.path(settings.config_dir)
    tenant = tenant_file(content, "stdin").tenant
    try:
        there = next((path for path in map(Path, config_files(folder)) if path.stem == tenant), None)
    except StartError:
        there = None
    found = there or folder / f"{tenant}.yaml"
    return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found


def _option(name: str, words: Iterable[str] | None) -> tuple[str, ...]:
    try:
        return codes_of(words or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from None


def _setting(name: str, words: Iterable[str]) -> tuple[str, ...]:
    try:
        return codes_of(words)
    except ValueError as error:
        raise StartError(f"[lint] {name} in mkt.toml: {error}", remedy="`mkt lint --rules` lists them.") from None
