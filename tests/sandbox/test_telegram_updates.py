"""Updates: long polling, offsets, conflicts, webhooks, queries."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice
from telegram.error import BadRequest, Conflict

from merlin.sandbox.telegram.server import TelegramStandIn
from tests.sandbox.telegram_client import as_process, bot_of, fetch
from tests.support.http_servers import run_receiver
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


def texts(updates):
    return [update.message.text for update in updates]


def test_updates_are_kept_until_the_offset_confirms_them(telegram_up, ask):
    first = telegram_up.say("anna", "раз")
    telegram_up.say("boris", "два")
    assert texts(ask(lambda bot: bot.get_updates())) == ["раз", "два"]
    assert texts(ask(lambda bot: bot.get_updates())) == ["раз", "два"]
    assert texts(ask(lambda bot: bot.get_updates(offset=first + 1))) == ["два"]
    assert [one["update_id"] for one in telegram_up.pending()] == [first + 1]


def test_the_limit_of_a_poll(telegram_up, ask):
    for word in ("раз", "два", "три"):
        telegram_up.say("anna", word)
    assert texts(ask(lambda bot: bot.get_updates(limit=2))) == ["раз", "два"]


def test_a_long_poll_ends_when_something_comes(telegram_up, ask):
    async def act(bot):
        waiting = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram_up.wait_for, telegram_up.is_polled)
        telegram_up.say("anna", "привет")
        return await waiting

    assert texts(ask(act)) == ["привет"]


def test_an_empty_short_poll_answers_at_once(ask):
    assert ask(lambda bot: bot.get_updates()) == ()


def test_a_second_poller_ousts_the_first(telegram_up, ask):
    async def act(bot):
        first = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram_up.wait_for, telegram_up.is_polled)
        async with bot_of(telegram_up) as other:
            await other.get_updates()
        await first

    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        ask(act)


def test_only_wanted_kinds_are_queued(telegram_up, ask):
    ask(lambda bot: bot.get_updates(allowed_updates=["callback_query"]))
    telegram_up.say("anna", "не нужно")
    assert ask(lambda bot: bot.get_updates()) == ()
    ask(lambda bot: bot.get_updates(allowed_updates=[]))
    telegram_up.say("anna", "нужно")
    assert texts(ask(lambda bot: bot.get_updates())) == ["нужно"]


def test_a_pressed_key_waits_for_its_answer(telegram_up, ask):
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("👍 Верно", callback_data="good:7")]])
    ask(lambda bot: bot.send_message(1001, "a", reply_markup=keys))
    telegram_up.press("anna", "👍 Верно")

    async def act(bot):
        (update,) = await bot.get_updates()
        await update.callback_query.answer("Спасибо")
        return update.callback_query

    query = ask(act)
    assert (query.data, query.message.text) == ("good:7", "a")
    with pytest.raises(BadRequest, match="Query is too old"):
        ask(lambda bot: bot.answer_callback_query(query.id))
    with pytest.raises(BadRequest, match="Query is too old"):
        ask(lambda bot: bot.answer_callback_query("12345"))


def test_a_refused_checkout_pays_nothing(telegram_up, ask):
    prices = [LabeledPrice("50 вопросов", 100)]
    ask(lambda bot: bot.send_invoice(1001, "Вопросы", "Ещё 50", "pack:50", "XTR", prices))
    telegram_up.press("anna", "⭐ 100")

    async def act(bot):
        (asked,) = await bot.get_updates()
        query_id = asked.pre_checkout_query.id
        await bot.answer_pre_checkout_query(query_id, ok=False, error_message="Кончились")
        return await bot.get_updates(offset=asked.update_id + 1)

    assert ask(act) == ()


@pytest.fixture
def hook():
    with run_receiver() as receiver:
        yield receiver


def test_a_webhook_gets_every_update_in_order_with_the_secret(telegram_up, ask, hook):
    telegram_up.say("anna", "раньше")
    ask(lambda bot: bot.set_webhook(hook.url, secret_token="s-1"))
    telegram_up.say("anna", "потом")
    telegram_up.wait_for(lambda: len(hook.deliveries) == 2 and not telegram_up.pending())
    secret = "x-telegram-bot-api-secret-token"
    told = [(one.headers[secret], one.json["message"]["text"]) for one in hook.deliveries]
    assert told == [("s-1", "раньше"), ("s-1", "потом")]


def test_a_webhook_that_refuses_is_asked_again(telegram_up, ask, hook):
    hook.script = [503, 503]
    ask(lambda bot: bot.set_webhook(hook.url))
    telegram_up.say("anna", "раз")
    telegram_up.wait_for(lambda: len(hook.deliveries) == 3 and not telegram_up.pending())


def test_polling_conflicts_with_a_webhook(ask, hook):
    ask(lambda bot: bot.set_webhook(hook.url))
    with pytest.raises(Conflict, match="webhook is active"):
        ask(lambda bot: bot.get_updates())


def test_a_restart_over_the_folder_loses_nothing(tmp_path):
    with TelegramStandIn(tmp_path) as before:
        before.say("anna", "раз")
        before.say("anna", "два")
        first = before.pending()[0]["update_id"]

        async def act():
            async with bot_of(before) as bot:
                await bot.get_updates(offset=first + 1)
                sent = await bot.send_message(1001, "…")
                await bot.edit_message_text("ответ", 1001, sent.message_id)

        asyncio.run(act())
    with TelegramStandIn(tmp_path) as after:
        assert [one["message"]["text"] for one in after.pending()] == ["два"]
        last = after.log("anna")[-1]
        assert [version["text"] for version in last.versions] == ["…", "ответ"]
        after.say("anna", "три")
        assert after.log("anna")[-1].message_id > last.message_id


def test_down_and_back_keeps_port_and_state(telegram_up, ask):
    address = telegram_up.base_url
    telegram_up.say("anna", "раз")
    telegram_up.stop()
    telegram_up.start()
    assert telegram_up.base_url == address
    assert texts(ask(lambda bot: bot.get_updates())) == ["раз"]


def test_stopping_ends_a_long_poll(telegram_up):
    async def act():
        async with bot_of(telegram_up) as bot:
            waiting = asyncio.create_task(bot.get_updates(timeout=30))
            await asyncio.to_thread(telegram_up.wait_for, telegram_up.is_polled)
            await asyncio.to_thread(telegram_up.stop)
            return await waiting

    assert asyncio.run(act()) == ()


def test_a_poller_that_died_leaves_nothing_behind(telegram_up, ask):
    async def act(bot):
        dying = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(telegram_up.wait_for, telegram_up.is_polled)
        dying.cancel()
        await asyncio.to_thread(telegram_up.wait_for, lambda: not telegram_up.is_polled())

    ask(act)
    telegram_up.say("anna", "раз")
    assert texts(ask(lambda bot: bot.get_updates())) == ["раз"]


def test_people_beyond_the_three_speak_english(telegram_up, ask):
    telegram_up.say(5001, "hello")
    (update,) = ask(lambda bot: bot.get_updates())
    assert (update.effective_chat.id, update.effective_user.language_code) == (5001, "en")


def test_updates_and_chats_survive_sigkill(tmp_path):
    with as_process("telegram", tmp_path) as (_process, address):
        status, document = fetch(f"{address}/control/send", {"person": "anna", "text": "раз"})
    assert status == 200
    with TelegramStandIn(tmp_path) as after:
        assert [one["update_id"] for one in after.pending()] == [document["update_id"]]
        assert [one.text for one in after.log("anna")] == ["раз"]


def test_a_long_poll_without_a_body_waits(telegram_up):
    address = f"{telegram_up.base_url}{telegram_up.token}/getUpdates?timeout=30"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(httpx.post, address, timeout=longest())
        telegram_up.wait_for(telegram_up.is_polled)
        telegram_up.say("anna", "раз")
        (update,) = waiting.result().json()["result"]
    assert update["message"]["text"] == "раз"
