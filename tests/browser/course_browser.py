"""The course pages as a person finds them: a whole site, and browsers that complain of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from playwright.sync_api import Browser, BrowserContext, Page

from merlin.account.users import Users
from tests.api.catalogue_files import COURSES
from tests.api.chat_api import TWO_A_DAY, run_asking_site
from tests.api.sign_in_data import PUBLIC, with_bot, with_password
from tests.support.waiting import DEADLINE_S, longest

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 900}}
# Chromium's own words when a quick navigation overtakes a view transition, and what it says of
# answers that a test wants to be refused.
_FINE = (
    *("Transition was", "net::ERR_", "the server responded with a status of"),
    *("htmx:sendError", "htmx:responseError", "htmx:sendAbort", "htmx:afterRequest"),
    "Response Status Error Code",
)


@contextmanager
def course_site(folder, **settings):
    """Run a site with many courses, a bot's name and a model that answers on `algorithms`."""
    with run_asking_site(folder, telegram_keys=(PUBLIC,), **settings) as (site, provider):
        site.teach(COURSES)
        with_bot(site)
        site.provider, site.numbers = provider, count(5000)
        yield site


class Visitor:
    """Opens browsers at one site; `complaints` is what any of them said was wrong."""

    def __init__(self, chromium: Browser, site) -> None:
        self.chromium = chromium
        self.site = site
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    def person(self, name="Анна", **more) -> int:
        """Return the number of somebody whom nobody else in the tests is."""
        user_id = next(self.site.numbers)
        self.site.person(user_id, **more)
        Users(self.site.db).set_name(user_id, name)
        return user_id

    def page(self, user_id: int | None = None, **options) -> Page:
        """Open a browser, signed in as somebody or as nobody."""
        context = self.chromium.new_context(**{"locale": "ru-RU", **DESK, **options})
        self._contexts.append(context)
        if user_id is not None:
            with self.site.browser(user_id) as client:
                token = client.cookies["merlin"]
            cookies = {"merlin": token}
            if "locale" in options:
                # Else the account's language would count for more than the browser's.
                cookies["merlin_language"] = options["locale"][:2]
            context.add_cookies(
                [
                    {"name": name, "value": value, "url": self.site.address}
                    for name, value in cookies.items()
                ]
            )
        page = context.new_page()
        page.set_default_timeout(1000 * longest(DEADLINE_S))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("console", self._hear)
        return page

    def open(self, path: str, user_id: int | None = None, **options) -> Page:
        """Open a page of the site."""
        page = self.page(user_id, **options)
        page.goto(self.site.address + path)
        return page

    def close(self) -> None:
        """Close every browser."""
        for context in self._contexts:
            context.close()

    def _hear(self, said) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} ({said.location.get('url', '')})")

    def _refuse(self, dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def visiting(chromium: Browser, site) -> Iterator[Visitor]:
    """Yield a visitor, and fail the test for anything that a browser complained of."""
    visitor = Visitor(chromium, site)
    yield visitor
    visitor.close()
    said = [one for one in visitor.complaints if not any(fine in one for fine in _FINE)]
    assert said == [], said


def is_at(page: Page, address: str) -> None:
    """Wait until the page stands at this address of its site; a blank may be written as "+"."""
    here = (
        "wanted => decodeURIComponent(location.pathname + location.search)"
        ".replaceAll('+', ' ') === wanted"
    )
    page.wait_for_function(here, arg=address)


def lasting(page: Page) -> Page:
    """Return the page once nothing goes from it by itself any more: no timer of it runs out."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
    return page


def sider(page: Page):
    return page.get_by_role("complementary", name="Мои курсы")


def cards(page: Page):
    return page.locator(".card")


def in_bar(page: Page):
    return page.locator("#all > summary")


__all__ = [
    "DESK",
    "PHONE",
    "TWO_A_DAY",
    "Visitor",
    "cards",
    "course_site",
    "in_bar",
    "is_at",
    "lasting",
    "sider",
    "visiting",
    "with_password",
]


def ready(page: Page) -> Page:
    """Return the page once its script has begun: what it was signed in for is loaded."""
    page.wait_for_load_state("networkidle")
    return page
