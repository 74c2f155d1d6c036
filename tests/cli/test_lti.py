import json
from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project

SETTINGS = {"platform": "moodle", "lti_platform_url": "https://moodle.example.edu"}


@pytest.fixture
def campus(project: Project) -> Path:
    """A project whose tenant campus has a Moodle and something else."""
    (project.root / "mkt.toml").write_text('public_url = "https://mkt.example.com/"\n')
    return write(project.root, {"name": "moodle", "connector": "lti-1p3-deeplink", "settings": SETTINGS})


def write(root: Path, *integrations: object) -> Path:
    (root / "configs" / "campus.yaml").write_text(json.dumps({"tenant": "campus", "integrations": integrations}))
    return root


@pytest.mark.usefixtures("campus")
def test_a_link_is_made_and_who_made_it_is_kept(mkt: Mkt) -> None:
    made = mkt("lti", "register-link", "campus")
    first, link, *_, last = made.out.splitlines()
    assert made.code == 0
    assert "good once, until 20" in first
    assert link.startswith("https://mkt.example.com/hooks/campus/moodle/register/")
    assert len(link.rpartition("/")[2]) >= 43
    assert last == "next: mkt lti register-link campus/moodle --show"
    events = mkt("events", "campus", "-o", "json").out
    assert "make link campus/moodle" in events
    assert link.rpartition("/")[2] not in events


@pytest.mark.usefixtures("campus")
def test_two_links_are_two(mkt: Mkt) -> None:
    one, other = (json.loads(mkt("lti", "register-link", "campus", "-o", "json").out) for _ in range(2))
    assert one["url"] != other["url"]
    assert one.keys() == {"target", "url", "expires_at"}


@pytest.mark.usefixtures("campus")
def test_before_a_registration_show_says_how_to_begin(mkt: Mkt) -> None:
    answer = mkt("lti", "register-link", "campus", "--show")
    assert answer.code == 1
    assert "no platform has registered with campus/moodle yet" in answer.err
    assert "mkt lti register-link campus/moodle" in answer.err


def test_without_a_public_address_no_link_is_made(mkt: Mkt, campus: Path) -> None:
    (campus / "mkt.toml").write_text("")
    answer = mkt("lti", "register-link", "campus")
    assert (answer.code, answer.out) == (1, "")
    assert "public_url" in answer.err


def test_what_is_no_platform_has_no_link(mkt: Mkt, campus: Path) -> None:
    write(campus, {"name": "roster", "connector": "workday-hris", "settings": {}})
    answer = mkt("lti", "register-link", "campus")
    assert answer.code == 1
    assert "campus/roster is no learning platform" in answer.err


def test_of_several_integrations_one_is_to_be_named(mkt: Mkt, campus: Path) -> None:
    both = [{"name": name, "connector": "lti-1p3-deeplink", "settings": SETTINGS} for name in ("one", "two")]
    write(campus, *both)
    answer = mkt("lti", "register-link", "campus")
    assert answer.code == 1
    assert "campus/one, campus/two" in answer.err


@pytest.mark.usefixtures("campus")
def test_a_time_that_is_none_is_refused(mkt: Mkt) -> None:
    assert mkt("lti", "register-link", "campus", "--valid", "soon").code == 2
