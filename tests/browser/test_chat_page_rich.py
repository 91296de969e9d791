"""Rich messages and drafts on the chat page."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe_and_screenshots import NARROW_CHECKS, find_faults
from tests.browser.chat_browser import ANNA, find_messages, open_chat_page

pytestmark = pytest.mark.integration


def paragraph(text):
    return {"type": "paragraph", "text": text}


def cell(text, **fields):
    return {"text": text, "align": "left", "valign": "middle", **fields}


FORMULA = {"type": "mathematical_expression", "expression": r"x^2+\frac{a}{b+1}"}
STEPS = [{"blocks": [paragraph(text)], "type": "1"} for text in ("лоб", "нос")]
TASKS = [
    {"blocks": [paragraph("прочесть")], "has_checkbox": True, "is_checked": True},
    {
        "blocks": [paragraph("пройти"), {"type": "list", "items": STEPS}],
        "has_checkbox": True,
    },
]
ADDRESS = {"type": "url", "text": "урок", "url": "https://example.com/"}
BLOCKS = [
    {"type": "heading", "text": "Итог", "size": 2},
    paragraph(
        [{"type": "bold", "text": "Два"}, " <b>a</b>\nпо ", FORMULA, ", см. ", ADDRESS]
    ),
    FORMULA,
    {
        "type": "table",
        "is_bordered": True,
        "caption": "Черты",
        "cells": [
            [cell("Черта", is_header=True), *[cell(f"Столбец {n}") for n in range(9)]],
            [cell("Лоб", colspan=2), *[cell("значение") for _ in range(8)]],
        ],
    },
    {"type": "list", "items": TASKS},
    {"type": "blockquote", "blocks": [paragraph("Смотри.")], "credit": "учебник"},
    {"type": "pre", "text": "a:  1", "language": "yaml"},
    {"type": "divider"},
    {"type": "details", "summary": "Откуда", "blocks": [paragraph("Урок 3")]},
    {
        "type": "buttons",
        "buttons": [
            {"text": "Дальше", "callback_data": "next", "style": "primary"},
            {"text": "Занято", "disabled": {}},
        ],
    },
    {"type": "footer", "text": "Модель 7"},
]


def send_blocks(bot, blocks=BLOCKS, method="sendRichMessage", **fields):
    rich = {"blocks": blocks, "skip_entity_detection": True}
    return bot.call(method, chat_id=ANNA, rich_message=rich, **fields)


def test_blocks_become_elements_and_their_buttons_call_the_bot(page, bot):
    sent = send_blocks(bot)["message_id"]
    shown = find_messages(page).first
    expect(shown.locator(".heading")).to_have_text("Итог")
    expect(shown.locator("b")).to_have_text("Два")
    expect(shown.locator("p").nth(1)).to_contain_text("<b>a</b>")
    expect(shown.get_by_role("math").last).to_have_text("x²+a/(b+1)")
    expect(shown.get_by_role("cell", name="Лоб")).to_have_attribute("colspan", "2")
    expect(shown.get_by_role("checkbox", checked=True)).to_have_count(1)
    expect(shown.get_by_role("checkbox", checked=False)).to_have_count(1)
    expect(shown.locator("li li").last).to_contain_text("2.")
    expect(shown.locator("pre")).to_have_text("a:  1")
    expect(shown.get_by_role("link")).to_have_attribute("href", "https://example.com/")
    expect(shown.get_by_text("Урок 3")).to_be_hidden()
    shown.get_by_text("Откуда").click()
    expect(shown.get_by_text("Урок 3")).to_be_visible()
    expect(shown.get_by_role("button", name="Занято")).to_be_disabled()
    shown.get_by_role("button", name="Дальше").click()
    query = bot.read_update()["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("next", sent)
    bot.edit(sent, "Текст")
    expect(shown.locator(".text")).to_have_text("Текст")


def test_reply_quotes_the_words_of_blocks(page, bot, telegram):
    sent = send_blocks(bot)["message_id"]
    telegram.say("anna", "Почему?", reply_to=sent)
    expect(page.locator("blockquote.reply")).to_contain_text("Итог Два <b>a</b>")


def test_draft_grows_is_stopped_and_ends_with_the_answer(page, bot, telegram):
    bot.call("getUpdates", allowed_updates=["message", "stopped_message_generation"])
    draft = {"chat_id": ANNA, "draft_id": 7, "can_stop": True}
    bot.call("sendMessageDraft", **draft, text="")
    expect(find_messages(page)).to_have_count(1)
    expect(page.locator(".thinking")).to_contain_text("Думает…")
    bot.call("sendMessageDraft", **draft, text="Форма")
    expect(page.locator(".caret")).to_have_text("Форма")
    bot.call("sendMessageDraft", **draft, text="Форма лба", keep_on_stop=True)
    expect(page.locator(".caret")).to_have_text("Форма лба")
    page.get_by_role("button", name="Остановить").click()
    stopped = bot.read_update()["stopped_message_generation"]
    assert (stopped["chat"]["id"], stopped["draft_id"]) == (ANNA, 7)
    expect(page.locator(".caret")).to_have_text("Форма лба")
    thinking = [{"type": "thinking", "text": "Ищу"}, paragraph("Лоб")]
    send_blocks(bot, thinking, "sendRichMessageDraft", draft_id=8, can_stop=True)
    expect(page.locator(".rich .thinking")).to_have_text("Ищу")
    page.get_by_role("button", name="Остановить").click()
    expect(find_messages(page)).to_have_count(0)
    bot.call("sendMessageDraft", **draft, text="Снова")
    bot.say(ANNA, "Форма лба.")
    expect(find_messages(page)).to_have_count(1)
    expect(find_messages(page).locator(".text")).to_have_text("Форма лба.")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_nothing_of_blocks_is_cut_off_unnamed_or_low_in_contrast(
    pages, telegram, bot, width, scheme
):
    for page in open_chat_page(pages, telegram, width, color_scheme=scheme):
        send_blocks(bot)
        bot.call("sendMessageDraft", chat_id=ANNA, draft_id=7, text="", can_stop=True)
        expect(page.locator(".thinking")).to_be_visible()
        page.get_by_text("Откуда").click()
        assert find_faults(page, "demo-rich", width, scheme) == {}
        page.set_viewport_size({"width": 320, "height": 700})
        for check in ("too wide", "too small"):
            assert page.evaluate(NARROW_CHECKS[check]) == [], check
