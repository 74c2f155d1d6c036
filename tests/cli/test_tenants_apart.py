"""Two tenants with everything in common, and every command: what is asked of Supabase, and what becomes of whom."""

import importlib
import json
from collections.abc import Iterator

import pytest
import typer
from tests.cli.campaign import PASSWORD, Fleet, delivered, judge, two_tenants
from tests.cli.front import Mkt, Project
from tests.supalocal.fence import allowed, named_in
from tests.supalocal.recorder import Asked
from tests.supalocal.stack import LocalSupabase
from tests.supalocal.tenants import ACME, OTHER, dump

from mkt.cli.app import COMMANDS

WHOLE_FLEET = """
status · triage · runs list · events · records list · records export · holds list · webhooks list
secrets list · secrets rotate · alerts list · alerts test · tenants list · config diff
config pull · config push --yes · verify · sync --all · sync --all --dry-run
db check · db prune --dry-run · db prune · doctor · status --check · db copy --from supabase --to sqlite:copy.db
"""

OF_ONE = """
verify acme · verify --tenant acme --wait · verify acme/roster -q · verify acme/roster --for-customer
handover acme/roster · status acme
status acme/roster · status --check --tenant acme · runs list acme · runs list --tenant acme
runs show RUN · events acme · events --run RUN · events acme/roster --run RUN · records list acme
records export acme --stream people · holds list acme · holds show HOLD
holds approve HOLD --only create,update · holds reject HOLD · sync acme --now --dry-run · sync acme --now --preview 2
sync acme/roster --now · holds approve HOLD
sync --tenant acme -c workday-hris --all · sync acme · holds list --tenant acme · triage acme
secrets list acme · secrets which acme/roster PASSWORD · secrets copy acme/roster acme/spare PASSWORD
secrets set acme/roster PASSWORD --from-file value · secrets rotate acme · secrets delete acme/spare PASSWORD
secrets generate acme/moodle LTI_PRIVATE_KEY --to supabase · lti register-link acme/moodle
config show acme/roster · config diff acme · config pull acme · disable acme/roster --source yaml
config push acme --yes · enable acme/roster --source yaml · config push acme --yes --enable
webhooks list acme · webhooks list --tenant acme --only handled · webhooks show DELIVERY · webhooks replay DELIVERY
webhooks replay --only handled --tenant acme
"""
AT_THE_END = """
tenants remove acme --source yaml --yes · config push acme --delete --yes
tenants remove acme --source yaml --purge --yes
"""
NO = """
status --check · sync --all · sync --all --dry-run · verify acme · status --check --tenant acme
sync acme --now --dry-run · sync acme --now --preview 2 · sync acme/roster --now
"""
"""What exits with 1, since something is held or fails."""
ELSEWHERE = {
    "worker": "before the others, while something is due",
    "serve": "`delivered` starts it",
    "tenants add": "writes a file",
    "config schema": "reads no tenant",
    "connectors list": "reads no tenant",
    "connectors show": "reads no tenant",
    "db init": "writes files",
    "db backup": "of SQLite alone",
    "lint": "reads files",
    "init": "writes files",
    "demo": "has a store of its own",
}
_NEWEST = {
    "RUN": "select id from integration_runs where tenant_id = 'acme' order by started_at desc limit 1",
    "HOLD": "select id from integration_holds where tenant_id = 'acme' and integration = 'roster'"
    " order by state = 'open' desc, opened_at desc limit 1",
    "DELIVERY": "select id from integration_deliveries where tenant_id = 'acme' and verdict = 'handled'",
}
# What a command that names a tenant may ask of the whole fleet, and why the other one may be in the answer.
SEES_ALL = {
    "integrations": "configurations are read as a whole, as files are: what two tenants share is told",
    "mkt_states": "a cause is one of many tenants: how many others have it says who likely acts",
    "mkt_failing_since": "the same",
    "mkt_holds": "the same",
    "mkt_open_alerts": "the same",
}
_CAUSES = ("triage acme", "sync acme")
_ONLY = {what: _CAUSES for what in SEES_ALL if what != "integrations"}
"""Commands that alone may see these."""


def _steps(text: str) -> list[str]:
    return [step.strip() for line in text.strip().splitlines() for step in line.split(" · ")]


