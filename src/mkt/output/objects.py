"""What a script reads: each thing that mkt shows as a JSON object, with names that stay."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mkt.configs.base import Configs
from mkt.contract import ConnectorConfiguration, Stream
from mkt.engine.report import Held, Report, Result
from mkt.output.preview_object import changes_object
from mkt.output.problem_object import problem_object
from mkt.registry import RegisteredConnector
from mkt.store.base import Key, Run, StoredRecord


def moment(value: datetime | None) -> str | None:
    """Return a time as every output of mkt writes it: ISO 8601, UTC, milliseconds."""
    if value is None:
        return None
    utc = value.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def report_object(report: Report, *, values: bool = False) -> dict[str, Any]:
    """Return the summary's fields and, in `results`, one object an integration; `values` reveals a preview's."""
    stopped = {"stopped": report.stopped} if report.stopped else {}
    return {
        **report.summary(),
        **stopped,
        "dry_run": report.dry_run,
        "results": [_result_object(report, result, values=values) for result in report.results],
    }


def _result_object(report: Report, result: Result, *, values: bool) -> dict[str, Any]:
    common = {
        "tenant": result.tenant,
        "integration": result.integration,
        "connector": result.connector,
        "category": result.category,
        "run_id": result.run_id,
        "outcome": result.outcome,
        "duration_ms": result.duration_ms,
        "note": result.note,
        "error": result.failure.as_dict() if result.failure else None,
    }
    if report.command == "verify":
        return {**common, "steps": [asdict(step) for step in result.steps]}
    return {
        **common,
        **result.totals.as_dict(),
        "streams": {name: counts.as_dict() for name, counts in result.streams.items()},
        "invalid_places": {name: list(places) for name, places in result.invalid_places.items()},
        **({"held": _held(result.held)} if result.held else {}),
        **({"preview": changes_object(result.preview, values=values)} if result.preview else {}),
    }


def _held(held: Held) -> dict[str, Any]:
    return {
        "hold_id": held.hold_id or None,
        "reasons": list(held.reasons),
        "standing": held.standing if held.hold_id else None,
        "opened_at": moment(held.opened_at),
    }


def run_object(run: Run) -> dict[str, Any]:
    """Return a run; `outcome` is "running" and `finished_at` null until it has ended."""
    return {
        "id": run.id,
        "command": run.command,
        "tenant": run.key.tenant,
        "integration": run.key.integration,
        "connector": run.connector,
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at),
        "outcome": run.outcome,
        "error": run.error,
        "details": dict(run.details),
    }


def record_object(record: StoredRecord) -> dict[str, Any]:
    """Return a record as `records export` prints it: the columns of the read views, the fields under `data`."""
    return {
        "seq": record.seq,
        "tenant": record.key.tenant,
        "integration": record.key.integration,
        "stream": record.stream,
        "external_id": record.external_id,
        "changed_at": moment(record.changed_at),
        "first_seen_at": moment(record.first_seen_at),
        "deleted": record.deleted,
        "data": record.data,
    }


def count_objects(counts: Mapping[tuple[Key, Stream], tuple[int, int]]) -> list[dict[str, Any]]:
    """Return the live and deleted records of each stream, in order of target and stream."""
    return [
        {"tenant": key.tenant, "integration": key.integration, "stream": stream, "live": live, "deleted": deleted}
        for (key, stream), (live, deleted) in sorted(counts.items())
    ]


def connector_object(connector: RegisteredConnector, *, whole: bool = False) -> dict[str, Any]:
    """Return a connector: the short form of lists or, whole, its manifest."""
    manifest = connector.manifest
    if manifest is None:
        return {"id": connector.id, "broken": connector.reason}
    if whole:
        return {**manifest.model_dump(mode="json"), "package": connector.package, "broken": None}
    return {
        "id": connector.id,
        "name": manifest.name,
        "category": manifest.category,
        "description": manifest.description,
        "streams": list(manifest.streams),
        "built_in": connector.built_in,
        "broken": None,
    }


def integrations_of(configs: Configs) -> dict[str, list[ConnectorConfiguration]]:
    """Return each readable tenant with its integrations, those without any too."""
    found: dict[str, list[ConnectorConfiguration]] = {tenant: [] for tenant in configs.tenants}
    for configuration in configs.configurations:
        found.setdefault(configuration.tenant, []).append(configuration)
    return found


def tenant_objects(configs: Configs) -> list[dict[str, Any]]:
    """Return each tenant; `broken` says what is wrong with a file that cannot be read."""
    readable = [
        {"tenant": tenant, "labels": _labels(own), "integrations": [_integration(c) for c in own], "broken": None}
        for tenant, own in integrations_of(configs).items()
    ]
    broken = [
        {
            "tenant": tenant.tenant,
            "labels": {},
            "integrations": [],
            "broken": [problem_object(problem) for problem in tenant.problems],
        }
        for tenant in configs.broken
    ]
    return sorted([*readable, *broken], key=lambda found: str(found["tenant"]))


def _labels(own: list[ConnectorConfiguration]) -> dict[str, str]:
    return {name: value for configuration in own for name, value in configuration.labels.items()}


def _integration(configuration: ConnectorConfiguration) -> dict[str, Any]:
    return {
        "name": configuration.name,
        "connector": configuration.connector,
        "enabled": configuration.enabled and configuration.disabled is None,
        "schedule": configuration.schedule.cron if configuration.schedule else None,
        "timezone": configuration.schedule.timezone if configuration.schedule else None,
    }
