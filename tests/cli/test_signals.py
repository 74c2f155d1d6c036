"""^C and SIGTERM."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.cli.front import ENVIRONMENT, Project

from mkt.cli.signals import stopping
from mkt.engine.base import Stop

SECRETS = {
    "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_USERNAME": "isu",
    "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD": "a-password",
}


def test_the_first_signal_asks_and_the_second_ends(capfd: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as end, stopping(stop):  # noqa: PT012 - the second signal is what raises
            signal.raise_signal(signal.SIGTERM)
            assert stop.reason == "terminated"
            signal.raise_signal(signal.SIGINT)
    finally:
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert end.value.code == 130
    assert capfd.readouterr().err.count("stopping at the next checkpoint") == 1


@pytest.fixture
def silent_partner(project: Project) -> Iterator[socket.socket]:
    """Accepts a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]
        settings = {"base_url": f"http://127.0.0.1:{port}", "tenant": "t1", "report": "isu/Roster"}
        project.write("northwind", settings=settings, schedule="15 2 * * *")
        yield server


def _started(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mkt", *arguments, "-C", str(project.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **SECRETS},
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sync_ends_cleanly_with_its_summary(
    project: Project, silent_partner: socket.socket, number: int, code: int
) -> None:
    with _started(project, "sync") as mkt:
        connection, _ = silent_partner.accept()
        mkt.send_signal(number)
        out, err = mkt.communicate(timeout=60)
        connection.close()
    assert mkt.returncode == code
    assert b'"event":"run.summary"' in out.splitlines()[-1]
    assert f'"exit_code":{code}'.encode() in out.splitlines()[-1]
    assert b"Traceback" not in err


def test_a_second_signal_does_not_wait(project: Project, silent_partner: socket.socket) -> None:
    with _started(project, "sync") as mkt:
        connection, _ = silent_partner.accept()
        mkt.send_signal(signal.SIGTERM)
        assert mkt.stderr is not None
        assert b"again to end at once" in mkt.stderr.readline()
        mkt.send_signal(signal.SIGTERM)
        mkt.communicate(timeout=60)
        connection.close()
    assert mkt.returncode == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_following_events_ends_on_a_signal(project: Project, number: int, code: int) -> None:
    project.write("northwind")
    done = subprocess.run(
        [sys.executable, "-m", "mkt", "verify", "-C", str(project.root)],
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 1
    with _started(project, "events", "--follow") as mkt:
        assert mkt.stdout is not None
        assert b"verify." in mkt.stdout.readline()
        mkt.send_signal(number)
        _, err = mkt.communicate(timeout=60)
    assert (mkt.returncode, err) == (code, b"")
