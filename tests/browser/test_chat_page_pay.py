"""Stars on the chat page: invoices, the confirmation before paying."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.integration

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
