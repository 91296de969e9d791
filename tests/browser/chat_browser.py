"""The bot that the test plays, and the page as a person finds it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, expect

from merlin.sandbox.telegram.server import TelegramStandIn
from tests.support.waiting import DEADLINE_S, longest

ANNA, VERA = 1001, 1003


class Bot:
    """The bot's side: its calls, and what it has not yet read."""

    def __init__(self, standin: TelegramStandIn) -> None:
        self.standin = standin

    def call(self, method: str, **fields: object) -> dict:
        url = f"{self.standin.base_url}{self.standin.token}/{method}"
        body = json.dumps(fields).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the stand-in's address
        with urllib.request.urlopen(request, timeout=longest()) as answer:  # noqa: S310 - as above
            return json.loads(answer.read())["result"]

    def say(self, chat_id: int, text: str, **fields: object) -> int:
        return self.call("sendMessage", chat_id=chat_id, text=text, **fields)["message_id"]

    def edit(self, message_id: int, text: str, **fields: object) -> None:
        self.call("editMessageText", chat_id=ANNA, message_id=message_id, text=text, **fields)

    def next_update(self) -> dict:
        def newest() -> dict:
            pending = self.standin.pending()
            return dict(pending[-1]) if pending else {}

        update = self.standin.wait_for(newest)
        self.call("getUpdates", offset=update["update_id"] + 1)
        return update


def open_chat_page(
    chromium: Browser, telegram: TelegramStandIn, width: int = 1280, **options: object
) -> Iterator[Page]:
    """Open the page, and fail the test for anything that the browser complained of."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
    page = context.new_page()
    page.set_default_timeout(1000 * longest(DEADLINE_S))
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "net::ERR_" not in said.text
            else None
        ),
    )
    # What the page reads at first is read before the bot changes it.
    with page.expect_response("**/control/menu?*"):
        page.goto(telegram.page_url)
    expect(page.get_by_role("button", name="Начать", exact=True)).to_be_visible()
    yield page
    context.close()
    # Chromium's own word when a quick navigation overtakes a view transition.
    assert [one for one in complaints if not one.startswith("Transition was")] == []


def field(page: Page):
    return page.get_by_role("textbox", name="Сообщение", exact=True)


def bubbles(page: Page):
    return page.locator(".log:not([hidden]) .msg")
