"""A real Chromium for the pages; skipped with a word where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from merlin.sandbox.telegram.server import TelegramStandIn
from tests.browser.chat_browser import Bot, open_chat_page
from tests.browser.course_browser import Visitor, course_site, open_visitor
from tests.browser.installed_chromium import ARGUMENTS, CHROMIUM
from tests.browser.staff_browser import staff_site
from tests.support.machine import skip_or_fail
from tests.support.waiting import DEADLINE_S, longest


# A module long, not a session: while playwright's own event loop stands in this thread, no other
# test could call asyncio.run.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    reason = f"no {CHROMIUM}: the pages are not looked at (apt-get install chromium-headless-shell)"
    skip_or_fail(None if CHROMIUM.exists() else reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        # A busy machine draws late; nothing here waits longer than it must.
        expect.set_options(timeout=1000 * longest(DEADLINE_S))
        yield browser
        browser.close()


@pytest.fixture
def telegram() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as standin:
        yield standin


@pytest.fixture
def bot(telegram: TelegramStandIn) -> Bot:
    return Bot(telegram)


@pytest.fixture
def page(chromium: Browser, telegram: TelegramStandIn) -> Iterator[Page]:
    yield from open_chat_page(chromium, telegram)


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """A site that the tests of one module share; each test is somebody else there."""
    with course_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def visitor(chromium: Browser, courses) -> Iterator[Visitor]:
    yield from open_visitor(chromium, courses)


@pytest.fixture(scope="module")
def staff(tmp_path_factory):
    """A site whose pipeline has been at work for some hours."""
    with staff_site(tmp_path_factory.mktemp("staff")) as site:
        yield site


@pytest.fixture
def colleague(chromium: Browser, staff) -> Iterator[Visitor]:
    """A visitor of that site."""
    yield from open_visitor(chromium, staff)
