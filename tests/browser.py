"""A headless Chromium, told by its DevTools protocol over a pipe what to do: no driver, no library, no network port.

Rules: it has a home of its own and ends with the tests. `errors` are what a page put on its console, `asked` the
addresses of what it asked for.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--no-proxy-server",
)  # fmt: skip
Json = dict[str, Any]


class Browser:
    """One page of a browser; `width` and `height` in CSS pixels."""

    def __init__(self) -> None:
        assert PROGRAM, "no Chromium"
        self.errors: list[str] = []
        self.asked: list[str] = []
        self._home = Path(tempfile.mkdtemp(prefix="forgejo-shim-browser-"))
        (read, self._out), (self._in, write) = os.pipe(), os.pipe()
        placed = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash"]  # where Chromium looks for its pipes
        self._process = subprocess.Popen(
            [*placed, PROGRAM, *FLAGS, f"--user-data-dir={self._home}", "about:blank"],
            pass_fds=(read, write),
            env={"PATH": os.environ["PATH"], "HOME": str(self._home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._rest, self._session = b"", ""
        self._number = self._loaded = 0
        (target,) = [one for one in self.do("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        attached = self.do("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **given: Any) -> Json:
        """Give a command; its result."""
        self._number += 1
        sent = {"id": self._number, "method": method, "params": given}
        if self._session:
            sent["sessionId"] = self._session
        os.write(self._out, json.dumps(sent).encode() + b"\0")
        while (told := self._message()).get("id") != self._number:
            pass
        assert "result" in told, f"{method}: {told['error']}"
        result: Json = told["result"]
        return result

    def _message(self) -> Json:
        while b"\0" not in self._rest:
            data = os.read(self._in, 1 << 20)
            assert data, "the browser has ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        told: Json = json.loads(line)
        given = told.get("params", {})
        match told.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Network.requestWillBeSent":
                self.asked.append(given["request"]["url"])
            case "Log.entryAdded":
                self.errors.append(given["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.errors.append(str(given["args"]))
            case "Runtime.exceptionThrown":
                self.errors.append(str(given["exceptionDetails"]))
        return told

    def size(self, width: int, height: int = 800, *, dark: bool = False) -> None:
        """How large the window is, and what the reader prefers."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is there."""
        before = self._loaded
        self.do("Page.navigate", url=url)
        while self._loaded == before:
            self.value("0")

    def value(self, expression: str) -> Any:
        """What an expression gives in the page; promises are waited for."""
        told = self.do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression: str, seconds: float = 10) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression} did not come true"
            time.sleep(0.05)

    def key(self, name: str) -> None:
        """Press a key and let it go."""
        text = {"Enter": "\r", " ": " "}.get(name, "")
        code = {"Enter": 13, "Tab": 9, " ": 32}[name]
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.do("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, **more)

    def picture(self) -> bytes:
        """The whole page as PNG."""
        size = self.do("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        return base64.b64decode(self.do("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._home, ignore_errors=True)
