"""What the real `mkt lint` touches: an audit hook in its processes tells."""

import json
import os
import subprocess
import sys
import zoneinfo
from pathlib import Path

import pytest
from tests.cli.process import SECONDS

import mkt

HOOK = """\
import json, os, sys
told = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
KINDS = ("open", "socket", "subprocess", "os.exec", "os.posix_spawn", "os.system", "os.listdir", "os.scandir")
def hook(event, arguments):
    if event.startswith(KINDS):
        os.write(told, (json.dumps([event, str(arguments[0]) if arguments else ""]) + "\\n").encode())
sys.argv = ["mkt", *sys.argv[2:]]
from mkt.__main__ import main
sys.addaudithook(hook)
main()
"""
FILE = """\
tenant: {name}
integrations:
  - name: roster
    connector: workday-hris
    schedule: "15 2 * * *"
    timezone: Europe/London
    settings: {{base_url: https://wd5-services1.workday.com, tenant: {name}}}
    secrets: {{WORKDAY_BEARER_TOKEN: "file:secrets/token"}}
  - connector: lti-1p3-deeplink
    settings: {{}}
    secrets: {{LTI_CLIENT_ID: env:{upper}_CLIENT, LTI_PRIVATE_KEY: keyring:mkt/{name}}}
"""


@pytest.fixture(params=[3, 400], ids=["one process", "several"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> list[tuple[str, str]]:
    """Lint a project of so many files; return every event and what it was about."""
    project = tmp_path / "project"
    (project / "configs").mkdir(parents=True)
    (project / "secrets").mkdir()
    (project / "mkt.toml").touch()
    (project / "secrets" / "token").write_text("hunter2")
    (project / ".env").write_text("T1_CLIENT=hunter2\n")
    for number in range(request.param):
        text = FILE.format(name=f"t{number}", upper=f"T{number}")
        (project / "configs" / f"t{number}.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", HOOK, str(tmp_path / "told"), "lint", "-o", "json"],
        cwd=project,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # the references that are shared are warnings; the keyring's is none
    assert len({finding["path"] for finding in json.loads(done.stdout)}) == request.param
    assert b"hunter2" not in done.stdout + done.stderr
    return [(event, about) for event, about in map(json.loads, (tmp_path / "told").read_text().splitlines())]


def test_lint_opens_no_socket_and_starts_no_program(told: list[tuple[str, str]]) -> None:
    assert not [event for event, _ in told if event.startswith(("socket.connect", "socket.bind", "socket.getaddr"))]
    assert not [event for event, _ in told if event.startswith(("subprocess", "os.exec", "os.posix", "os.system"))]


def opened(told: list[tuple[str, str]]) -> set[str]:
    return {about for event, about in told if event in ("open", "os.listdir", "os.scandir")}


def test_lint_reads_no_file_outside_of_the_project_and_no_secret(told: list[tuple[str, str]], tmp_path: Path) -> None:
    package = Path(mkt.__file__).parent
    own = (str(package), sys.prefix, sys.base_prefix, *zoneinfo.TZPATH, str(tmp_path), os.devnull)
    absolute = {path for path in opened(told) if path.startswith("/") and path != str(package.parent)}
    assert not {path for path in absolute if not path.startswith(own)}
    assert any(path.endswith("configs/t1.yaml") for path in opened(told))
    assert not any(path.endswith("secrets/token") for path in opened(told))  # .env holds settings too, and is read


def test_of_a_connector_lint_imports_the_settings_alone(told: list[tuple[str, str]]) -> None:
    connectors = Path(mkt.__file__).parent / "connectors"
    below = {Path(path).relative_to(connectors) for path in opened(told) if path.startswith(f"{connectors}/")}
    assert {path.name.partition(".")[0] for path in below if path.suffix} == {"__init__", "manifest", "settings"}
    unneeded = ("/httpx/", "/site-packages/keyring/", "/mkt/runtime/", "/mkt/engine/", "/mkt/store/", "/sqlite3/")
    assert not [path for path in opened(told) if any(part in path for part in unneeded)]
