"""The options that commands share: one dataclass a group, spread over a command's own options by `spread`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_type_hints

import typer

from mkt.contract.schedule import span
from mkt.contract.streams import STREAMS

if TYPE_CHECKING:
    from mkt.engine.selection import Selection

Output = Literal["auto", "table", "jsonl", "json"]
Shape = Literal["table", "jsonl", "json"]


def new_app(help_text: str | None = None) -> typer.Typer:
    """Return the app of one command: plain help, no frames."""
    return typer.Typer(help=help_text, rich_markup_mode=None, add_completion=False, no_args_is_help=bool(help_text))


def _remember(context: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    """Keep the value where the error boundary finds it."""
    context.ensure_object(dict)[option.name] = value
    return value


VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.", callback=_remember)
]


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Which project, with which answers to its choices."""

    config_dir: Annotated[
        Path | None, typer.Option("--config-dir", metavar="FOLDER", help="Folder of the tenants' files [configs].")
    ] = None
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Where configurations come from [yaml].")
    ] = None
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="STORE", help="What mkt remembers in, or supabase [sqlite:.mkt/mkt.db]."),
    ] = None
    project: Annotated[
        Path | None,
        typer.Option("--project", "-C", metavar="FOLDER", help="The project's folder.", callback=_remember),
    ] = None
    verbose: VerboseOption = False

    @property
    def flags(self) -> dict[str, Any]:
        """The settings among the options, by their names; None where one was not given."""
        return {"config_dir": self.config_dir, "source": self.source, "store": self.store}


@dataclass(frozen=True, kw_only=True)
class Logged(Installation):
    """The same, of a command that has events to log."""

    log_file: Annotated[
        Path | None,
        typer.Option("--log-file", metavar="FILE", help="Append the events to this file too, as JSON lines."),
    ] = None

    @property
    def flags(self) -> dict[str, Any]:
        """The settings among the options, the log file's too."""
        return {**super().flags, "log_file": self.log_file}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which integrations a command is about."""

    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET", help="TENANT or TENANT/INTEGRATION; none means all.", show_default=False),
    ] = None
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", "-t", metavar="TENANT", help="Only this tenant; repeatable.")
    ] = None
    connector: Annotated[
        list[str] | None,
        typer.Option("--connector", "-c", metavar="ID", help="Only this connector; repeatable."),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="Only integrations with this label; repeatable."),
    ] = None

    def selection(self) -> "Selection":
        """Return the selection; raise `typer.BadParameter` for a label that is no NAME=VALUE."""
        from mkt.engine.selection import Selection  # noqa: PLC0415 - the engine brings the wire: start-up time

        return Selection(
            targets=tuple(self.targets or ()),
            tenants=tuple(self.tenant or ()),
            connectors=tuple(self.connector or ()),
            labels=labels_of(self.label or []),
        )


@dataclass(frozen=True, kw_only=True)
class ChosenByCause(Chosen):
    """The same, or what fails for one reason."""

    cause: Annotated[
        str | None,
        typer.Option("--cause", metavar="FP", help="Now, what fails for this reason: part of an id of `mkt triage`."),
    ] = None

    def selection(self) -> "Selection":
        """Return the selection; its cause is looked for when the store is open."""
        if self.cause == "":
            raise typer.BadParameter("an empty text is part of every cause", param_hint="--cause")
        return replace(super().selection(), cause=self.cause or "")


LARGEST: Final = 2**63 - 1
"""The largest number that a store can be asked for."""
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Nothing on stdout unless something failed, was held or recovered.")
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", "-j", metavar="N", help="How many integrations at a time [16].")
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Shape of what is written to stdout.")]


def shape(output: Output, *, piped: Shape, terminal: bool) -> Shape:
    """Return what `auto` stands for: tables on a terminal, `piped` elsewhere."""
    if output != "auto":
        return output
    return "table" if terminal else piped


def duration(text: str) -> timedelta:
    """Read "90s", "30m", "1h30m", "2d"."""
    try:
        return span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Timeout = Annotated[
    timedelta | None,
    typer.Option("--timeout", metavar="TIME", help="Longest time of one integration, such as 30m.", parser=duration),
]


def known_streams(names: list[str] | None) -> list[str] | None:
    """Refuse a stream that is not in the closed list."""
    for name in names or []:
        if name not in STREAMS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(STREAMS)}")
    return names


def labels_of(given: list[str]) -> Mapping[str, str]:
    """Read "region=emea"; raise `typer.BadParameter` for a label that is no NAME=VALUE."""
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise typer.BadParameter(f"{name!r} is no NAME=VALUE", param_hint="--label")
    return {name: value for name, _, value in pairs}


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give Typer each field of the dataclasses among a command's parameters as an option of its own.

    So a shared option is declared once, and a command reads what it needs from one object.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {name: given.annotation for name, given in own.items() if is_dataclass(given.annotation)}
    parameters: list[inspect.Parameter] = []
    for name, given in own.items():
        group = groups.get(name)
        parameters += _fields(group) if group else [given.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @wraps(command)
    def called(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    called.__dict__["__signature__"] = inspect.Signature(parameters)
    return called


def _fields(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
