"""The report of the tiny cohort, opened in a real browser."""

import json
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# what a reader would notice: pictures that do not load, text that runs off the page, links that lead nowhere
PROBE = """<script>
addEventListener("load", () => {
  const images = [...document.images];
  const links = [...document.querySelectorAll("a[href^='#']")];
  document.documentElement.dataset.seen = JSON.stringify({
    images: images.length,
    broken: images.filter(image => !image.naturalWidth).length,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    dead: links.filter(link => !document.getElementById(link.getAttribute("href").slice(1))).length,
    fetched: performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length,
  });
});
</script>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [400, 1280])
def test_the_report_in_a_browser(smoke, tmp_path, width):
    page = tmp_path / "report.html"
    page.write_text((smoke / "results/report.html").read_text().replace("</body>", PROBE + "</body>"))
    command = [
        *(CHROMIUM, *QUIET, f"--user-data-dir={tmp_path}/profile", f"--window-size={width},900"),
        *("--virtual-time-budget=10000", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    seen = json.loads(re.search(r'data-seen="([^"]+)"', done.stdout)[1].replace("&quot;", '"'))
    assert seen["images"] >= 8
    assert {key: seen[key] for key in ("broken", "dead", "fetched")} == {"broken": 0, "dead": 0, "fetched": 0}
    assert seen["overflow"] <= 0


def test_the_report_needs_no_network(smoke):
    page = (smoke / "results/report.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
