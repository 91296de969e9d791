"""A signed-in HTTP client of an API process, beside a bot process."""

from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx

from merlin.app.bot_settings import BOT_NAME, Settings
from merlin.core.errors import MerlinError
from merlin.db.database import open_database
from tests.api.sign_in_data import finish_login, start_login
from tests.support.waiting import longest, wait_until


@contextmanager
def open_browser(address, folder):
    """Yield an HTTP client once the API answers and the bot has recorded its name."""
    with httpx.Client(
        base_url=address, headers={"Origin": address}, timeout=longest()
    ) as browser:
        wait_until(lambda: _is_up(folder, browser), 60)
        yield browser


def _is_up(folder, browser):
    try:
        browser.get("/healthz")
        with open_database(
            f"sqlite://{folder}/state/merlin.db", read_only=True
        ) as database:
            return Settings(database).get(BOT_NAME) != ""
    except (httpx.TransportError, MerlinError):
        return False


def sign_in(telegram, browser):
    """Sign anna in through the bot; return the link to it."""
    begun = start_login(browser)
    (payload,) = parse_qs(urlsplit(begun["url"]).query)["start"]
    telegram.start_bot("anna", payload)
    number = f"Код на странице: {begun['number']}"
    telegram.wait_for(
        lambda: any(number in answer.text for answer in telegram.answers("anna")), 30
    )
    telegram.press("anna", "Это я, войти")
    wait_until(lambda: finish_login(browser) == "signed in", 30)
    return begun["url"]
