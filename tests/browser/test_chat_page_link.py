"""A link to the bot opens the chat page, and its payload is sent with /start."""

import pytest
from playwright.sync_api import expect

from merlin.sandbox.telegram.world import BOT_NAME

pytestmark = pytest.mark.integration


def test_link_to_the_bot_sends_its_payload_with_start_if_it_is_valid(
    page, telegram, bot
):
    link = f"{telegram.base_url.removesuffix('/bot')}/{BOT_NAME}?start="
    for payload in ("", "a b", "%3Cscript%3E", "x" * 65):
        page.goto(link + payload)
        expect(page.locator("#message")).to_be_visible()
        expect(page.locator("[data-person=anna]")).to_be_visible()
        expect(page.locator("#link")).to_have_count(0)
    page.goto(f"{link}login_a-key_17")
    expect(page.locator("#link")).to_contain_text("Сюда привела ссылка на бота")
    page.locator("[data-person=boris]").click()
    expect(page.locator("[data-person=boris]")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Запустить").click()
    expect(page.locator("#link")).to_have_count(0)
    message = bot.read_update()["message"]
    assert (message["from"]["username"], message["text"]) == (
        "boris",
        "/start login_a-key_17",
    )
    assert "start" not in page.url


def test_link_brings_a_draft_once(page, telegram):
    address = telegram.base_url.removesuffix("/bot")
    page.goto(f"{address}?text=Что такое граф%3F")
    expect(page.locator("#message")).to_have_value("Что такое граф?")
    assert "text" not in page.url
