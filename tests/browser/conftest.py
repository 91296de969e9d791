"""Fixtures of the browser tests: Chromium and the sites it opens; skipped without Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chat_browser import Bot, open_chat_page
from tests.browser.course_browser import Visitor, open_visitor, run_course_site
from tests.browser.installed_chromium import ARGUMENTS, CHROMIUM, PagePool
from tests.browser.staff_browser import run_staff_site
from tests.support.machine import skip_or_fail
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import DEADLINE_S, longest


# Scope "package", not "session": while Playwright's event loop runs in this thread, no other test
# can call asyncio.run.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    reason = f"no {CHROMIUM}: browser tests need it (apt-get install chromium-headless-shell)"
    skip_or_fail(None if CHROMIUM.exists() else reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=ARGUMENTS
        )
        # A busy machine renders late; the limit costs nothing where the page is ready earlier.
        expect.set_options(timeout=1000 * longest(DEADLINE_S))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def pages(chromium: Browser) -> PagePool:
    return PagePool(chromium)


@pytest.fixture
def telegram() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as standin:
        yield standin


@pytest.fixture
def bot(telegram: TelegramStandIn) -> Bot:
    return Bot(telegram)


@pytest.fixture
def page(pages: PagePool, telegram: TelegramStandIn) -> Iterator[Page]:
    yield from open_chat_page(pages, telegram)


@pytest.fixture(scope="module")
def course_site(tmp_path_factory):
    """A site shared by the tests of one module; each test adds its own users."""
    with run_course_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def visitor(pages: PagePool, course_site) -> Iterator[Visitor]:
    yield from open_visitor(pages, course_site)


@pytest.fixture(scope="module")
def staff_site(tmp_path_factory):
    """A site with jobs, models, verdicts and people, shared by the tests of one module."""
    with run_staff_site(tmp_path_factory.mktemp("staff")) as site:
        yield site


@pytest.fixture
def staff_visitor(pages: PagePool, staff_site) -> Iterator[Visitor]:
    """A visitor of `staff_site`."""
    yield from open_visitor(pages, staff_site)
