"""`mkt triage`."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mkt.cli.options import Chosen, Installation, Output, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import open_engine
from mkt.engine.triage.causes import Cause, find_cause
from mkt.engine.triage.triage import having
from mkt.engine.triage.triage import triage as engine_triage
from mkt.output.triage_table import cause_object, cause_page, triage_page

if TYPE_CHECKING:
    from mkt.configs.base import Configs
    from mkt.engine.selection import Selection

app = new_app()
_FINGERPRINT: Final = re.compile(r"[0-9a-fA-F]+")


@app.command()
@spread
def triage(*, chosen: Chosen, installation: Installation, output: OutputOption = "auto") -> None:
    """Group what fails by cause.

    `mkt triage FP`, with any unique part of a cause's id, shows that one with all that have it.
    """
    selection = chosen.selection()
    with open_engine(installation) as engine:
        configs = engine.source.load()
        causes, part = engine_triage(engine, configs), _fingerprint(selection, configs)
        if not (part is not None or selection.everything):
            causes = having(causes, _targets(selection, configs))
    now = datetime.now(UTC)
    if part is None:
        present(output, lambda: [cause_object(cause) for cause in causes], lambda: triage_page(causes, now))
    else:
        _show(find_cause(causes, part), output, now)


def _show(cause: Cause, output: Output, now: datetime) -> None:
    present(output, lambda: cause_object(cause), lambda: cause_page(cause, now))


def _fingerprint(selection: "Selection", configs: "Configs") -> str | None:
    """Return the argument where it can only be the id of a cause: a tenant's name is a tenant."""
    if len(selection.targets) != 1:
        return None
    (given,) = selection.targets
    known = {*configs.tenants, *(broken.tenant for broken in configs.broken)}
    return given if given not in known and (not given or _FINGERPRINT.fullmatch(given)) else None


def _targets(selection: "Selection", configs: "Configs") -> set[str]:
    chosen = selection.choose(configs)
    return {each.target for each in chosen.configurations} | {each.tenant for each in chosen.broken}
