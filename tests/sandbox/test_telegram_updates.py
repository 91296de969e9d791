"""Updates: long polling, offsets, conflicts, webhooks, callback and pre-checkout queries."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice
from telegram.error import BadRequest, Conflict

from tests.sandbox.telegram_client import fetch, make_bot, run_as_process
from tests.support.http_servers import run_receiver
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


def read_texts(updates):
    return [update.message.text for update in updates]


def test_poll_respects_its_limit(telegram, call):
    for word in ("раз", "два", "три"):
        telegram.say("anna", word)
    assert read_texts(call(lambda bot: bot.get_updates(limit=2))) == ["раз", "два"]


def test_long_poll_ends_when_an_update_arrives(telegram, call):
    async def act(bot):
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram.wait_for, telegram.is_polled)
        telegram.say("anna", "привет")
        return await poll

    assert read_texts(call(act)) == ["привет"]


def test_second_poller_ends_the_first(telegram, call):
    async def act(bot):
        first = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram.wait_for, telegram.is_polled)
        async with make_bot(telegram) as other:
            await other.get_updates()
        await first

    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        call(act)


def test_only_allowed_update_kinds_are_queued(telegram, call):
    call(lambda bot: bot.get_updates(allowed_updates=["callback_query"]))
    telegram.say("anna", "не нужно")
    assert call(lambda bot: bot.get_updates()) == ()
    call(lambda bot: bot.get_updates(allowed_updates=[]))
    telegram.say("anna", "нужно")
    assert read_texts(call(lambda bot: bot.get_updates())) == ["нужно"]


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


def test_failing_webhook_is_called_again(telegram, call, receiver):
    receiver.script = [503, 503]
    call(lambda bot: bot.set_webhook(receiver.url))
    telegram.say("anna", "раз")
    telegram.wait_for(lambda: len(receiver.deliveries) == 3 and not telegram.pending())


def test_polling_conflicts_with_a_webhook(call, receiver):
    call(lambda bot: bot.set_webhook(receiver.url))
    with pytest.raises(Conflict, match="webhook is active"):
        call(lambda bot: bot.get_updates())


def test_restart_with_the_same_folder_loses_nothing(tmp_path):
    with TelegramStandIn(tmp_path) as before:
        before.say("anna", "раз")
        before.say("anna", "два")
        first = before.pending()[0]["update_id"]

        async def act():
            async with make_bot(before) as bot:
                await bot.get_updates(offset=first + 1)
                sent = await bot.send_message(1001, "…")
                await bot.edit_message_text("ответ", 1001, sent.message_id)

        asyncio.run(act())
    with TelegramStandIn(tmp_path) as after:
        assert [update["message"]["text"] for update in after.pending()] == ["два"]
        last = after.log("anna")[-1]
        assert [version["text"] for version in last.versions] == ["…", "ответ"]
        after.say("anna", "три")
        assert after.log("anna")[-1].message_id > last.message_id


def test_stopping_ends_a_long_poll(telegram):
    async def act():
        async with make_bot(telegram) as bot:
            poll = asyncio.create_task(bot.get_updates(timeout=30))
            await asyncio.to_thread(telegram.wait_for, telegram.is_polled)
            await asyncio.to_thread(telegram.stop)
            return await poll

    assert asyncio.run(act()) == ()


def test_dead_poller_does_not_block_the_next_one(telegram, call):
    async def act(bot):
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram.wait_for, telegram.is_polled)
        poll.cancel()
        await asyncio.to_thread(telegram.wait_for, lambda: not telegram.is_polled())

    call(act)
    telegram.say("anna", "раз")
    assert read_texts(call(lambda bot: bot.get_updates())) == ["раз"]


def test_other_people_have_english_as_their_language(telegram, call):
    telegram.say(5001, "hello")
    (update,) = call(lambda bot: bot.get_updates())
    assert (update.effective_chat.id, update.effective_user.language_code) == (5001, "en")


def test_updates_and_chats_survive_sigkill(tmp_path):
    with run_as_process(TelegramStandIn, tmp_path) as (_process, address):
        status, document = fetch(f"{address}/control/send", {"person": "anna", "text": "раз"})
    assert status == 200
    with TelegramStandIn(tmp_path) as after:
        assert [update["update_id"] for update in after.pending()] == [document["update_id"]]
        assert [entry.text for entry in after.log("anna")] == ["раз"]


def test_long_poll_without_a_body_waits(telegram):
    address = f"{telegram.base_url}{telegram.token}/getUpdates?timeout=30"
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(httpx.post, address, timeout=longest())
        telegram.wait_for(telegram.is_polled)
        telegram.say("anna", "раз")
        (update,) = poll.result().json()["result"]
    assert update["message"]["text"] == "раз"
