"""What commands share that change a tenant's file: the folder, and the record of who changed what."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mkt.cli.wiring import build_store, open_telemetry
from mkt.configs.tenants import TenantFolder
from mkt.contract import ConnectorConfiguration
from mkt.engine.operator import Action, report_action
from mkt.engine.pause import end_pause
from mkt.engine.reporter import Reporter
from mkt.errors import Refused
from mkt.runtime.masking import Masker
from mkt.settings import ProjectSettings

if TYPE_CHECKING:
    from mkt.registry import ConnectorRegistry
    from mkt.store.base import Store
    from mkt.telemetry.base import Telemetry


@dataclass(frozen=True)
class Record:
    """The open store, and the way to tell it what a person has done."""

    store: "Store"
    telemetry: "Telemetry"

    def note(self, action: Action, target: str, reason: str = "") -> None:
        report_action(self.telemetry, _utc_now, action, target, reason=reason)

    def resume(self, configuration: ConnectorConfiguration, registry: "ConnectorRegistry") -> bool:
        """End the integration's pause, where there is one, and tell whether it has."""
        found = registry.get(configuration.connector)
        reporter = Reporter(
            telemetry=self.telemetry,
            now=_utc_now,
            configuration=configuration,
            category=found.manifest.category if found and found.manifest else None,
            run_id=None,
            masker=Masker(),
        )
        return end_pause(self.store, reporter, "enable")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def open_record(settings: ProjectSettings) -> Iterator[Record]:
    """Open the store first: what could not be recorded is not done."""
    with closing(build_store(settings)) as store, open_telemetry(settings, store) as telemetry:
        yield Record(store, telemetry)


def tenant_folder(settings: ProjectSettings) -> TenantFolder:
    """Return the config folder; raise `Refused` where the configurations are not in files."""
    if settings.source != "yaml":
        raise Refused(
            f"the configurations come from {settings.source}, and this command changes YAML files",
            remedy="Say --source yaml to work on the files; `mkt config push` brings them over.",
        )
    return TenantFolder(settings.config_dir, settings.root)
