from typing import Any

import pytest

from mkt.contract import ConnectorConfiguration
from mkt.engine.tenants.handover import Handover, handover
from mkt.output.handover_text import handover_object, handover_text, notes
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend

WORKDAY = ConnectorRegistry.discover()["workday-hris"]
MANIFEST = WORKDAY.require_manifest()


def made(
    text: str = "",
    *,
    settings: Any = None,
    secrets: Any = None,
    url: str = "",
    declared: Any = MANIFEST.secrets,
) -> Handover:
    manifest = MANIFEST.model_copy(update={"handover": text, "secrets": declared})
    connector = RegisteredConnector(WORKDAY.id, WORKDAY.package, manifest)
    configuration = ConnectorConfiguration(
        tenant="northwind", name="roster", connector=connector.id, settings=settings or {}
    )
    return handover(configuration, connector, SecretChain([EnvBackend(secrets or {})]), url)


def variable(name: str) -> str:
    return f"MKT_SECRET__NORTHWIND__ROSTER__{name}"


def test_the_tenants_own_values_are_filled_in() -> None:
    found = made(
        "Enter {public_url}{root}/launch for {tenant}, {integration} at {base_url}, Workday's {settings.tenant}.",
        settings={"base_url": "https://wd5.workday.com", "tenant": "nw_dpt1"},
        url="https://mkt.example/",
    )
    assert found.text == (
        "Enter https://mkt.example/hooks/northwind/roster/launch for northwind, roster at https://wd5.workday.com, "
        "Workday's nw_dpt1."
    )
    assert found.unknown == ()


def test_what_is_not_known_yet_stands_in_capitals_and_is_noted_for_us() -> None:
    found = made("{public_url}{root} and {settings.base_url}")
    assert found.text == "PUBLIC_URL/hooks/northwind/roster and BASE_URL"
    assert found.unknown == ("public_url", "settings.base_url")
    note, where, served = notes([found])
    assert note.startswith("northwind/roster: public_url, settings.base_url is not known yet")
    assert '`public_url = "https://…"`' in where
    assert "`mkt serve`" in served


def test_that_nobody_answers_at_our_addresses_yet_is_said_to_both_sides() -> None:
    found = made("Enter {public_url}{root}/launch.", url="https://mkt.example/")
    assert list(notes([found])) == [
        "northwind/roster: our addresses in it answer only once `mkt serve` runs behind https://mkt.example"
    ]
    assert "Our addresses answer as soon as we have switched them on" in handover_text([found])
    assert "switched" not in handover_text([made("Enter {tenant}.")])


@pytest.mark.parametrize("text", ['{"a": 1}', "{nobody}", "{since}", "{}"])
def test_braces_that_are_no_placeholder_stay(text: str) -> None:
    assert made(text).text == text


def test_a_complete_set_is_said_and_no_value_is_shown() -> None:
    values = {variable("WORKDAY_ISU_USERNAME"): "isu-user", variable("WORKDAY_ISU_PASSWORD"): "hunter2-hunter2"}
    found = made(secrets=values)
    text = handover_text([found])
    assert (
        "### isu (complete)\n\n- [x] WORKDAY_ISU_USERNAME: we have it\n- [x] WORKDAY_ISU_PASSWORD: we have it" in text
    )
    assert '- [ ] WORKDAY_REFRESH_TOKEN: Workday, task "Manage Refresh Tokens' in text
    assert not {"hunter2-hunter2", "isu-user", "MKT_SECRET"} & set(text.split())
    assert "hunter2" not in str(handover_object(found))
    there = {secret["name"] for secret in handover_object(found)["secrets"] if secret["there"]}
    assert there == {"WORKDAY_ISU_USERNAME", "WORKDAY_ISU_PASSWORD"}


def test_a_required_setting_is_asked_for_until_it_is_there() -> None:
    text = handover_text([made(settings={"tenant": "nw_dpt1"})])
    assert "- [ ] base_url: Root of the tenant's Workday web services" in text
    assert "Such as `https://wd5-services1.workday.com`." in text
    assert "- [x] tenant: we have `nw_dpt1`" in text


def test_what_our_side_makes_is_not_asked_of_the_customer() -> None:
    key = MANIFEST.secrets[0].model_copy(update={"name": "KEY", "set": "", "generate": "rsa"})
    found = made(declared=(key,))
    assert "KEY" not in handover_text([found])
    assert "## Secrets" not in handover_text([found])
    assert list(notes([found])) == [
        "northwind/roster: KEY is ours to make: `mkt secrets generate northwind/roster KEY`"
    ]
    assert handover_object(found)["secrets"][0]["ours"]


def test_several_integrations_are_parted() -> None:
    assert handover_text([made("one"), made("two")]).count("\n\n---\n\n# Workday HCM: northwind/roster\n") == 1
