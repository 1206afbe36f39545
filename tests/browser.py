"""A headless Chromium spoken to through its debugging pipe: what a reader's browser does with a page."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    "--remote-debugging-pipe",
)
# what a reader would notice: pictures that do not load, text beyond the page, broken anchors
_LOOK = """(() => {
  const root = document.documentElement, images = [...document.images];
  document.querySelectorAll("details").forEach(part => part.open = true);
  const links = [...document.querySelectorAll("a[href]")].map(link => link.getAttribute("href"));
  const wide = [...document.querySelectorAll("body *")].filter(part => {
    const style = getComputedStyle(part);
    return part.scrollWidth > part.clientWidth + 1 && ["auto", "scroll"].includes(style.overflowX)
      || part.tagName === "TABLE" && part.offsetWidth > part.parentElement.clientWidth + 1
      || part.getBoundingClientRect().right > root.clientWidth + 1 && style.position !== "absolute";
  });
  return JSON.stringify({
    width: innerWidth, overflow: root.scrollWidth - root.clientWidth,
    wide: wide.map(part => part.tagName + "." + part.className + ": " + part.textContent.trim().slice(0, 60)),
    images: images.length,
    broken: images.filter(image => !image.complete || !image.naturalWidth).map(image => image.alt),
    dead: links.filter(link => link[0] === "#" && !document.getElementById(link.slice(1))),
    links: links.filter(link => link[0] !== "#"),
    headings: [...document.querySelectorAll("h2")].map(heading => heading.textContent),
  });
})()"""


class Browser:
    """One browser for several pages; use as a context manager.

    Parameters
    ----------
    folder : empty folder for its profile
    """

    def __init__(self, folder):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def place():  # Chromium reads its commands from descriptor 3 and answers on 4
            copies = [os.dup(to_browser), os.dup(from_browser)]
            for target, copy in zip((3, 4), copies, strict=True):
                os.dup2(copy, target)

        self._process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=place, close_fds=False,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._pending, self._events, self._session = 0, b"", [], None
        target = next(
            target for target in self._ask("Target.getTargets")["targetInfos"] if target["type"] == "page"
        )
        attached = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(OSError, RuntimeError):
            self._session = None
            self._ask("Browser.close")
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def look(self, path, *, width, height=900, picture=None):
        """Open a page at a width with all parts unfolded, and report what a reader would notice.

        Parameters
        ----------
        path : HTML file
        width, height : of the window, CSS pixels
        picture : path of a PNG of the whole page, as it opens, optional

        Returns
        -------
        dict : ``width`` (as the page sees it), ``overflow`` (pixels beyond the right edge), ``wide`` (elements that
            scroll sideways, tables wider than their frame, and what reaches beyond the edge), ``images``,
            ``broken`` (alt texts), ``dead`` (anchors without a target), ``links`` (all others), ``headings``,
            ``console`` (errors and warnings), ``requests`` (addresses fetched, but for the page and data within it)
        """
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        self._events.clear()
        address = Path(path).resolve().as_uri()
        self._ask("Page.navigate", url=address)
        self._wait_for("Page.loadEventFired")
        if picture:
            shot = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
            Path(picture).write_bytes(base64.b64decode(shot["data"]))
        seen = json.loads(self.run(_LOOK))
        return seen | {"console": self._console(), "requests": self._requests(address)}

    def printed_pages(self, path):
        """Number of sheets of a page when printed on its declared paper size."""
        self._events.clear()
        self._ask("Page.navigate", url=Path(path).resolve().as_uri())
        self._wait_for("Page.loadEventFired")
        printed = base64.b64decode(self._ask("Page.printToPDF", preferCSSPageSize=True)["data"])
        return len(re.findall(rb"/Type\s*/Page\b", printed))

    def run(self, expression):
        """Value of a JavaScript expression in the page."""
        return self._ask("Runtime.evaluate", expression=expression, awaitPromise=True)["result"].get("value")

    def _console(self):
        told = []
        for event in self._events:
            content = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                told.append(content["exceptionDetails"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and content["type"] in ("error", "warning"):
                told.append(str(content["args"]))
            elif event["method"] == "Log.entryAdded" and content["entry"]["level"] in ("error", "warning"):
                told.append(content["entry"]["text"])
        return told

    def _requests(self, address):
        sent = [event for event in self._events if event["method"] == "Network.requestWillBeSent"]
        asked = [event["params"]["request"]["url"] for event in sent]
        return [url for url in asked if url != address and not url.startswith("data:")]

    def _ask(self, method, **parameters):
        """Send a command and wait for its answer; keep events that arrive in the meantime."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _wait_for(self, method, seconds=60):
        end = time.monotonic() + seconds
        while not any(event["method"] == method for event in self._events):
            if time.monotonic() > end:
                raise TimeoutError(f"{method} did not come within {seconds} s")
            self._next()

    def _next(self):
        while b"\0" not in self._pending:
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self._pending += part
        text, self._pending = self._pending.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self._events.append(message)
        return message
