"""The walk of the one who has the customer's administrators on the phone: a new tenant, from nothing to green."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.walks.conftest import Machine

from mkt.connectors.lti_1p3_deeplink.simulator import LtiSimulator
from mkt.connectors.workday_hris.simulator import WorkdaySimulator

FILE = "configs/acme.yaml"


@dataclass(frozen=True)
class Registered:
    """A tool as Moodle's administrator registers it: by the public half of its key."""

    key: RSAPublicKey

    def public_key(self) -> RSAPublicKey:
        return self.key


def register(moodle: LtiSimulator, seen: str) -> None:
    pem = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", seen, re.DOTALL)
    assert pem
    key = load_pem_public_key(pem[0].encode())
    assert isinstance(key, RSAPublicKey)
    moodle.tool = Registered(key)


@pytest.fixture
def moodle() -> Iterator[LtiSimulator]:
    with LtiSimulator() as platform:
        yield platform


@pytest.fixture
def workday() -> Iterator[WorkdaySimulator]:
    with WorkdaySimulator() as partner:
        yield partner


def test_a_tenant_with_moodle_and_workday_goes_from_nothing_to_green(
    machine: Machine, moodle: LtiSimulator, workday: WorkdaySimulator
) -> None:
    client_id = moodle.secrets("moodle")["LTI_CLIENT_ID"]
    courses = ", ".join(moodle.settings("moodle")["memberships_urls"])

    begun = machine.types("mkt init")
    assert "wrote  mkt.toml" in begun.text

    added = machine.types("mkt tenants add acme -c lti-1p3-deeplink -c workday-hris")
    assert added.text.splitlines()[1:] == [
        "  acme/lti-1p3-deeplink: fill in platform",
        "  acme/workday-hris: fill in base_url, tenant",
        "next: mkt handover acme",
        "next: mkt secrets list acme",
        "next: mkt verify acme",
        "next: mkt enable acme",
    ]

    # What the two administrators have to enter and send back, each in the words of their own product.
    handover = machine.types("mkt handover acme").text
    assert "`mkt secrets generate acme/lti-1p3-deeplink LTI_PRIVATE_KEY`" in handover
    assert "- Moodle: Site administration" in handover
    assert "Create Integration System User" in handover
    assert "- [ ] LTI_CLIENT_ID" in handover

    # Ours is the key pair; its public half goes to Moodle. The machine has no keyring, so values go to files.
    pair = machine.types("mkt secrets generate acme/lti-1p3-deeplink LTI_PRIVATE_KEY --to file")
    assert "PRIVATE KEY---" not in pair.text
    register(moodle, pair.text)

    # What they have sent back: settings and identifiers into the file, the password at a prompt.
    machine.edit(
        FILE,
        (
            "# platform: moodle",
            f'platform: moodle\n      lti_platform_url: {moodle.url}\n      lti_client_id: "{client_id}"',
        ),
        ("# optional settings: issuer", f"memberships_urls: [{courses}]\n      # optional settings: issuer"),
        ("# base_url: https://wd5-services1.workday.com", f"base_url: {workday.url}"),
        (
            "# tenant: northwind_dpt1",
            "tenant: northwind_dpt1\n      report: isu_mkt/Learner_Roster\n      workday_isu_username: ISU_mkt",
        ),
    )
    password = workday.secrets()["WORKDAY_ISU_PASSWORD"]
    stored = machine.types("mkt secrets set acme/workday-hris WORKDAY_ISU_PASSWORD --to file", password)
    assert stored.code == 0
    assert password not in stored.text
    name_the_files(machine, pair.text, stored.text)

    # Offline everything is right, live everything is green, and each last line is what to type next.
    assert machine.types("mkt lint").text == "no problems found\n"
    assert "0 lacking, 5 found" in machine.types("mkt secrets list acme").text
    verified = machine.types("mkt verify acme")
    assert "0 failed, 0 warned, 2 passed" in verified.text
    enabled = machine.types(verified.following)
    assert enabled.text.count(": enabled") == 2
    synced = machine.types(enabled.following)
    assert (synced.code, synced.following) == (0, "mkt status")
    assert "2 ok in" in synced.text
    assert "3 integrations: 2 ok, 1 disabled\n" in machine.types(synced.following).text
    assert machine.types("mkt status --check").code == 0


def name_the_files(machine: Machine, *seen: str) -> None:
    """Put the references below `secrets:`, as the commands that stored the values say."""
    for text in seen:
        told = re.search(r"put `((\w+): file:\S+)` below secrets: of the integration", " ".join(text.split()))
        assert told
        lines = (machine.project / FILE).read_text().splitlines(keepends=True)
        place = next(number for number, line in enumerate(lines) if line.startswith(f"    #   {told[2]}: "))
        head = max(number for number in range(place) if lines[number].strip("# \n") == "secrets:")
        lines[head], lines[place] = "    secrets:\n", f"      {told[1]}\n"
        machine.write(FILE, "".join(lines))
