"""Measure the course page on a simulated slow phone: 1/4 CPU, 1.6 Mbit/s, 150 ms latency.

`python -m bench page`: first contentful paint in a real Chromium, each run with an empty cache.
"""

import tempfile
from pathlib import Path
from typing import Any

from bench.figures import line

RUNS = 9
SLOWER, LATENCY_MS, BYTES_PER_S = 4, 150, 1_600_000 / 8
PAGES = ("/", "/plans")
_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
    const seen = list.getEntriesByName("first-contentful-paint");
    if (seen.length) done(seen[0].startTime);
}).observe({type: "paint", buffered: true}))"""


def run() -> None:
    """Print minimum, median and maximum for each page."""
    from playwright.sync_api import sync_playwright

    from tests.api.payment_api import run_shop_pages
    from tests.browser.installed_chromium import ARGUMENTS, CHROMIUM

    with (
        tempfile.TemporaryDirectory() as folder,
        run_shop_pages(Path(folder)) as pages,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for page in PAGES:
            address = pages.site.address + page
            durations_s = [_measure_paint(browser, address) for _ in range(RUNS + 1)][1:]
            print(line(f"first contentful paint of {page}", durations_s))
        browser.close()


def _measure_paint(browser: Any, address: str) -> float:
    """Return the seconds until a page's first contentful paint."""
    context = browser.new_context(viewport={"width": 360, "height": 780}, is_mobile=True)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    conditions = {"latency": LATENCY_MS, "downloadThroughput": BYTES_PER_S}
    conditions["uploadThroughput"] = BYTES_PER_S
    session.send("Network.emulateNetworkConditions", {"offline": False, **conditions})
    page.goto(address)
    durations_s: float = page.evaluate(_PAINT)
    context.close()
    return durations_s / 1000
