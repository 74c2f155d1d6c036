"""A real Secret Service: gnome-keyring under a D-Bus session bus of its own, without a screen."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import secretstorage
from jeepney import MatchRule, message_bus  # type: ignore[import-untyped]
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection  # type: ignore[import-untyped]

_NAME = "org.freedesktop.secrets"
_SECONDS = 20
# No <servicedir>: nothing is started besides, neither a second daemon nor a window that asks for a password.
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

Session = Mapping[str, str]
"""The variables by which a process is in the session."""


@contextmanager
def secret_service() -> Iterator[Session]:
    """Run a bus and an unlocked keyring, both gone at the end."""
    for program in ("dbus-daemon", "gnome-keyring-daemon"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: `make setup` installs it")
    with TemporaryDirectory(prefix="mkt-") as name, _bus(Path(name)) as session, _keyring(session):
        yield session


@contextmanager
def _bus(folder: Path) -> Iterator[Session]:
    config = folder / "bus.xml"
    config.write_text(_BUS.format(socket=folder / "bus"))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"]
    with _ended(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)) as bus:
        assert bus.stdout is not None
        address = bus.stdout.readline().decode().strip()
        yield {"DBUS_SESSION_BUS_ADDRESS": address, "XDG_RUNTIME_DIR": str(folder), "XDG_DATA_HOME": str(folder)}


@contextmanager
def _keyring(session: Session) -> Iterator[None]:
    command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": session["XDG_DATA_HOME"], **session}
    quiet = subprocess.DEVNULL
    with _ended(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, env=environment)
    ) as daemon:
        assert daemon.stdin is not None
        daemon.stdin.write(b"a password of the tests")
        daemon.stdin.close()
        _wait_for_name(session)
        yield


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a process whatever happens: one that is left would be waited for."""
    with process:
        try:
            yield process
        finally:
            process.terminate()


def _wait_for_name(session: Session) -> None:
    rule = MatchRule(
        type="signal",
        sender=message_bus.bus_name,
        interface=message_bus.interface,
        member="NameOwnerChanged",
        path=message_bus.object_path,
    )
    rule.add_arg_condition(0, _NAME)
    with _connection(session) as connection, connection.filter(rule) as changes:
        bus = Proxy(message_bus, connection)
        bus.AddMatch(rule)
        if not bus.NameHasOwner(_NAME)[0]:
            connection.recv_until_filtered(changes, timeout=_SECONDS)


def lock(session: Session) -> None:
    """Lock the keyring; nobody is there to unlock it."""
    with closing(_connection(session)) as connection:
        secretstorage.get_default_collection(connection).lock()


def _connection(session: Session) -> DBusConnection:
    return open_dbus_connection(bus=session["DBUS_SESSION_BUS_ADDRESS"])
