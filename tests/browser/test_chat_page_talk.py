"""The chat page beyond typing: replies, edits, forwards, reactions, groups, files."""

import pytest
from playwright.sync_api import expect

from merlin.sandbox.telegram.world import SEMINAR
from tests.browser.chat_browser import ANNA, find_field, find_messages

pytestmark = pytest.mark.integration


def open_actions(message):
    message.hover()
    message.get_by_role("button", name="Действия с сообщением").click()


def choose_action(message, name):
    open_actions(message)
    message.get_by_role("button", name=name, exact=True).click()


def find_chat_tab(page, name):
    return page.locator("#chats").get_by_role("button", name=name, exact=True)


def test_message_is_replied_to_marked_and_forwarded_with_another(page, bot, telegram):
    sent = bot.say(ANNA, "Форма лба.")
    choose_action(find_messages(page).first, "Ответить")
    expect(page.locator("#context")).to_contain_text("Форма лба.")
    page.keyboard.type("почему?")
    page.keyboard.press("Enter")
    assert bot.read_update()["message"]["reply_to_message"]["message_id"] == sent
    expect(page.locator("#context")).to_be_empty()
    expect(find_messages(page).last.locator("blockquote.reply")).to_have_text("Форма лба.")
    open_actions(find_messages(page).first)
    page.get_by_role("button", name="Отметить: 👍").click()
    expect(page.locator(".reaction")).to_have_text("👍")
    assert telegram.log("anna")[0].reactions == {ANNA: "👍"}
    choose_action(find_messages(page).first, "Переслать")
    choose_action(find_messages(page).last, "Переслать")
    expect(page.locator("#context")).to_contain_text("Переслать 2")
    find_chat_tab(page, "Учебная группа").click()
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(find_messages(page)).to_have_count(2)
    expect(find_messages(page).first).to_contain_text("Переслано от: Merlin")
    assert [message.text for message in telegram.log("study")] == ["Форма лба.", "почему?"]


def test_menu_offers_the_commands_of_the_chat_and_a_topic_is_created(page, bot):
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
    page.get_by_role("button", name="Новая тема: Семинар с темами").click()
    expect(find_chat_tab(page, "# Тема 1")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".log:not([hidden]) .service")).to_have_text("Новая тема: Тема 1")
    find_field(page).fill("/ask вопрос")
    page.keyboard.press("Enter")
    expect(find_messages(page)).to_have_count(1)
    message = bot.read_update()["message"]
    assert (message["chat"]["id"], message["is_topic_message"]) == (SEMINAR.group_id, True)
