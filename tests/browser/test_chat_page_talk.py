"""The chat page beyond typing: replies, groups, commands."""

import pytest
from playwright.sync_api import expect

from tests.browser.chat_browser import ANNA, find_field, find_messages

pytestmark = pytest.mark.integration


def find_chat_tab(page, name):
    return page.locator("#chats").get_by_role("button", name=name, exact=True)


def test_message_is_replied_to(page, bot, telegram):
    sent = bot.say(ANNA, "Форма лба.")
    find_messages(page).first.hover()
    page.get_by_role("button", name="Ответить", exact=True).click()
    expect(page.locator("#context")).to_contain_text("Форма лба.")
    page.keyboard.type("почему?")
    page.keyboard.press("Enter")
    assert bot.read_update()["message"]["reply_to_message"]["message_id"] == sent
    expect(page.locator("#context")).to_be_empty()
    expect(find_messages(page).last.locator("blockquote.reply")).to_have_text(
        "Форма лба."
    )
    assert [message.text for message in telegram.log("anna")] == [
        "Форма лба.",
        "почему?",
    ]


def test_menu_offers_the_commands_of_the_chat(page, bot):
    commands = [{"command": "help", "description": "Помощь"}]
    bot.call("setMyCommands", commands=commands, language_code="ru")
    page.get_by_role("button", name="Команды бота").click()
    page.get_by_role("button", name="/help Помощь").click()
    assert bot.read_update()["message"]["text"] == "/help"
    find_chat_tab(page, "Учебная группа").click()
    expect(page.get_by_role("button", name="Команды бота")).to_be_visible()
    find_field(page).fill("/he")
    page.get_by_role("button", name="/help Помощь").click()
    assert bot.read_update()["message"]["text"] == "/help@merlin_stand_in_bot"
