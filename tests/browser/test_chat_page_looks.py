"""The chat page's themes, languages, keyboard access, labels, contrast and sizes, and no script."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe_and_screenshots import find_faults
from tests.browser.chat_browser import ANNA, find_field, find_messages, open_chat_page

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_nothing_is_cut_off_unnamed_or_low_in_contrast(
    pages, telegram, bot, width, scheme
):
    for page in open_chat_page(pages, telegram, width, color_scheme=scheme):
        keys = [
            [
                {"text": "Верно", "callback_data": "a"},
                {"text": "Нет", "callback_data": "b"},
            ]
        ]
        bot.say(ANNA, "слово" * 60, reply_markup={"inline_keyboard": keys})
        telegram.say("anna", "Какие черты лица отвечают за глубину фиксации?")
        send_rich_message(bot)
        expect(page.locator("#offline")).to_have_text("")
        expect(find_messages(page)).to_have_count(3)
        find_messages(page).nth(1).hover()
        find_messages(page).nth(1).get_by_role("button", name="Ответить").click()
        # The field's placeholder fits one line.
        assert find_field(page).evaluate("it => it.offsetHeight") == 44
        assert find_faults(page, "demo-chat", width, scheme) == {}


def send_rich_message(bot):
    text = "Жирно, курсив и спойлер. /help\nprint(1)\nцитата"
    entities = [
        {"type": "bold", "offset": 0, "length": 5},
        {"type": "italic", "offset": 7, "length": 6},
        {"type": "pre", "offset": 31, "length": 8, "language": "python"},
        {"type": "blockquote", "offset": 40, "length": 6},
    ]
    styles = ("primary", "success", "danger")
    keys = [
        [{"text": style, "callback_data": style, "style": style} for style in styles]
    ]
    keys.append([{"text": "Открыть курс", "url": "https://example.com/"}])
    bot.call("setMyCommands", commands=[{"command": "help", "description": "Помощь"}])
    bot.say(ANNA, text, entities=entities, reply_markup={"inline_keyboard": keys})
