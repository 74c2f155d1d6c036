"""The options of a look at what a sync would change: a dry run, how much of it is shown, and whether with values."""

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from mkt.cli.options import Output, Shape

SHOWN: Final = 20
"""So many records of each stream are shown where nothing is said."""
ShowValues = Annotated[bool, typer.Option("--show-values", help="Show the values of the fields; is recorded.")]


@dataclass(frozen=True, kw_only=True)
class Look:
    """Nothing is stored where one of them is given."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, store nothing.")] = False
    preview: Annotated[
        int | None,
        typer.Option("--preview", min=1, max=1000, metavar="N", help="Dry run that shows N changes of each stream."),
    ] = None
    values: ShowValues = False

    @property
    def dry(self) -> bool:
        return self.dry_run or self.preview is not None

    @property
    def piped(self) -> Shape:
        """What `auto` is where it is piped: records are no events."""
        return "table" if self.preview or self.values else "jsonl"

    def limit(self, *, everything: bool) -> int:
        """Return how many records of each stream to show; a dry run of the whole fleet is counts alone."""
        if self.preview:
            return self.preview
        return SHOWN if self.dry and (self.values or not everything) else 0

    def refuse_contradictions(self, output: Output) -> None:
        """Raise `typer.BadParameter` for values of nothing, or in lines of events."""
        if self.values and not self.dry:
            raise typer.BadParameter("--show-values is for --dry-run and --preview")
        if (self.preview or self.values) and output == "jsonl":
            raise typer.BadParameter("a preview is a table or json", param_hint="--output")
