"""Updates: long polling, offsets, conflicts, webhooks, callback and pre-checkout queries."""

import asyncio

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice
from telegram.error import BadRequest, Conflict

from tests.sandbox.telegram_client import fetch, make_bot, run_as_process
from tests.support.http_servers import run_receiver
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional


def test_second_poller_ends_the_first(telegram, call):
    async def act(bot):
        first = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram.wait_for, telegram.is_polled)
        async with make_bot(telegram) as other:
            await other.get_updates()
        await first

    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        call(act)


def test_pressed_button_waits_for_its_answer(telegram, call):
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("👍 Верно", callback_data="good:7")]])
    call(lambda bot: bot.send_message(1001, "a", reply_markup=keys))
    telegram.press("anna", "👍 Верно")

    async def act(bot):
        (update,) = await bot.get_updates()
        await update.callback_query.answer("Спасибо")
        return update.callback_query

    query = call(act)
    assert (query.data, query.message.text) == ("good:7", "a")
    with pytest.raises(BadRequest, match="Query is too old"):
        call(lambda bot: bot.answer_callback_query(query.id))
    with pytest.raises(BadRequest, match="Query is too old"):
        call(lambda bot: bot.answer_callback_query("12345"))


def test_refused_checkout_pays_nothing(telegram, call):
    prices = [LabeledPrice("50 вопросов", 100)]
    call(lambda bot: bot.send_invoice(1001, "Вопросы", "Ещё 50", "pack:50", "XTR", prices))
    telegram.press("anna", "⭐ 100")

    async def act(bot):
        (update,) = await bot.get_updates()
        query_id = update.pre_checkout_query.id
        await bot.answer_pre_checkout_query(query_id, ok=False, error_message="Кончились")
        return await bot.get_updates(offset=update.update_id + 1)

    assert call(act) == ()


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


def test_webhook_gets_every_update_in_order_with_the_secret(telegram, call, receiver):
    telegram.say("anna", "раньше")
    call(lambda bot: bot.set_webhook(receiver.url, secret_token="s-1"))
    telegram.say("anna", "потом")
    telegram.wait_for(lambda: len(receiver.deliveries) == 2 and not telegram.pending())
    secret = "x-telegram-bot-api-secret-token"
    deliveries = [
        (delivery.headers[secret], delivery.json["message"]["text"])
        for delivery in receiver.deliveries
    ]
    assert deliveries == [("s-1", "раньше"), ("s-1", "потом")]


def test_updates_and_chats_survive_sigkill(tmp_path):
    with run_as_process(TelegramStandIn, tmp_path) as (_process, address):
        status, document = fetch(f"{address}/control/send", {"person": "anna", "text": "раз"})
    assert status == 200
    with TelegramStandIn(tmp_path) as after:
        assert [update["update_id"] for update in after.pending()] == [document["update_id"]]
        assert [entry.text for entry in after.log("anna")] == ["раз"]
