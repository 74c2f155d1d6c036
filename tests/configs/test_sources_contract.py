"""What every source of configurations promises: whoever wrote them where, they mean the same."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.configs.sources import Given, GivenFiles, GivenRows

from mkt.contract import ConnectorConfiguration, Disabled, Guard, Origin, Schedule
from mkt.errors import StartError
from mkt.settings import AllDefaults

ROSTER: dict[str, Any] = {
    "name": "roster",
    "connector": "workday-hris",
    "enabled": True,
    "disabled": {"until": "2027-01-07", "reason": "school holidays"},
    "schedule": "15 2 * * *",
    "timezone": "Europe/London",
    "settings": {"base_url": "https://wd5.myworkday.com", "columns": {"email": "Work_Email"}, "page_size": 100},
    "secrets": {"WORKDAY_ISU_PASSWORD": "supabase:ISU_PASSWORD"},
    "guard": {"max_delete_percent": 5.5, "ignore_below": 3},
}
NORTHWIND = {"tenant": "northwind", "labels": {"region": "emea"}, "integrations": [ROSTER, {"connector": "acme-hr"}]}
HOOLI = {"tenant": "hooli", "integrations": [{"connector": "acme-hr"}]}
DEFAULTS = AllDefaults.model_validate(
    {
        "schedule": "@daily",
        "timezone": "Europe/Paris",
        "jitter": "5m",
        "overdue_after": "2h",
        "guard": {"max_delete_percent": 20},
        "acme-hr": {"timezone": "Europe/Berlin", "guard": {"max_change_percent": 30}},
    }
)


@pytest.fixture(params=["yaml", "supabase"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Given:
    return GivenFiles(tmp_path) if request.param == "yaml" else GivenRows(request.getfixturevalue("supabase"))


def one(given: Given, entry: dict[str, Any], defaults: AllDefaults | None = None) -> ConnectorConfiguration:
    given.write({"tenant": "northwind", "integrations": [entry]})
    configs = given.source(defaults).load()
    assert configs.broken == ()
    (configuration,) = configs.configurations
    return configuration


def test_everything_that_an_integration_can_say_arrives(given: Given) -> None:
    given.write(NORTHWIND)
    configs = given.source().load()
    roster = next(configuration for configuration in configs.configurations if configuration.name == "roster")
    assert replace(roster, origin=Origin()) == ConnectorConfiguration(
        tenant="northwind",
        name="roster",
        connector="workday-hris",
        labels={"region": "emea"},
        disabled=Disabled(until=date(2027, 1, 7), reason="school holidays"),
        schedule=Schedule("15 2 * * *", "Europe/London"),
        settings=ROSTER["settings"],
        secrets={"WORKDAY_ISU_PASSWORD": "supabase:ISU_PASSWORD"},
        guard=Guard(max_delete_percent=5.5, ignore_below=3),
    )


def test_tenants_and_integrations_are_all_there_in_order(given: Given) -> None:
    given.write(NORTHWIND, HOOLI)
    configs = given.source().load()
    assert configs.tenants == ("hooli", "northwind")
    assert sorted(c.target for c in configs.configurations) == [
        "hooli/acme-hr",
        "northwind/acme-hr",
        "northwind/roster",
    ]
    assert [c.tenant for c in configs.configurations] == ["hooli", "northwind", "northwind"]
    assert {c.name: dict(c.labels) for c in configs.configurations if c.tenant == "northwind"} == {
        "roster": {"region": "emea"},
        "acme-hr": {"region": "emea"},
    }


def test_what_is_left_out_has_a_default(given: Given) -> None:
    configuration = one(given, {"connector": "acme-hr"})
    assert replace(configuration, origin=Origin()) == ConnectorConfiguration(
        tenant="northwind", name="acme-hr", connector="acme-hr"
    )


def test_the_operators_defaults_fill_what_is_left_out(given: Given) -> None:
    configuration = one(given, {"connector": "acme-hr"}, DEFAULTS)
    assert configuration.schedule == Schedule("@daily", "Europe/Berlin")
    assert configuration.guard == Guard(max_delete_percent=20, max_change_percent=30)
    assert (configuration.jitter, configuration.overdue_after) == (timedelta(minutes=5), timedelta(hours=2))


def test_what_is_given_wins_over_the_operators_defaults(given: Given) -> None:
    entry = {"connector": "acme-hr", "schedule": "@hourly", "timezone": "UTC", "guard": {"max_change_percent": 1}}
    configuration = one(given, entry, DEFAULTS)
    assert configuration.schedule == Schedule("@hourly", "UTC")
    assert configuration.guard == Guard(max_delete_percent=20, max_change_percent=1)


def test_a_schedule_can_be_taken_away(given: Given) -> None:
    assert one(given, {"connector": "acme-hr", "schedule": None}, DEFAULTS).schedule is None


@pytest.mark.parametrize(
    ("entry", "active"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"disabled": {}}, False),
        ({"disabled": {"reason": "asked by the customer"}}, False),
        ({"disabled": {"until": "2026-11-24"}}, False),
        ({"disabled": {"until": "2026-11-23"}}, True),
        ({"enabled": False, "disabled": {"until": "2026-11-23"}}, False),
    ],
)
def test_what_rests_rests(given: Given, entry: dict[str, Any], active: bool) -> None:
    assert one(given, {"connector": "acme-hr", **entry}).active(date(2026, 11, 23)) is active


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"schedule": "61 * * * *"}, "MKT501"),
        ({"schedule": "daily"}, "MKT501"),
        ({"timezone": "Mars/Olympus"}, "MKT502"),
        ({"timezone": "../../etc/passwd"}, "MKT502"),
        ({"guard": {"max": 1}}, "MKT201"),
        ({"guard": {"max_delete_percent": 101}}, "MKT601"),
        ({"guard": {"ignore_below": "3"}}, "MKT601"),
        ({"disabled": {"until": "soon"}}, "MKT203"),
        ({"disabled": {"until": "2026-02-30"}}, "MKT204"),
        ({"secrets": {"TOKEN": 12345678}}, "MKT402"),
        ({"secrets": {"TOKEN": None}}, "MKT402"),
    ],
)
def test_what_is_wrong_breaks_its_tenant_alone(given: Given, entry: dict[str, Any], code: str) -> None:
    given.write({"tenant": "northwind", "integrations": [{"connector": "acme-hr", **entry}]}, HOOLI)
    configs = given.source().load()
    assert configs.tenants == ("hooli",)
    assert [configuration.tenant for configuration in configs.configurations] == ["hooli"]
    (broken,) = configs.broken
    assert broken.tenant == "northwind"
    assert [problem.code for problem in broken.problems] == [code]
    assert {problem.tenant for problem in broken.problems} == {"northwind"}
    assert "12345678" not in broken.problems[0].message
    assert broken.remedy


def test_labels_are_texts(given: Given) -> None:
    given.write({**HOOLI, "labels": {"region": 1}}, NORTHWIND)
    (broken,) = given.source().load().broken
    assert (broken.tenant, broken.problems[0].code) == ("hooli", "MKT203")


def test_one_wrong_integration_breaks_its_whole_tenant(given: Given) -> None:
    wrong = {"connector": "other-hr", "schedule": "never"}
    given.write({"tenant": "northwind", "integrations": [{"connector": "acme-hr"}, wrong]})
    configs = given.source().load()
    assert (configs.configurations, configs.tenants, len(configs.broken)) == ((), (), 1)


def test_the_digest_changes_with_the_content(given: Given) -> None:
    digests = []
    for cron in ("never", "never", "often"):
        given.write({"tenant": "northwind", "integrations": [{"connector": "acme-hr", "schedule": cron}]})
        digests.append(given.source().load().broken[0].digest)
    assert digests[0] == digests[1] != digests[2]


def test_the_place_of_an_integration_and_of_each_of_its_keys_is_known(given: Given) -> None:
    given.write(NORTHWIND)
    roster = next(c for c in given.source().load().configurations if c.name == "roster")
    assert roster.place()
    for key in ("schedule", "settings.base_url", "settings.columns.email", "secrets.WORKDAY_ISU_PASSWORD"):
        assert key in roster.origin.lines
        assert roster.place(key)
    assert "settings.nowhere" not in roster.origin.lines
    assert len(roster.origin.lines) == len(list(roster.origin.lines))


def test_where_there_is_nothing_at_all_nothing_starts(given: Given) -> None:
    with pytest.raises(StartError) as raised:
        given.source().load()
    assert raised.value.remedy


def test_the_version_changes_with_every_change_and_with_nothing_else(given: Given) -> None:
    given.write(NORTHWIND)
    source = given.source()
    first = source.version()
    assert first == source.version() == given.source().version()
    given.write({**NORTHWIND, "integrations": [{**ROSTER, "enabled": False}]})
    second = source.version()
    given.write(HOOLI)
    assert len({first, second, source.version()}) == 3
