"""The plain lists: events, records, connectors, tenants, checks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.configs.base import Configs
from mkt.contract import ConnectorEvent, Manifest, Stream
from mkt.output.causes import alike, by_cause
from mkt.output.checks import Check
from mkt.output.fitting import Fitting
from mkt.output.objects import integrations_of
from mkt.output.text import (
    BOLD,
    DIM,
    STYLES,
    clean,
    line,
    next_command,
    outcome_text,
    plural,
    row,
    table,
)
from mkt.registry import RegisteredConnector
from mkt.store.base import Key


def event_line(event: ConnectorEvent) -> Text:
    """One event as one line, by the clock of this machine."""
    local = event.timestamp.astimezone()
    target = "/".join(part for part in (event.tenant, event.integration) if part)
    return Text.assemble(
        (local.strftime("%Y-%m-%d %H:%M:%S %Z"), DIM),
        "  ",
        (f"{event.level:<7}", STYLES.get(event.level, "")),
        f"  {event.event:<16}  ",
        (clean(target), BOLD),
        "  " if target else "",
        " ".join(clean(action_text(event) if event.event == "operator.action" else event.message).split()),
    )


def action_text(event: ConnectorEvent) -> str:
    """Return what a person did, who it was and, where it was said, why: "disable acme/roster by ann: holidays"."""
    reason = event.details.get("reason")
    return f"{event.message} by {event.details.get('who', 'unknown')}{f': {reason}' if reason else ''}"


def counts_page(counts: Mapping[tuple[Key, Stream], tuple[int, int]]) -> Iterator[RenderableType]:
    """Live and deleted records of each integration and stream."""
    if not counts:
        yield line("no records yet")
        yield next_command("mkt sync")
        return
    rows = [
        {"integration": "/".join(key), "stream": stream, "live": f"{live:,}", "deleted": f"{deleted:,}"}
        for (key, stream), (live, deleted) in sorted(counts.items())
    ]
    yield Fitting(("integration", "stream", "live", "deleted"), rows, right=("live", "deleted"), spare=("deleted",))
    (key, stream), _ = min(counts.items())
    yield next_command(f"mkt records export {key.tenant}/{key.integration} --stream {stream}")


def connectors_page(connectors: Iterable[RegisteredConnector]) -> Iterator[RenderableType]:
    """Broken ones first, with the reason."""
    rows: list[dict[str, object]] = []
    found = sorted(connectors, key=lambda connector: (connector.manifest is not None, connector.id))
    for connector in found:
        manifest = connector.manifest
        if manifest is None:
            rows.append(
                {"connector": connector.id, "category": outcome_text("broken"), "what it is": connector.reason}
            )
        else:
            streams, what = ", ".join(manifest.streams), manifest.description
            about: dict[str, object] = {"category": manifest.category, "streams": streams, "what it is": what}
            rows.append({"connector": connector.id, **about})
    columns = ("connector", "category", "streams", "what it is")
    yield Fitting(columns, rows, spare=("streams",), folds="what it is")
    yield next_command(f"mkt connectors show {found[-1].id}" if found else "mkt doctor")


def connector_page(connector: RegisteredConnector) -> Iterator[RenderableType]:
    """One connector: what it brings, what it needs, how it is verified."""
    manifest = connector.require_manifest()
    yield Text.assemble((clean(connector.id), BOLD), f"  {clean(manifest.name)}")
    yield line(" ".join(manifest.description.split()))
    grid = table("", "")
    for name, value in _manifest_facts(manifest, connector):
        row(grid, name, value)
    yield Padding(grid, (0, 0, 0, 2), expand=False)
    fields = connector.settings_model.model_fields
    if fields:
        settings = table("setting", "", "what it is")
        for name, field in fields.items():
            meaning = " ".join((field.description or "").split())
            row(settings, name, "required" if field.is_required() else "", meaning)
        yield Padding(settings, (0, 0, 0, 2), expand=False)
    if manifest.secrets:
        secrets = table("secret", "", "where it comes from")
        for secret in manifest.secrets:
            words = ["sensitive" if secret.sensitive else "identifier"]
            words += [f"set {secret.set}"] if secret.set else []
            words += [] if secret.required else ["optional"]
            row(secrets, secret.name, ", ".join(words), " ".join(secret.how.split()))
        yield Padding(secrets, (0, 0, 0, 2), expand=False)
    yield next_command(f"mkt tenants add NAME -c {connector.id}")


def _manifest_facts(manifest: Manifest, connector: RegisteredConnector) -> Iterator[tuple[str, str]]:
    yield "category", manifest.category
    yield "version", str(manifest.version)
    yield "streams", ", ".join(manifest.streams) or "none"
    yield "talks to", ", ".join(manifest.hosts)
    if manifest.rate_limit:
        shared = {"host": "that call the same host", "account": "with the same account", "tenant": "of a tenant"}
        yield "pace", f"{manifest.rate_limit.pace}, shared by all integrations {shared[manifest.rate_limit.per]}"
    yield "verify", ", ".join(step.id for step in manifest.verify)
    yield "docs", manifest.docs
    yield "package", connector.package


def tenants_page(configs: Configs) -> Iterator[RenderableType]:
    """Broken ones first, then each tenant with its integrations."""
    rows: list[dict[str, object]] = []
    for broken in configs.broken:
        told = broken.problems[:1] if broken.problems[0].position.line else broken.problems  # lint tells of files
        why = "; ".join(f"{problem.position}: {problem.message}" for problem in told)
        rows.append({"tenant": broken.tenant, "integrations": outcome_text("broken"), "labels": why})
    by_tenant = integrations_of(configs)
    for tenant, own in by_tenant.items():
        labels = {f"{name}={value}": None for c in own for name, value in c.labels.items()}
        names = ", ".join(c.name for c in own) or "none"
        rows.append({"tenant": tenant, "integrations": names, "labels": ", ".join(labels)})
    yield Fitting(("tenant", "integrations", "labels"), rows, folds="labels")
    yield line(plural(len(by_tenant) + len(configs.broken), "tenant"))
    files = any(broken.problems[0].position.line for broken in configs.broken)
    yield next_command("mkt lint" if files else "mkt status")


def checks_page(checks: Sequence[Check]) -> Iterator[RenderableType]:
    """Show what `doctor` found, what is wrong first."""
    grid = table("", "", "")
    for check, others in by_cause(sorted(checks, key=lambda check: check.ok), lambda check: (check.name, check.ok)):
        row(grid, outcome_text("ok" if check.ok else "fail"), check.name, check.found)
        if check.remedy and not check.ok:
            row(grid, "", "remedy", check.remedy)
        if others:
            row(grid, "", "", alike([other.found.partition(":")[0] for other in others], "-o json names all"))
    yield grid
    failed = sum(not check.ok for check in checks)
    yield line(f"{plural(failed, 'check')} failed of {len(checks)}" if failed else f"all {len(checks)} checks are ok")
    yield next_command("mkt doctor" if failed else "mkt lint")
