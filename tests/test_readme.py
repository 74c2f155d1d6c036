import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.comparing import comparable
from docs.readme import rewritten

from mkt.cli.app import COMMANDS, run
from mkt.store.supabase.migrations import MIGRATIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MEMBER = re.compile(r"<!-- member: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = README.partition("## Commands")[2].partition("| exit")[0]
IN_TABLE = sorted(set(re.findall(r"`mkt ((?:[a-z]+(?:-[a-z]+)* ?)+)", TABLE)))


def test_the_readme_shows_what_the_commands_print() -> None:
    assert rewritten(README) == README, "run `make docs` and look at the difference"


def test_a_readme_that_is_wrong_is_rewritten() -> None:
    wrong = "<!-- run -->\n```console\n$ mkt tenants list\nno tenants\n```\n"
    assert "northwind  roster" in rewritten(wrong)


def test_what_differs_from_run_to_run_is_not_compared() -> None:
    one = "ok  134 ms  3 s ago (02:15 UTC)  mkt runs show 941024ab  http://127.0.0.1:4711"
    other = "ok  1.2 s  4 min ago (23:59 UTC)  mkt runs show d35557c8  http://127.0.0.1:815"
    assert comparable(one) == comparable(other)


def test_a_count_is_compared() -> None:
    assert comparable("650 created") != comparable("651 created")


def test_every_migration_is_named_and_counted() -> None:
    assert re.findall(r"wrote  supabase/migrations/(\S+)", README) == [each.path.name for each in MIGRATIONS]
    assert f"is as mkt's {len(MIGRATIONS)} migrations made it" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readmes_table(command: str) -> None:
    assert [words for words in IN_TABLE if words.split()[0] == command] != []


@pytest.mark.parametrize("words", IN_TABLE)
def test_what_the_table_names_can_be_run(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words.split(), "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: mkt {words.strip()} ")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README + CONTRIBUTING))))
def test_a_link_leads_to_a_file_of_the_repository(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_connector_of_contributing_passes_the_suite(tmp_path: Path) -> None:
    folder, facts = tmp_path / "acme_hris", tmp_path / "acme_hris-1.dist-info"
    folder.mkdir()
    facts.mkdir()
    (folder / "__init__.py").write_text('"""Acme HR."""\n')
    for name, text in MEMBER.findall(CONTRIBUTING):
        # In a folder of its own it is the distribution of its own that the text speaks of.
        (folder / name).write_text(text.replace("mkt.connectors.acme_hris", "acme_hris"))
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-hris\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[mkt.connectors]\nacme-hris = acme_hris\n")
    suite = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(folder)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert suite.returncode == 0, suite.stdout
    assert " passed" in suite.stdout
