"""One request."""

from bench_one.settings import Settings
from mkt.contract import Connector, ConnectorContext


class BenchOne(Connector[Settings]):
    """Verifies with a single request."""

    def verify(self, context: ConnectorContext[Settings]) -> None:
        with context.step("endpoint") as step:
            found = context.runtime.http.get(context.settings.base_url, params={"limit": 1, "offset": 0}).json()
            step.evidence(f"{found['total']} workers")


connector = BenchOne()
