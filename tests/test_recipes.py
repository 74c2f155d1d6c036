"""The README's recipes do what they say: each is played from its first line to its last."""

import json
import re
from pathlib import Path

import pytest
import yaml
from docs.recipes import play, sections

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
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


@pytest.mark.parametrize("step", re.findall(r"      - run: (mkt .+)", RECIPES["CI"]))
def test_a_step_of_ci_fails_for_what_is_broken_alone_unless_it_only_reports(step: str) -> None:
    with play("CI") as played:
        shown = played.text(f"```console\n$ {step} > found; echo $?\n```\n")
        assert shown.splitlines()[-2] == ("0" if "--exit-zero" in step else "1")
        (played.project / "configs" / "initech.yaml").unlink()
        played.write("configs/acme.yaml", "tenant: acme\nintegrations: []\n")
        assert played.text(f"```console\n$ {step} > found; echo $?\n```\n").splitlines()[-2] == "0"


def test_the_file_for_code_scanning_is_the_one_that_is_uploaded() -> None:
    (step,) = re.findall(r"      - run: (mkt .+sarif.*)", RECIPES["CI"])
    (file,) = re.findall(r"sarif_file: ([\w.]+)", RECIPES["CI"])
    with play("CI") as played:
        played.text(f"```console\n$ {step}\n```\n")
        assert json.loads((played.project / file).read_text())["runs"][0]["results"]


def test_the_hook_of_the_recipe_is_one_that_this_repository_has() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    with play("CI") as played:
        played.text(RECIPES["CI"])
        config = yaml.safe_load((played.project / ".pre-commit-config.yaml").read_text())
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == [hook["id"] for hook in hooks]


def test_what_is_filled_in_takes_the_place_of_its_comment() -> None:
    with play("Onboarding a Workday") as played:
        played.write("configs/a.yaml", "tenant: a\n  # base_url: x\n  # other: y\n")
        played.text("<!-- fill in: configs/a.yaml -->\n```yaml\n  base_url: z\n  report: r\n```\n")
        written = (played.project / "configs" / "a.yaml").read_text()
        assert written == "tenant: a\n  base_url: z\n  report: r\n  # other: y\n"
