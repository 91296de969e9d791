"""The chat page beyond typing: replies, groups, commands, links to the bot, invoices in Stars."""

import pytest
from playwright.sync_api import expect

from merlin.sandbox.telegram.world import BOT_NAME
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


INVOICE = {
    "chat_id": 1001,
    "title": "Двадцать голосовых",
    "description": "Сверх вашего тарифа: 20 голосовых вопросов",
    "payload": "order-1",
    "provider_token": "",
    "currency": "XTR",
    "prices": [{"label": "20", "amount": 50}],
}


def test_invoice_is_paid_after_confirmation_unless_the_bot_refuses(page, bot, telegram):
    bot.call("sendInvoice", **INVOICE)
    page.get_by_role("button", name="⭐ 50").click()
    expect(page.locator("#pay")).to_contain_text("20 голосовых вопросов")
    page.get_by_role("button", name="Отменить").click()
    assert not telegram.pending()

    def pay(**answer):
        page.get_by_role("button", name="⭐ 50").click()
        page.get_by_role("button", name="Заплатить ⭐ 50").click()
        query = bot.read_update()["pre_checkout_query"]
        assert query["invoice_payload"] == "order-1"
        bot.call("answerPreCheckoutQuery", pre_checkout_query_id=query["id"], **answer)

    pay(ok=False, error_message="Счёт устарел")
    expect(page.locator("#alert-text")).to_have_text("Счёт устарел")
    page.get_by_role("button", name="Понятно").click()
    pay(ok=True)
    expect(page.locator(".invoice")).to_contain_text("Оплачено звёздами")
    expect(page.get_by_role("button", name="⭐ 50")).to_have_count(0)


def test_link_of_an_invoice_that_renews_is_paid_in_the_chat(page, bot):
    period = {"subscription_period": 2_592_000}
    invoice = {name: value for name, value in INVOICE.items() if name != "chat_id"}
    link = bot.call("createInvoiceLink", **invoice, **period)
    keys = {"inline_keyboard": [[{"text": "Подписаться", "url": link}]]}
    bot.call("sendMessage", chat_id=1001, text="Макс", reply_markup=keys)
    page.get_by_role("button", name="Подписаться").click()
    assert bot.read_update()["pre_checkout_query"]["invoice_payload"] == "order-1"
