import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mkt.cli.tour import STOPS

MKT = [sys.executable, "-m", "mkt"]
LONGEST_SECONDS = 15


@dataclass(frozen=True)
class Demo:
    """One whole tour, as a person would start it, but piped."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    group: int
    """Its process group."""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the demo takes for its temporary files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def environment(scratch: Path) -> dict[str, str]:
    # What leads mkt elsewhere must not lead the demo there.
    return {**os.environ, "TMPDIR": str(scratch), "MKT_PROJECT": "/nowhere", "GITHUB_ACTIONS": "true"}


@pytest.fixture(scope="module")
def demo(environment: dict[str, str]) -> Demo:
    began = time.monotonic()
    with subprocess.Popen(
        [*MKT, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        stdout, stderr = process.communicate(timeout=60)
    return Demo(process.returncode, stdout, stderr, time.monotonic() - began, process.pid)


def left_in(scratch: Path) -> dict[str, str]:
    """What was left behind, with the text of files: a crash log says why it is there."""
    return {path.name: path.read_text() if path.is_file() else "a folder" for path in scratch.iterdir()}


def after(demo: Demo, command: str) -> list[str]:
    """What the demo shows below a command, up to the next one."""
    lines = demo.stdout.splitlines()
    start = lines.index(f"$ {command}") + 1
    end = next((i for i, line in enumerate(lines[start:], start) if line.startswith("(exit code ")), len(lines))
    return lines[start:end]


def test_the_demo_ends_well_and_says_nothing_on_stderr(demo: Demo) -> None:
    assert demo.stderr == ""
    assert demo.returncode == 0


def test_each_command_is_shown_below_the_line_that_explains_it(demo: Demo) -> None:
    lines = demo.stdout.splitlines()
    explained = [(lines[i - 1].partition("  ")[2], line) for i, line in enumerate(lines) if line.startswith("$ mkt")]
    assert explained == [(stop.why, f"$ {stop.command}") for stop in STOPS]


def test_lint_shows_the_broken_file_at_its_lines(demo: Demo) -> None:
    found = after(demo, "mkt lint")
    assert "configs/initech.yaml:6:5: MKT201 shedule is not known" in found
    assert found[-2].startswith("2 errors, 0 warnings")
    assert found[-1] == "next: mkt lint --diff"


def test_verify_goes_on_past_the_tenants_that_fail(demo: Demo) -> None:
    assert any(line.startswith("2 failed, 2 warned, 2 passed in ") for line in after(demo, "mkt verify"))


def test_the_ladder_has_the_failed_step_and_its_remedy(demo: Demo) -> None:
    ladder = after(demo, "mkt verify acme")
    failed = next(i for i, line in enumerate(ladder) if line.startswith("  fail  endpoint answers"))
    assert ladder[failed + 1].split()[:2] == ["acts:", "customer"]
    assert "password expired" in ladder[failed + 1]
    assert ladder[failed + 2].split() == ["skip", "one", "page", "readable", "not", "reached"]


def test_the_first_sync_creates_records_for_the_healthy_integrations(
    demo: Demo,
) -> None:
    rows = {line.split()[0]: line.split()[2:7] for line in after(demo, "mkt sync") if " workday-hris  " in line}
    rows.pop("acme/roster")
    assert set(rows) == {"northwind/roster", "globex/workday-hris", "hooli/headquarters", "hooli/warehouses"}
    for created, *others in rows.values():
        assert int(created) > 0
        assert others == ["0", "0", "0", "0"]


def test_status_shows_the_two_problems_first(demo: Demo) -> None:
    lines = after(demo, "mkt status")
    headings = [line for line in lines if not line.startswith(" ")]
    assert headings[:3] == [
        "initech  config file  broken",
        "acme/roster  workday-hris  failing",
        "6 integrations: 1 broken, 1 failing, 4 ok",
    ]


def test_the_second_sync_finds_everything_unchanged(demo: Demo) -> None:
    assert "4 integrations without a change" in " ".join(after(demo, "mkt sync northwind globex hooli --now"))
    events = [line for line in after(demo, "mkt events -n 5") if "sync.completed" in line]
    assert len(events) == 4
    assert all("  0 created, " in line and line.endswith(" unchanged") for line in events)


def test_no_secret_is_shown(demo: Demo) -> None:
    assert "a-password-that-has-expired" not in demo.stdout


def test_nothing_stays_behind(demo: Demo, scratch: Path) -> None:
    assert left_in(scratch) == {}
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.group, 0)


def test_the_demo_is_short(demo: Demo) -> None:
    assert demo.seconds < LONGEST_SECONDS


def test_keep_leaves_the_project_but_no_partner(tmp_path: Path, environment: dict[str, str]) -> None:
    kept = tmp_path / "kept"
    demo = subprocess.run([*MKT, "demo", "--keep", str(kept)], capture_output=True, check=False, env=environment)
    assert demo.returncode == 0, demo.stderr
    assert sorted(path.name for path in kept.iterdir()) == [".mkt", "configs", "mkt.toml"]
    assert "http://127.0.0.1:" in (kept / "configs" / "northwind.yaml").read_text()


def test_a_folder_in_use_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    demo = subprocess.run([*MKT, "demo", "--keep", str(tmp_path)], capture_output=True, text=True, check=False)
    assert demo.returncode == 2
    assert "is not empty" in demo.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_cleans_up_too(
    number: signal.Signals, code: int, scratch: Path, environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [*MKT, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("$ mkt verify"):
                break
        demo.send_signal(number)
        _, errors = demo.communicate(timeout=LONGEST_SECONDS)
    assert demo.returncode == code
    assert "Traceback" not in errors
    assert left_in(scratch) == {}
