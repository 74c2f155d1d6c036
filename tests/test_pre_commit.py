"""The hook of `.pre-commit-hooks.yaml`, as people use it: pre-commit installs it from a commit of this repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "src", "examples")
Run = Callable[..., subprocess.CompletedProcess[str]]


def git(folder: Path, *arguments: str) -> str:
    person = ("-c", "user.name=ops", "-c", "user.email=ops@example.com", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *person, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--message", "one")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """This repository as it is now, in one commit."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", ".mkt", "test_*.py")
    for name in PACKAGE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    return folder, committed(folder)


@pytest.fixture(scope="module")
def run(source: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run pre-commit in a scratch repository with these files staged."""
    home = tmp_path_factory.mktemp("home")
    folder, commit = source

    def pre_commit(files: dict[str, str], scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        hook = ", ".join(["id: mkt-lint", *arguments])
        config = f"repos:\n  - repo: {folder}\n    rev: {commit}\n    hooks: [{{{hook}}}]\n"
        for name, text in {".pre-commit-config.yaml": config, "mkt.toml": "", **files}.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(scratch, "init", "--quiet")
        git(scratch, "add", "--all")
        command = [sys.executable, "-m", "pre_commit", "run", "--color=never"]
        environment = {**os.environ, "PRE_COMMIT_HOME": str(home)}
        return subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, check=False, timeout=230
        )

    return pre_commit


INITECH = (ROOT / "examples" / "configs" / "initech.yaml").read_text(encoding="utf-8")


def test_what_is_broken_is_not_committed(run: Run, tmp_path: Path) -> None:
    done = run({"configs/initech.yaml": INITECH}, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "configs/initech.yaml:6:5: MKT201 shedule is not known" in done.stdout


def test_what_is_right_is_committed_and_other_files_are_not_looked_at(run: Run, tmp_path: Path) -> None:
    done = run({"configs/acme.yaml": "tenant: acme\nintegrations: []\n", "other.yaml": "["}, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_a_staged_file_is_compared_with_those_that_are_not_staged(run: Run, tmp_path: Path) -> None:
    acme = "tenant: acme\nintegrations: []\n"
    (tmp_path / "configs" / "old").mkdir(parents=True)
    (tmp_path / "configs" / "old" / "acme.yaml").write_text(acme)
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".git" / "info" / "exclude").write_text("configs/old\n")
    done = run({"configs/acme.yaml": acme}, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MKT701 tenant acme stands in another file too: configs/old/acme.yaml:1" in done.stdout


def test_with_fix_the_file_is_mended_and_the_commit_waits_for_a_look(run: Run, tmp_path: Path) -> None:
    done = run({"configs/initech.yaml": INITECH}, tmp_path, "args: [--fix]")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "files were modified by this hook" in done.stdout
    mended = (tmp_path / "configs" / "initech.yaml").read_text()
    assert mended == INITECH.replace("shedule", "schedule").replace("reprot", "report")
