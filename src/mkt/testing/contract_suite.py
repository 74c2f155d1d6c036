"""The contract suite: what every connector has to bear, against its own simulator.

A partner engineer's test file is three lines; without `connector` the suite runs over every registered one:

    class TestContract(ConnectorContract):
        connector = "acme-hris"
"""

import ast
import base64
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from mkt.contract import (
    Change,
    Checkpoint,
    Complete,
    Connector,
    Deleted,
    HandlesWebhooks,
    Json,
    Record,
    Stream,
    Syncs,
)
from mkt.engine.report import Result
from mkt.engine.verify.ladder import NOT_REACHED
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.simulation import faults
from mkt.simulation.base import Simulator
from mkt.simulation.exchange import Fault
from mkt.testing.simulators import simulator_of
from mkt.testing.workbench import Workbench

FAULTS: Mapping[str, tuple[Fault, frozenset[str]]] = {
    "401": (faults.status(401), frozenset({"auth"})),
    "403": (faults.status(403), frozenset({"permission", "auth"})),
    "429": (faults.status(429, {"Retry-After": "7200"}), frozenset({"rate_limit"})),
    "500": (faults.status(500), frozenset({"transient", "partner"})),
    "html": (faults.html(), frozenset({"transient", "partner"})),
    "slow": (faults.slow(60), frozenset({"transient"})),
    "reset": (faults.reset(), frozenset({"transient"})),
    "truncated": (faults.truncated(), frozenset({"transient", "partner"})),
    "cut JSON": (faults.cut_json(), frozenset({"transient", "partner"})),
    "redirect": (faults.redirect("https://elsewhere.example/login"), frozenset({"transient", "partner", "auth"})),
}
"""Each fault, and the classes that an error of it may have."""
SETTINGS_IMPORTS = frozenset({"pydantic", "mkt.contract"})
SHORT_SECONDS = 1.0
"""The deadline of a run whose partner hangs."""


