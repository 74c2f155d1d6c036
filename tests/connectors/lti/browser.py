"""A real Chromium without a screen, by the Chrome DevTools Protocol."""

import json
import shutil
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from websockets.sync.client import ClientConnection, connect

_SECONDS: Final = 20
_FLAGS: Final = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions")
_KEYS: Final = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40}


class ProtocolError(Exception):
    """The browser refuses a call."""


class Tab:
    """One page, or a frame in it that belongs to another site."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket = socket
        self._session = session

    def call(self, method: str, **params: Any) -> Any:
        return _call(self._socket, method, self._session, params)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def js(self, expression: str) -> Any:
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Return the first value of the expression that is not false."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            with suppress(ProtocolError):  # between two pages there is nothing to look at
                if found := self.js(expression):
                    return found
            threading.Event().wait(0.02)
        raise AssertionError(f"{expression} stayed false: {self.js('document.documentElement.outerHTML')}")

    def press(self, key: str, modifiers: int = 0) -> None:
        code = {"key": key, "windowsVirtualKeyCode": _KEYS[key], "modifiers": modifiers}
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, path: Path) -> None:
        path.write_bytes(b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def frame(self, expression: str) -> "Tab":
        """Return the frame of another site that the page shows, once the expression is true in it."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            for found in _call(self._socket, "Target.getTargets", "", {})["targetInfos"]:
                # While it goes from site to site, a frame may be gone between two calls.
                with suppress(ProtocolError):
                    if found["type"] == "iframe" and (tab := self._tab(found["targetId"])).js(expression):
                        return tab
            threading.Event().wait(0.02)
        raise AssertionError(f"no frame of another site has {expression}")

    def _tab(self, target: str) -> "Tab":
        return Tab(self._socket, _attach(self._socket, target))


@contextmanager
def browser() -> Iterator[Tab]:
    """Start a browser with a profile of its own, and end it."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("chromium is missing: `make setup` installs it")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *_FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(Path(profile)), max_size=None) as socket:
                target = _call(socket, "Target.createTarget", "", {"url": "about:blank"})["targetId"]
                tab = Tab(socket, _attach(socket, target))
                tab.call("Page.enable")
                yield tab
        finally:
            process.kill()
            process.wait()


_numbers = count(1)


def _call(socket: ClientConnection, method: str, session: str, params: dict[str, Any]) -> Any:
    number = next(_numbers)
    message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
    socket.send(json.dumps(message))
    while True:
        answer = json.loads(socket.recv(timeout=_SECONDS))
        if answer.get("id") == number:
            if "error" in answer:
                raise ProtocolError(f"{method}: {answer['error']}")
            return answer["result"]


def _attach(socket: ClientConnection, target: str) -> str:
    found: str = _call(socket, "Target.attachToTarget", "", {"targetId": target, "flatten": True})["sessionId"]
    return found


def _address(profile: Path) -> str:
    """Return where the browser listens, which it writes down when it does."""
    place, ends = profile / "DevToolsActivePort", time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        if place.exists() and len(lines := place.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        threading.Event().wait(0.02)
    raise AssertionError("chromium did not start")
