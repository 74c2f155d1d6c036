"""A fleet of two tenants in Supabase, configured and stored there, and what `mkt` asks of it, command by command."""

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from tests.cli.front import Answer, Mkt, Project
from tests.cli.test_serve import PLUGIN, SECRET, Process, serving, until
from tests.supalocal.fence import allowed, named_in
from tests.supalocal.recorder import Asked, Recorder, recording
from tests.supalocal.stack import LocalSupabase
from tests.supalocal.tenants import ACME, OTHER, dump

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.runtime.webhooks import keys_of, signature

SEALING = {"MKT_SECRETS_KEY": base64.b64encode(bytes([1]) * 32).decode()}
PASSWORD = "WORKDAY_ISU_PASSWORD"
SHARED = {"public.integration_alerts", "public.integration_alert_messages"}
"""Causes are of several tenants: one that is erased is taken out of what was said of them."""
_SETTINGS = """\
store = "supabase"
source = "supabase"
public_url = "https://mkt.example.com/"
[hosts]
allow = ["127.0.0.1"]
[defaults.workday-hris]
rate_limit = {requests = 1000, seconds = 1}
[alerts]
command = "./page"
"""
_MOODLE = {"platform": "moodle", "lti_platform_url": "https://moodle.example.edu"}


@dataclass
class Fleet:
    """Both tenants have the same integrations, whose partners list the same people under the same ids."""

    mkt: Mkt
    stack: LocalSupabase
    recorder: Recorder
    partners: Mapping[str, WorkdaySimulator]

    def run(self, command: str, *, code: int | None = 0) -> tuple[Answer, list[Asked]]:
        """Run a command and return what it asked of Supabase; each request names a tenant, or is known not to."""
        self.recorder.take()
        answer = self.mkt(*command.split())
        assert code is None or answer.code == code, f"mkt {command}: {answer.out}{answer.err}"
        asked = self.recorder.take()
        judge(asked, command)
        return answer, asked

    def run_apart(self, command: str, *, code: int = 0) -> tuple[Answer, list[Asked]]:
        """Run a command that names the first tenant; fail where it changes a row of the other."""
        before = dump(self.stack, OTHER)
        answer, asked = self.run(command, code=code)
        after = dump(self.stack, OTHER)
        changed = {table for table in before.keys() | after.keys() if before.get(table) != after.get(table)}
        assert changed <= (SHARED if "--purge" in command else set()), f"mkt {command}: {changed}"
        return answer, asked

    def shrink(self) -> None:
        """Let so many people leave both partners that the guard stops it."""
        for partner in self.partners.values():
            partner.employ([replace(partner.people[0], title="Boss"), *partner.people[1:15]])


def judge(asked: Sequence[Asked], command: str) -> None:
    """Fail on a request that names no tenant and is not known to be of the whole fleet."""
    for each in asked:
        assert named_in(each) is not None or allowed(each), f"mkt {command}: {each.request}"


@contextmanager
def two_tenants(project: Project, mkt: Mkt, stack: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Configure both, and let both be synced once."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    (project.root / "mkt.toml").write_text(_SETTINGS)
    (project.root / "page").write_text("#!/bin/sh\nexit 0\n")
    (project.root / "page").chmod(0o700)
    with recording(stack.url) as recorder, WorkdaySimulator() as one, WorkdaySimulator() as another:
        for name, value in {**stack.environment, **SEALING, "SUPABASE_URL": recorder.url}.items():
            monkeypatch.setenv(name, value)
        fleet = Fleet(mkt, stack, recorder, {ACME.name: one, OTHER.name: another})
        for tenant, partner in fleet.partners.items():
            monkeypatch.setenv(f"MKT_SECRET__{tenant.upper().replace('-', '_')}__HOOK__HOOK_SECRET", SECRET)
            written = json.dumps({"tenant": tenant, "integrations": _integrations(partner)}, indent=1)
            (project.root / "configs" / f"{tenant}.yaml").write_text(written)
        fleet.run("config push --yes")
        for tenant, partner in fleet.partners.items():
            for name, value in partner.secrets().items():
                (project.root / "value").write_text(value)
                fleet.run(f"secrets set {tenant}/roster {name} --from-file value")
        fleet.run("sync")
        yield fleet


def _integrations(partner: WorkdaySimulator) -> list[dict[str, Any]]:
    workday = {"connector": "workday-hris", "settings": partner.settings()}
    return [
        {"name": name, **workday, **more, "secrets": {each: f"supabase:{name}/{each}" for each in partner.secrets()}}
        for name, more in (("roster", {"schedule": "15 2 * * *"}), ("spare", {"enabled": False}))
    ] + [
        {"name": "hook", "connector": "hooked"},
        {"name": "moodle", "connector": "lti-1p3-deeplink", "settings": _MOODLE, "enabled": False},
    ]


def delivered(fleet: Fleet) -> list[Asked]:
    """Let both partners send the same deliveries to a server; return what it asked."""
    fleet.recorder.take()
    with serving() as server:
        for tenant in fleet.partners:
            for name, said in (("m1", {"people": [{"id": "1"}], "remember": "n"}), ("m2", {"fail": "partner"})):
                assert _deliver(server, tenant, name, said).status_code == 202
            assert _deliver(server, tenant, "m1", {"people": []}).status_code == 202
            assert _deliver(server, tenant, "m3", {}, secret=f"whsec_{base64.b64encode(bytes(24)).decode()}").is_error
        assert server.post("/hooks/nobody/hook", content=b"{}").is_error
        handled = "select count(*) from integration_deliveries where verdict in ('handled', 'dead')"
        until(lambda: fleet.stack.sql(handled) == [(4,)])
        server.end()
    return fleet.recorder.take()


def _deliver(server: Process, tenant: str, name: str, said: object, *, secret: str = SECRET) -> httpx.Response:
    body, now = json.dumps(said).encode(), int(time.time())
    signed = signature(keys_of(secret)[0], name, now, body)
    headers = {"webhook-id": name, "webhook-timestamp": str(now), "webhook-signature": signed}
    return server.post(f"/hooks/{tenant}/hook", content=body, headers=headers)
