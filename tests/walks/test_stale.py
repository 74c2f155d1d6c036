"""The walk of the one who is called at three in the morning: a tenant is stale."""

from collections.abc import Iterator

import pytest
from tests.walks.clock import A_DAY, NIGHTLY, move_on
from tests.walks.conftest import Machine

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation.faults import status

TENANT = """\
tenant: {tenant}
integrations:
  - name: roster
    connector: workday-hris
    schedule: "{schedule}"
    settings:
      {{base_url: {url}, tenant: northwind_dpt1, report: isu_mkt/Learner_Roster, workday_isu_username: ISU_mkt}}
    secrets: {{WORKDAY_ISU_PASSWORD: "file:password"}}
"""
PASSWORD_EXPIRED = status(401, {"Content-Type": "application/json"}, b'{"error": "invalid username or password"}')


@pytest.fixture
def stale(machine: Machine) -> Iterator[WorkdaySimulator]:
    """Two tenants that were synced a day ago; since then northwind's administrator let the password expire."""
    with WorkdaySimulator() as healthy, WorkdaySimulator() as partner:
        machine.write("mkt.toml", "")
        machine.write("password", partner.secrets()["WORKDAY_ISU_PASSWORD"])
        machine.write("configs/globex.yaml", TENANT.format(tenant="globex", schedule=NIGHTLY, url=healthy.url))
        machine.write("configs/northwind.yaml", TENANT.format(tenant="northwind", schedule=NIGHTLY, url=partner.url))
        assert machine.types("mkt sync").code == 0
        move_on(machine.project / ".mkt" / "mkt.db", A_DAY)
        partner.inject(PASSWORD_EXPIRED, path="customreport2", times=None)
        assert machine.types("mkt sync").code == 3
        yield partner


def test_from_a_stale_tenant_to_the_cause_the_customers_text_and_green(
    machine: Machine, stale: WorkdaySimulator
) -> None:
    # What is wrong? One tenant; the other one is not in the way.
    overview = machine.types("mkt status")
    assert overview.text.startswith("northwind/roster  workday-hris  failing\n")
    assert "globex" not in overview.text
    assert "2 integrations: 1 failing, 1 ok\n" in overview.text

    # Since when, how old is what learners see, and who has to do something?
    detail = machine.types("mkt status northwind")
    assert "does not accept the integration system user's name and password" in " ".join(detail.text.split())
    assert "acts: customer" in detail.text
    assert "last ok         25 h ago" in detail.text
    assert "people " in detail.text

    # Is it still so? From here on the person types what the last line says.
    ladder = machine.types(detail.following)
    assert ladder.code == 1
    assert "fail  endpoint answers" in ladder.text
    assert ladder.following == "mkt verify northwind/roster --for-customer"

    # The customer has to act: this is what they are sent.
    said, _, letter = machine.types(ladder.following).text.partition("## ")
    assert said.startswith("mkt: northwind/roster was not asked again")
    assert letter.startswith("Your connection to Workday HCM\n")
    assert "What we need from you:\n\n- Workday's administrator checks the user" in letter
    for internal in ("northwind/roster", "127.0.0.1", "mkt ", "configs", "isu-password"):
        assert internal not in letter

    # They have mended it.
    stale.heal()
    green = machine.types("mkt verify northwind/roster --wait")
    assert (green.code, green.following) == (0, "mkt sync northwind/roster --now")
    synced = machine.types(green.following)
    assert (synced.code, synced.following) == (0, "mkt status")
    assert machine.types("mkt status --check").code == 0


def test_the_morning_after_history_tells_what_happened(machine: Machine, stale: WorkdaySimulator) -> None:
    stale.heal()
    machine.types("mkt sync northwind --now")
    runs = machine.types("mkt runs list northwind").text
    assert runs.count("sync") >= 3
    assert "failed" in runs
    events = machine.types("mkt events northwind -o table").text
    assert "sync.failed" in events