@pytest.fixture
def fleet(project: Project, mkt: Mkt, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with two_tenants(project, mkt, supabase, monkeypatch) as fleet:
        yield fleet


def _is_apart(command: str, asked: list[Asked]) -> None:
    """Fail where a request is about the other tenant, or brings something of it."""
    for each in asked:
        assert OTHER.name not in each.request, f"mkt {command}: {each.request}"
        names = named_in(each)
        assert names is None or names <= {ACME.name, ""}, f"mkt {command}: {each.request}"
        if names is not None or each.what not in SEES_ALL:
            assert OTHER.name not in each.answer, f"mkt {command}: {each.request}: {each.answer}"
        if OTHER.name in each.answer:
            assert command in _ONLY.get(each.what, [command]), f"mkt {command}: {each.request}: {each.answer}"


def test_every_command_is_here() -> None:
    leaves = set()
    for name in COMMANDS:
        group = typer.main.get_command(importlib.import_module(f"mkt.cli.{name}").app)
        leaves |= {f"{name} {leaf}" for leaf in getattr(group, "commands", {})} or {name}
    steps = [*_steps(WHOLE_FLEET), *_steps(OF_ONE), *_steps(AT_THE_END)]
    untried = {leaf for leaf in leaves if not any(f"{step} ".startswith(f"{leaf} ") for step in steps)}
    assert untried == set(ELSEWHERE)


def _code(step: str) -> int | None:
    """Return the exit code; what these two find is not the matter here."""
    return None if step in ("doctor", "db check") else int(step in _steps(NO))


def _told(fleet: Fleet, step: str) -> str:
    """Return a step with the ids that it is about."""
    words = step.replace("PASSWORD", PASSWORD).split()
    return " ".join(fleet.stack.sql(_NEWEST[word])[0][0] if word in _NEWEST else word for word in words)


def test_each_request_names_a_tenant_or_is_known_not_to(fleet: Fleet) -> None:
    fleet.stack.sql("update integration_state set next_due_at = now() - interval '1 minute'")
    fleet.stack.sql("select mkt_private.enqueue_due()")
    _, asked = fleet.run("worker --once")
    assert [each.what for each in asked].count("mkt_queue_archive") == 2
    fleet.shrink()
    fleet.run("sync --all", code=3)
    judge(delivered(fleet), "serve")
    for step in _steps(WHOLE_FLEET):
        fleet.run(step, code=_code(step))
    kept = {tenant: len(dump(fleet.stack, tenant)["public.integration_records"]) for tenant in (ACME, OTHER)}
    fleet.stack.empty()
    fleet.run("db copy --from sqlite:copy.db --to supabase")
    for tenant in (ACME, OTHER):
        assert len(dump(fleet.stack, tenant)["public.integration_records"]) == kept[tenant] > 0


def test_a_command_that_names_a_tenant_is_about_no_other(fleet: Fleet) -> None:
    fleet.shrink()
    fleet.run("sync --all", code=3)
    delivered(fleet)
    fleet.run("sync")  # causes are told: they are the fleet's, whoever looks for them
    for step in _steps(OF_ONE) + _steps(AT_THE_END):
        command = _told(fleet, step)
        answer, asked = fleet.run_apart(command, code=int(step in _steps(NO)))
        _is_apart(command, asked)
        if not command.startswith("triage"):  # it shows a cause with all that have it
            assert OTHER.name not in answer.out + answer.err, command
    assert set(dump(fleet.stack, ACME)) == {"public.integration_events"}  # who has removed it


@pytest.mark.parametrize(
    ("method", "what", "query", "given", "names", "known"),
    [
        ("POST", "mkt_new", "", {"p_id": "x"}, None, False),
        ("POST", "mkt_runs", "", {"p_keys": None}, None, True),
        ("POST", "mkt_holder", "", {"p_tenant": ""}, None, False),
        ("POST", "mkt_runs", "", {"p_keys": [["acme", "a"], ["acme-co", "a"]]}, {"acme", "acme-co"}, True),
        ("POST", "mkt_add_events", "", {"p_events": [{"tenant": None}, {"tenant": "acme"}]}, {"", "acme"}, False),
        ("GET", "integration_secrets", "select=ciphertext&name=eq.x", None, None, False),
        ("GET", "integration_secrets", "select=ciphertext&tenant_id=eq.acme", None, {"acme"}, False),
        ("DELETE", "integrations", "name=eq.roster", None, None, False),
        ("POST", "integrations", "", [{"tenant_id": "acme"}, {"tenant_id": "b"}], {"acme", "b"}, False),
    ],
)
def test_a_request_that_names_nobody_is_seen(
    method: str, what: str, query: str, given: object, names: set[str] | None, *, known: bool
) -> None:
    asked = Asked(method, what, query, json.dumps(given) if given else "", "")
    assert named_in(asked) == names
    assert allowed(asked) == known
