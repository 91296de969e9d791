"""The course pages in real browsers: a complete site, and a check for browser errors."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from playwright.sync_api import Page

from merlin.account.users import Users
from tests.api.catalogue_files import COURSES
from tests.api.chat_api import run_chat_api
from tests.api.sign_in_data import TELEGRAM_PUBLIC_KEY, set_bot_name
from tests.browser.installed_chromium import PagePool

PHONE = {
    "viewport": {"width": 360, "height": 780},
    "has_touch": True,
    "is_mobile": True,
}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
# Chromium's messages when a navigation interrupts a view transition, those about responses that a
# test expects to fail, and its question about unsaved text.
_EXPECTED_MESSAGES = (
    *("Transition was", "net::ERR_", "the server responded with a status of"),
    *("htmx:sendError", "htmx:responseError", "htmx:sendAbort", "htmx:afterRequest"),
    *("Response Status Error Code", "beforeunload"),
)


@contextmanager
def run_course_site(folder, **settings):
    """Run a site with seven courses, a bot name and a model that answers in `algorithms`."""
    with run_chat_api(folder, telegram_keys=(TELEGRAM_PUBLIC_KEY,), **settings) as (
        site,
        provider,
    ):
        site.index_courses(COURSES)
        set_bot_name(site)
        site.provider = provider
        site.numbers = count(5000)
        yield site


def note_regions(page: Page) -> None:
    """Remember the regions whose text a screen reader reads out when it changes."""
    page.evaluate("window.regions = [...document.querySelectorAll('[role=status]')]")


def expect_spoken(page: Page, words: str) -> None:
    """Wait until one of the noted regions has these words; it must still be part of the page."""
    page.wait_for_function(
        "words => window.regions.some(one => one.isConnected && one.textContent.includes(words))",
        arg=words,
    )


class Visitor:
    """Opens browsers at one site and collects the errors of their pages."""

    def __init__(self, pages: PagePool, site) -> None:
        self.site = site
        self.errors: list[str] = []
        self._pages = pages
        self._opened = ExitStack()

    def add_user(self, name="Анна", **changes) -> int:
        """Create a new user; return the id."""
        user_id = next(self.site.numbers)
        self.site.add_user(user_id, **changes)
        Users(self.site.db).set_name(user_id, name)
        return user_id

    def page(self, user_id: int | None = None, *, is_new=False, **options) -> Page:
        """Open a browser, signed in as this user or signed out."""
        # Animated frames would take a fifth of the tests' processor time.
        context = {"locale": "ru-RU", "reduced_motion": "reduce", **DESKTOP, **options}
        page = self._opened.enter_context(
            self._pages.open(self.errors, is_new=is_new, **context)
        )
        if user_id is not None:
            cookies = {"merlin": self.site.sign_in(user_id)}
            if "locale" in options:
                # Otherwise the account's language would take precedence over the browser's.
                cookies["merlin_language"] = options["locale"][:2]
            page.context.add_cookies(
                [
                    {"name": name, "value": value, "url": self.site.address}
                    for name, value in cookies.items()
                ]
            )
        return page

    def open(self, path: str, user_id: int | None = None, **options) -> Page:
        """Open a page of the site."""
        page = self.page(user_id, **options)
        page.goto(self.site.address + path)
        return page

    @property
    def asked(self) -> int:
        """Return how often the browser asked before it left a page; it left."""
        return self.errors.count("dialog: beforeunload")

    def close(self) -> None:
        """Close every browser."""
        self._opened.close()


def open_visitor(pages: PagePool, site) -> Iterator[Visitor]:
    """Yield a visitor; fail the test for any browser error."""
    visitor = Visitor(pages, site)
    yield visitor
    visitor.close()
    messages = [
        message
        for message in visitor.errors
        if not any(expected in message for expected in _EXPECTED_MESSAGES)
    ]
    assert messages == [], messages


def wait_for_address(page: Page, address: str) -> None:
    """Wait until the page is at this path of its site; a space may be written as "+"."""
    condition = (
        "wanted => decodeURIComponent(location.pathname + location.search)"
        ".replaceAll('+', ' ') === wanted"
    )
    page.wait_for_function(condition, arg=address)


def stop_timers(page: Page) -> Page:
    """Freeze the page's clock so that none of its timers fires; return the page."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
    return page


def find_sidebar(page: Page):
    return page.get_by_role("complementary", name="Мои курсы")


def find_cards(page: Page):
    return page.locator(".card")


def find_menu(page: Page):
    return page.locator("#all > summary")


def wait_until_loaded(page: Page) -> Page:
    """Wait until the page has loaded and its script runs; return the page."""
    page.wait_for_load_state("networkidle")
    return page