class ConnectorContract:
    """Subclass it in a test file; `connector` narrows it to one."""

    connector: ClassVar[str] = ""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        registry = ConnectorRegistry.discover()
        chosen = [registry[self.connector]] if self.connector else list(registry.values())
        if "variant" in metafunc.fixturenames:
            cases = [(c, v) for c in chosen for v in simulator_of(c).variants]
            metafunc.parametrize(("registered", "variant"), cases, ids=[f"{c.id}-{v}" for c, v in cases])
        elif "registered" in metafunc.fixturenames:
            metafunc.parametrize("registered", chosen, ids=[c.id for c in chosen])

    @pytest.fixture
    def partner(self, registered: RegisteredConnector) -> Iterator[Simulator]:
        with simulator_of(registered)() as partner:
            yield partner

    @pytest.fixture
    def bench(self, tmp_path: Path, partner: Simulator, variant: str) -> Iterator[Workbench]:
        with Workbench(tmp_path, partner, variant) as bench:
            yield bench

    # the manifest agrees with the code

    def test_the_code_can_what_the_manifest_says(self, registered: RegisteredConnector) -> None:
        manifest, connector = registered.require_manifest(), registered.connector
        assert Connector in type(connector).__mro__, "name Connector[Settings] as a base, for mypy's sake"
        assert (Syncs in type(connector).__mro__) == bool(manifest.streams)
        assert (HandlesWebhooks in type(connector).__mro__) == (manifest.webhook.scheme != "none")

    def test_settings_are_frozen_and_each_field_is_described(self, registered: RegisteredConnector) -> None:
        model = registered.settings_model
        assert model.model_config.get("frozen")
        assert model.model_config.get("extra") == "forbid", "or a misspelled setting passes silently"
        bare = [name for name, field in model.model_fields.items() if not (field.description and field.examples)]
        assert bare == [], "a description and an example for each"

    def test_settings_import_pydantic_and_the_contract_alone(self, registered: RegisteredConnector) -> None:
        source = registered.module("settings").__file__
        tree = ast.parse(Path(source).read_text(encoding="utf-8"))
        names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        foreign = {name for name in names if name.startswith("mkt") or not _standard(name)}
        assert foreign <= SETTINGS_IMPORTS

    # the ladder

    def test_a_working_integration_climbs_every_step(self, bench: Workbench) -> None:
        result = bench.verify()
        assert result.failure is None, result.failure
        assert result.outcome in {"pass", "warn"}
        assert [s.step for s in result.steps if s.evidence == NOT_REACHED] == []
        assert [s.step for s in result.steps if not s.evidence] == [], "each step says what it saw"

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_fails_a_step_and_says_who_does_what(self, bench: Workbench, fault: str) -> None:
        _inject(bench, fault)
        _expect_failure(bench.verify(), fault)
        bench.partner.heal()
        assert bench.verify().outcome in {"pass", "warn"}

    # syncing

    def test_a_sync_ends_in_the_partners_records(self, bench: Workbench) -> None:
        result = bench.sync()
        assert result.outcome == "ok", result.failure
        assert bench.records() == _present(bench)

    def test_the_same_data_twice_changes_nothing(self, bench: Workbench) -> None:
        bench.sync()
        before = _stored(bench)
        result = bench.sync()
        assert result.outcome == "ok", result.failure
        assert (result.totals.created, result.totals.updated, result.totals.deleted) == (0, 0, 0)
        assert _stored(bench) == before

    def test_what_changed_at_the_partner_arrives_and_who_left_is_gone(self, bench: Workbench) -> None:
        bench.sync()
        bench.partner.change()
        for _ in range(3):  # by offset, absence counts when it was seen twice
            assert bench.sync().outcome == "ok"
        assert bench.records() == _present(bench)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_in_a_sync_loses_nothing(self, bench: Workbench, fault: str) -> None:
        bench.sync()
        before = _stored(bench)
        _inject(bench, fault)
        _expect_failure(bench.sync(), fault)
        assert _stored(bench) == before
        bench.partner.heal()
        result = bench.sync()
        assert result.outcome == "ok", result.failure
        assert bench.records() == _present(bench)

    def test_a_break_after_any_request_is_resumed_without_loss(self, bench: Workbench) -> None:
        bench.sync()
        requests = len(bench.partner.requests)
        bench.partner.change()
        for passed in range(requests):
            bench.partner.inject(faults.status(401), times=None, after=passed)
            bench.sync()
            bench.partner.heal()
            bench.verify()  # ends the pause that so many refusals lead to
        for _ in range(3):
            assert bench.sync().outcome == "ok"
        assert bench.records() == _present(bench)

    def test_resuming_from_any_checkpoint_loses_nothing(self, bench: Workbench) -> None:
        whole = list(bench.changes())
        checkpoints = [index for index, change in enumerate(whole) if isinstance(change, Checkpoint)]
        assert checkpoints, "a sync yields checkpoints"
        for index in _some(checkpoints):
            cursors: dict[Stream, Json] = {
                c.stream: c.cursor for c in whole[: index + 1] if isinstance(c, Checkpoint)
            }
            rest = [] if index == checkpoints[-1] else list(bench.changes(cursors))
            assert _replay([*whole[: index + 1], *rest]) == _replay(whole)

    def test_each_stream_ends_with_its_checkpoint(self, bench: Workbench) -> None:
        last: dict[Stream, Change] = {}
        for change in bench.changes():
            last[change.stream] = change
        manifest = bench.engine.registry[bench.configuration.connector].require_manifest()
        assert set(last) == set(manifest.streams)
        assert all(isinstance(change, Checkpoint) for change in last.values())

    def test_records_come_before_their_complete(self, bench: Workbench) -> None:
        closed: set[tuple[Stream, str]] = set()
        for change in bench.changes():
            if isinstance(change, Complete):
                closed.add((change.stream, change.scope))
            elif isinstance(change, Record):
                assert (change.stream, change.scope) not in closed

    def test_paging_ends_and_no_page_is_read_twice(
        self, registered: RegisteredConnector, variant: str, tmp_path: Path
    ) -> None:
        with simulator_of(registered)(1000) as partner, Workbench(tmp_path, partner, variant) as bench:
            assert bench.sync().outcome == "ok"
            reads = [(r.method, r.path, tuple(sorted(r.query.items())), r.body) for r in partner.requests]
            assert len(reads) == len(set(reads))
            assert bench.records() == _present(bench)

    # secrets and hosts

    @pytest.mark.parametrize("fault", ["none", "echo 400", "echo 401", "echo 500"])
    def test_no_secret_appears_anywhere(
        self, bench: Workbench, fault: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        if fault != "none":
            bench.partner.inject(faults.echo(int(fault.split()[1])), times=None)
        seen = [repr(bench.verify()), repr(bench.sync()), *capfd.readouterr()]
        seen += [json.dumps(event.as_dict()) for event in bench.recorder.events]
        seen += [path.read_bytes().decode("latin-1") for path in bench.database.parent.iterdir() if path.is_file()]
        text = "\n".join(seen)
        sensitive = _sensitive(bench)
        assert bench.partner.requests, "the partner was asked"
        assert [name for name, value in sensitive.items() if _shown(value, text)] == []

    def test_a_redirect_is_not_followed_and_takes_no_token_along(self, bench: Workbench) -> None:
        with simulator_of(bench.engine.registry[bench.configuration.connector])() as elsewhere:
            bench.partner.inject(faults.redirect(elsewhere.url), times=None)
            bench.verify()
            bench.sync()
            assert elsewhere.requests == []

    def test_a_host_that_is_not_its_own_is_never_called(self, bench: Workbench) -> None:
        manifest = bench.engine.registry[bench.configuration.connector].require_manifest()
        strange = json.loads(json.dumps(bench.configuration.settings).replace("127.0.0.1", "example.invalid"))
        if "any" not in manifest.hosts and strange != bench.configuration.settings:
            bench.configure(json.loads(json.dumps(strange).replace("http://", "https://")))
            result = bench.verify()
            assert result.failure is not None
            assert result.failure.error_class == "config"
            assert bench.partner.requests == []


def _inject(bench: Workbench, name: str) -> None:
    if name == "slow":
        bench.seconds = SHORT_SECONDS
    bench.partner.inject(FAULTS[name][0], times=None)


def _expect_failure(result: Result, fault: str) -> None:
    assert result.outcome in {"fail", "failed", "deferred"}
    assert result.failure is not None
    assert result.failure.error_class in FAULTS[fault][1], result.failure
    assert result.failure.message
    assert result.failure.remedy
    if result.steps:
        stopped_at = [
            step for step in result.steps if step.outcome == "fail" or (step.outcome == "skip" and step.actor)
        ]
        assert stopped_at
        assert all(step.remedy and step.actor for step in stopped_at)


def _present(bench: Workbench) -> dict[Stream, dict[str, Mapping[str, Any]]]:
    return {
        s: {i: dict(d) for i, d in found.items()}
        for s, found in bench.partner.expected(bench.variant).items()
        if found
    }


def _stored(bench: Workbench) -> list[Any]:
    return list(bench.engine.store.records())


def _replay(changes: list[Change]) -> dict[tuple[Stream, str, str], Mapping[str, Any]]:
    found: dict[tuple[Stream, str, str], Mapping[str, Any]] = {}
    for change in changes:
        if isinstance(change, Record):
            found[change.stream, change.scope, change.external_id] = change.data
        elif isinstance(change, Deleted):
            found = {k: v for k, v in found.items() if (k[0], k[2]) != (change.stream, change.external_id)}
    return found


def _some(checkpoints: list[int], most: int = 12) -> list[int]:
    """Return the first, the last and a spread of the others."""
    step = max(1, len(checkpoints) // most)
    return sorted({*checkpoints[::step], checkpoints[-1]})


def _sensitive(bench: Workbench) -> dict[str, str]:
    manifest = bench.engine.registry[bench.configuration.connector].require_manifest()
    return {s.name: bench.environ[s.name] for s in manifest.secrets if s.sensitive and s.name in bench.environ}


def _shown(value: str, text: str) -> bool:
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return any(form in text for form in (value, quote(value, safe=""), encoded, json.dumps(value)[1:-1]))


def _standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
