"""A judged part of a tenant becomes a configuration, whatever source it was read from."""

from collections.abc import Mapping

from mkt.configs.fallback import Fallback, schedule
from mkt.configs.structure import DisabledPart, GuardPart, IntegrationPart
from mkt.contract import ConnectorConfiguration, Disabled, Guard, Origin


def configuration_of(
    tenant: str, labels: Mapping[str, str], part: IntegrationPart, given: Fallback, origin: Origin
) -> ConnectorConfiguration:
    """Return the configuration, with the operator's defaults in place of what the part leaves out."""
    cron = part.schedule if "schedule" in part.model_fields_set else given.schedule
    return ConnectorConfiguration(
        tenant=tenant,
        name=part.name or part.connector,
        connector=part.connector,
        labels=labels,
        enabled=part.enabled,
        disabled=_disabled(part.disabled),
        schedule=None if cron is None else schedule(cron, part.timezone or given.timezone),
        jitter=given.jitter,
        overdue_after=given.overdue_after,
        settings=part.settings or {},
        secrets=part.secrets or {},
        guard=_guard(part.guard, given.guard),
        origin=origin,
    )


def _disabled(part: DisabledPart | None) -> Disabled | None:
    return None if part is None else Disabled(until=part.until, reason=part.reason)


def _guard(part: GuardPart | None, given: Guard) -> Guard:
    if part is None:
        return given
    delete, change, below = part.max_delete_percent, part.max_change_percent, part.ignore_below
    return Guard(
        max_delete_percent=given.max_delete_percent if delete is None else delete,
        max_change_percent=given.max_change_percent if change is None else change,
        ignore_below=given.ignore_below if below is None else below,
    )
