"""The walk of the one who writes the crontab: an empty machine, 400 tenants, an alert for the one that breaks."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator

import pytest
from tests.walks.clock import A_DAY, NIGHTLY, move_on
from tests.walks.conftest import Machine

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation import Reply, Request

TENANTS = [f"t{number:03}" for number in range(400)]
BY_COMMAND = TENANTS[:2]
IN_FILES = TENANTS[2:]
BROKEN = "t217"
TENANT = """\
tenant: {tenant}
integrations:
  - name: roster
    connector: workday-hris
    settings:
      {{base_url: {url}, tenant: northwind_dpt1, report: isu_mkt/Learner_Roster, workday_isu_username: {tenant}}}
    secrets: {{WORKDAY_ISU_PASSWORD: "env:{variable}_PASSWORD"}}
"""


class Workday(WorkdaySimulator):
    """Workday as 400 customers see it: each tenant of ours has an integration system user of its own."""

    def __init__(self) -> None:
        super().__init__(10)
        self.passwords = {tenant: f"password-of-{tenant}" for tenant in TENANTS}

    def handle(self, request: Request) -> Reply:
        user = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")[0]
        self.isu = (user, self.passwords[user])
        vars(self).pop("_basic", None)  # what the one before was compared with
        return super().handle(request)


@pytest.fixture
def workday() -> Iterator[Workday]:
    with Workday() as partner:
        yield partner


def test_from_an_empty_machine_to_a_crontab_and_an_alert_for_exactly_the_broken_tenant(
    machine: Machine, workday: Workday, jobs: Callable[[str], list[str]]
) -> None:
    begun = machine.types("mkt init")
    assert begun.code == 0
    machine.edit(
        "mkt.toml", ('#schedule = "15 2 * * *"', f'schedule = "{NIGHTLY}"'), ("#concurrency = 16", "concurrency = 32")
    )

    # Some tenants by command, most of them by files that another program writes; the passwords stand in `.env`.
    for tenant in BY_COMMAND:
        add(machine, workday, tenant)
    for tenant in IN_FILES:
        text = TENANT.format(tenant=tenant, url=workday.url, variable=tenant.upper())
        machine.write(f"configs/emea/{tenant}.yaml", text)
    variables = [f"{tenant.upper()}_PASSWORD='{workday.passwords[tenant]}'\n" for tenant in IN_FILES]
    machine.write(".env", "".join(variables))
    assert machine.types("mkt lint").text == "no problems found\n"

    # Cron has none of this session's variables: `mkt doctor` looks with cron's eyes.
    assert "finds every secret that is needed" in " ".join(machine.types("mkt doctor").text.split())
    sync, alert = jobs(machine.types("mkt init --cron").text)
    first = machine.cron(sync)
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert "401 integrations: 400 ok, 1 disabled" in machine.types("mkt status").text
    log = machine.project / ".mkt" / "mkt.log"
    assert log.read_text().count('"sync.completed"') == len(TENANTS)
    assert machine.cron(alert).returncode == 0

    # Nothing is due: cron has nothing to mail, the log nothing to add.
    before = log.stat().st_size
    again = machine.cron(sync)
    assert (again.returncode, again.stdout, again.stderr, log.stat().st_size) == (0, "", "", before)

    # A day goes by, and in one of 400 Workdays a password has expired.
    move_on(machine.project / ".mkt" / "mkt.db", A_DAY)
    workday.passwords[BROKEN] = "a-new-one"
    broken = machine.cron(sync)
    assert (broken.returncode, targets(broken.stdout)) == (3, {f"{BROKEN}/roster"})
    fired = machine.cron(alert)
    assert (fired.returncode, targets(fired.stdout)) == (1, {f"{BROKEN}/roster"})
    assert "acts: customer" in fired.stdout
    assert workday.passwords[BROKEN] not in fired.stdout
    assert f"next: mkt verify {BROKEN}/roster" in fired.stdout

    # It is mended, and another day goes by: cron mails that it works again, and the alert is silent.
    workday.passwords[BROKEN] = f"password-of-{BROKEN}"
    move_on(machine.project / ".mkt" / "mkt.db", A_DAY)
    mended = machine.cron(sync)
    assert (mended.returncode, targets(mended.stdout)) == (0, {f"{BROKEN}/roster"})
    assert mended.stdout.startswith(f"{BROKEN}/roster  recovered\n")
    assert machine.cron(alert).returncode == 0


def add(machine: Machine, workday: Workday, tenant: str) -> None:
    assert machine.types(f"mkt tenants add {tenant} -c workday-hris").code == 0
    user = f"workday_isu_username: {tenant}"
    machine.edit(
        f"configs/{tenant}.yaml",
        ("# base_url: https://wd5-services1.workday.com", f"base_url: {workday.url}"),
        ("# tenant: northwind_dpt1", f"tenant: northwind_dpt1\n      report: isu_mkt/Learner_Roster\n      {user}"),
        ("    # secrets:\n", f"    secrets:\n      WORKDAY_ISU_PASSWORD: file:.secrets/{tenant}\n"),
    )
    stored = machine.types(f"mkt secrets set {tenant} WORKDAY_ISU_PASSWORD", workday.passwords[tenant])
    assert f"is stored in file:.secrets/{tenant}" in stored.text
    assert machine.types(f"mkt enable {tenant}").code == 0


def targets(text: str) -> set[str]:
    return set(re.findall(r"\bt\d{3}/\S+", text))
