"""A dry run that shows what it would change."""

from tests.engine.rig import Rig, people

from mkt.contract import Guard


def _shown(rig: Rig, **options: object) -> list[tuple[str, str]]:
    preview = rig.sync_one(dry_run=True, **{"preview": 5, **options}).preview
    return [(record.change, record.external_id) for record in preview.get("people", ())]


def test_a_first_load_shows_what_comes(rig: Rig) -> None:
    assert _shown(rig, preview=1) == [("created", "anna")]
    assert rig.names() == []


def test_a_later_sync_shows_what_goes_and_comes_and_stores_nothing(rig: Rig) -> None:
    rig.sync(all=True)
    rig.yields(*people("ben", "carl"))
    assert _shown(rig) == [("deleted", "anna"), ("created", "carl")]
    assert rig.names() == ["anna", "ben"]


def test_what_is_over_a_limit_is_shown_too(rig: Rig) -> None:
    rig.source.configurations = [
        type(each)(tenant=each.tenant, name=each.name, connector=each.connector, guard=Guard(ignore_below=0))
        for each in rig.source.configurations
    ]
    rig.sync(all=True)
    rig.yields(*people("ben"))
    result = rig.sync_one(dry_run=True, preview=5)
    assert result.outcome != "ok"
    assert [record.external_id for record in result.preview["people"]] == ["anna"]


def test_no_event_holds_a_previewed_value(rig: Rig) -> None:
    rig.yields(*people("Lindqvist-4711"))
    assert _shown(rig) == [("created", "Lindqvist-4711")]
    assert "Lindqvist" not in str(rig.recorder.events)
