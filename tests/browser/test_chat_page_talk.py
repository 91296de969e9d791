"""The chat page beyond typing: replies, edits, forwards, reactions, groups, files."""

import re

import pytest
from playwright.sync_api import expect

from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.world import SEMINAR, STUDY
from tests.browser.chat_browser import ANNA, find_field, find_messages

pytestmark = pytest.mark.integration

KEYS = {"inline_keyboard": [[{"text": "Спросить", "callback_data": "ask"}]]}


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


def test_own_message_can_be_edited_and_is_marked_unless_the_edit_is_cancelled(page, bot, telegram):
    telegram.say("anna", "превет")
    assert bot.read_update()["message"]["text"] == "превет"
    choose_action(find_messages(page).first, "Изменить")
    expect(find_field(page)).to_have_value("превет")
    page.keyboard.press("Escape")
    expect(page.locator("#context")).to_be_empty()
    expect(find_field(page)).to_have_value("")
    choose_action(find_messages(page).first, "Изменить")
    find_field(page).fill("привет")
    page.keyboard.press("Enter")
    assert bot.read_update()["edited_message"]["text"] == "привет"
    expect(find_messages(page)).to_have_count(1)
    expect(find_messages(page).first).to_contain_text("изменено")


def test_key_shows_an_alert_until_it_is_closed_or_copies_its_text(page, bot):
    bot.say(ANNA, "?", reply_markup=KEYS)
    page.get_by_role("button", name="Спросить").click()
    query = bot.read_update()["callback_query"]
    alert = {"text": "Осталось 2 вопроса", "show_alert": True}
    bot.call("answerCallbackQuery", callback_query_id=query["id"], **alert)
    expect(page.get_by_role("dialog")).to_contain_text("Осталось 2 вопроса")
    page.get_by_role("button", name="Понятно").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    key = {"text": "Скопировать код", "copy_text": {"text": "print(1)"}}
    bot.say(ANNA, "код", reply_markup={"inline_keyboard": [[key]]})
    page.get_by_role("button", name="Скопировать код").click()
    expect(page.locator("#toast")).to_have_text("Скопировано.")
    assert page.evaluate("navigator.clipboard.readText()") == "print(1)"


def test_code_is_copied_a_spoiler_revealed_and_a_command_sent(page, bot):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pre = {"type": "pre", "offset": 0, "length": 8, "language": "python"}
    bot.say(ANNA, "print(1)", entities=[pre])
    expect(page.locator(".code-head")).to_contain_text("python")
    page.get_by_role("button", name="Скопировать", exact=True).click()
    expect(page.locator("#toast")).to_have_text("Скопировано.")
    assert page.evaluate("navigator.clipboard.readText()") == "print(1)"
    bot.say(ANNA, "ответ: 42", entities=[{"type": "spoiler", "offset": 7, "length": 2}])
    hidden = page.get_by_role("button", name="Скрытый текст: показать")
    hidden.focus()
    page.keyboard.press("Enter")
    expect(hidden).to_have_count(0)
    expect(page.locator(".spoiler.shown")).to_have_text("42")
    bot.say(ANNA, "Наберите /help или 1/2")
    page.get_by_role("button", name="/help", exact=True).click()
    assert bot.read_update()["message"]["text"] == "/help"


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


def test_group_shows_the_author_of_each_message(page, bot, telegram):
    bot.call("sendMessage", chat_id=STUDY.group_id, text="Добрый день")
    telegram.say("boris@study", "Здравствуйте")
    expect(find_chat_tab(page, "Учебная группа новое")).to_be_visible()
    find_chat_tab(page, "Учебная группа новое").click()
    expect(find_messages(page)).to_have_text([re.compile("Merlin"), re.compile("Борис")])
    find_field(page).fill("/ask@merlin_stand_in_bot вопрос")
    page.keyboard.press("Enter")
    assert bot.read_update()["message"]["chat"]["id"] == STUDY.group_id
    expect(find_messages(page).last).to_have_class("msg me")
    page.get_by_role("button", name=re.compile("Борис, преподаватель")).click()
    find_chat_tab(page, "Учебная группа новое").click()
    expect(find_messages(page).nth(1)).to_have_class("msg me")


def test_album_is_sent_with_its_caption_and_a_file_is_downloaded_whole(page, telegram, tmp_path):
    pictures = [tmp_path / f"{name}.png" for name in "аб"]
    for picture in pictures:
        picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10")
    find_field(page).fill("доска")
    page.locator("#chosen-file").set_input_files(pictures)
    expect(find_messages(page)).to_have_count(2)
    sent = [entry.message for entry in telegram.log("anna")]
    assert len({message["media_group_id"] for message in sent}) == 1
    assert sent[0]["caption"] == "доска"
    telegram.send_file("anna", Upload("мой.csv", "text/csv", b"a,b\n"))
    with page.expect_download() as download:
        find_messages(page).last.get_by_role("link", name="мой.csv").click()
    assert download.value.suggested_filename == "мой.csv"
    assert download.value.path().read_bytes() == b"a,b\n"
