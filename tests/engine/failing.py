"""Tenants of one scripted connector that fail as a test says."""

from collections.abc import Iterable

from tests.engine.rig import Context, Rig, configuration, people

from mkt.contract import Change, Schedule


class Fleet:
    """Three tenants that are due every hour; `errors` says what a tenant's sync raises."""

    def __init__(self, rig: Rig, *tenants: str) -> None:
        self.errors: dict[str, Exception] = {}
        self.rig = rig
        self.tenants = tenants or ("acme", "contoso", "globex")
        rig.source.configurations = [configuration(name, schedule=Schedule("0 * * * *")) for name in self.tenants]
        rig.script.changes = self._changes

    def _changes(self, context: Context) -> Iterable[Change]:
        error = self.errors.get(context.configuration.tenant)
        if error:
            raise error
        return people("anna", "ben")

    def fail(self, error: Exception, *tenants: str) -> None:
        self.errors |= dict.fromkeys(tenants or self.tenants, error)

    def mend(self, *tenants: str) -> None:
        self.errors = {name: e for name, e in self.errors.items() if tenants and name not in tenants}

    def turn(self) -> None:
        """Let cron's next turn come."""
        self.rig.pass_time(hours=1)
        self.rig.sync()
