"""The chat page in a browser, and a bot that the test drives through the Bot API."""

import json
import urllib.request
from collections.abc import Iterator

from playwright.sync_api import Page, expect

from tests.browser.installed_chromium import PagePool
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest

ANNA = 1001
VERA = 1003


class Bot:
    """The bot: it calls the Bot API and reads its updates."""

    def __init__(self, standin: TelegramStandIn) -> None:
        self.standin = standin

    def call(self, method: str, **fields: object) -> dict:
        url = f"{self.standin.base_url}{self.standin.token}/{method}"
        body = json.dumps(fields).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the stand-in's address
        with urllib.request.urlopen(request, timeout=longest()) as response:  # noqa: S310 - as above
            return json.loads(response.read())["result"]

    def say(self, chat_id: int, text: str, **fields: object) -> int:
        return self.call("sendMessage", chat_id=chat_id, text=text, **fields)[
            "message_id"
        ]

    def edit(self, message_id: int, text: str, **fields: object) -> None:
        self.call(
            "editMessageText", chat_id=ANNA, message_id=message_id, text=text, **fields
        )

    def read_update(self) -> dict:
        def newest() -> dict:
            pending = self.standin.pending()
            return dict(pending[-1]) if pending else {}

        update = self.standin.wait_for(newest)
        self.call("getUpdates", offset=update["update_id"] + 1)
        return update


def open_chat_page(
    pages: PagePool, telegram: TelegramStandIn, width: int = 1280, **options: object
) -> Iterator[Page]:
    """Yield the open chat page; fail the test for any browser error."""
    errors: list[str] = []
    with pages.open(
        errors, viewport={"width": width, "height": 800}, **options
    ) as page:
        # The page reads the menu before the test changes it.
        with page.expect_response("**/control/menu?*"):
            page.goto(telegram.page_url)
        expect(page.get_by_role("button", name="Начать", exact=True)).to_be_visible()
        yield page
    # Chromium says "Transition was" when a navigation interrupts a view transition.
    known = ("Transition was", "net::ERR_")
    assert [
        text for text in errors if not any(message in text for message in known)
    ] == []


def find_field(page: Page):
    return page.get_by_role("textbox", name="Сообщение", exact=True)


def find_messages(page: Page):
    return page.locator(".log:not([hidden]) .msg")
