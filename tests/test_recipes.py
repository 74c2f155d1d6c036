"""The README's recipes do what they say: each is played from its first line to its last."""

import re
from pathlib import Path

import pytest
from docs.recipes import play, sections

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
RECIPES = sections(README)


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_shows_what_comes_of_it(title: str) -> None:
    with play(title) as played:
        assert played.text(RECIPES[title]) == RECIPES[title], "run `make docs` and look at the difference"


def test_what_people_ask_for_is_there() -> None:
    asked_for = {"Cron", "CI", "Onboarding a Moodle", "Onboarding a Workday", "A tenant is stale"}
    assert asked_for <= RECIPES.keys()


def test_a_line_of_a_block_that_looks_like_a_heading_ends_no_recipe() -> None:
    assert "## Your connection to Workday HCM" in RECIPES["A tenant is stale"]
    assert "$ mkt status --check" in RECIPES["A tenant is stale"]


def test_what_a_command_does_not_print_is_seen() -> None:
    with play("Onboarding a Workday") as played:
        recipe = "```console\n$ mkt tenants add northwind -c workday-hris\n…\nnext: mkt dance\n```\n"
        assert "next: mkt handover northwind" in played.text(recipe)


def test_lines_that_are_left_out_are_any_lines() -> None:
    recipe = "```console\n$ printf '1\\n2\\n3\\n'\n1\n…\n3\n```\n"
    with play("CI") as played:
        assert played.text(recipe) == recipe


def test_the_step_of_ci_fails_for_what_is_broken_and_passes_for_what_is_right() -> None:
    workflow = re.search(r"      - run: (mkt .+)", RECIPES["CI"])
    assert workflow
    with play("CI") as played:
        shown = played.text(f"```console\n$ {workflow[1]} > found; echo $?\n```\n")
        assert shown.endswith("\n1\n```\n")
        (played.project / "configs" / "initech.yaml").unlink()
        played.write("configs/acme.yaml", "tenant: acme\nintegrations: []\n")
        assert played.text(f"```console\n$ {workflow[1]} > found; echo $?\n```\n").endswith("\n0\n```\n")


def test_what_is_filled_in_takes_the_place_of_its_comment() -> None:
    with play("Onboarding a Workday") as played:
        played.write("configs/a.yaml", "tenant: a\n  # base_url: x\n  # other: y\n")
        played.text("<!-- fill in: configs/a.yaml -->\n```yaml\n  base_url: z\n  report: r\n```\n")
        written = (played.project / "configs" / "a.yaml").read_text()
        assert written == "tenant: a\n  base_url: z\n  report: r\n  # other: y\n"
