import pytest
from tests.engine.rig import configuration

from mkt.configs.base import BrokenTenant, Configs, Position, Problem
from mkt.engine.selection import Selection
from mkt.errors import StartError

CONFIGS = Configs(
    configurations=(configuration("acme", labels={"region": "emea"}), configuration("globex")),
    broken=(BrokenTenant("initech", (Problem("MKT101", "bad", Position("x")),), ""),),
    tenants=("acme", "empty", "globex"),
)


def chosen(**fields: object) -> list[str]:
    selected = Selection(**fields).choose(CONFIGS)  # type: ignore[arg-type]
    return [c.tenant for c in selected.configurations] + [b.tenant for b in selected.broken]


def test_nothing_said_is_everything() -> None:
    assert chosen() == ["acme", "globex", "initech"]


def test_a_target_is_a_tenant_or_an_integration() -> None:
    assert chosen(targets=("acme",)) == ["acme"]
    assert chosen(targets=("globex/roster",)) == ["globex"]


def test_equal_filters_add_up_and_different_ones_narrow_down() -> None:
    assert chosen(tenants=("acme", "globex")) == ["acme", "globex"]
    assert chosen(tenants=("acme",), labels={"region": "emea"}) == ["acme"]


def test_a_broken_tenant_can_be_named() -> None:
    assert chosen(targets=("initech",)) == ["initech"]
    assert chosen(targets=("initech/roster",)) == ["initech"]


def test_a_tenant_without_integrations_is_no_error() -> None:
    assert chosen(tenants=("empty",)) == []


@pytest.mark.parametrize(
    ("fields", "message", "remedy"),
    [
        ({"targets": ("acmee",)}, "there is no tenant acmee", "Did you mean acme?"),
        ({"targets": ("acme/rooster",)}, "there is no integration acme/rooster", "Did you mean acme/roster?"),
        ({"tenants": ("zzz",)}, "there is no tenant zzz", "See `mkt tenants list`."),
        ({"tenants": ("globex",), "labels": {"region": "apac"}}, "no integration matches the filters", "See"),
    ],
)
def test_what_does_not_exist_is_said_and_the_nearest_named(fields: object, message: str, remedy: str) -> None:
    with pytest.raises(StartError, match=message) as caught:
        chosen(**fields)  # type: ignore[arg-type]
    assert caught.value.remedy.startswith(remedy)
