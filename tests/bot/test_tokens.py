"""Tokens: the context indicator is correct, and a summary is used only when it was verified."""

from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.bot.handlers.sessions import share_bar
from merlin.core.money import format_cost as told_money
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, bot_settings, select_rows, wait_for_windows
from tests.support.config import make_config, make_priced_config
from tests.support.forked_processes import start_bot, wait_for_exit
from tests.support.plan_config import make_plan
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

QUESTION = "Встретимся с Анной у площади Минина 14 мая в 10:30?"
SHORT = "Обсудили встречу с Анной у Минина 14 мая в 10:30."
INVENTED = "Обсудили встречу с Анной 15 мая."
PRICE = {"input": 1, "output": 2, "training": 0}


def stored_summaries(settings):
    return select_rows(settings, "SELECT COUNT(*) FROM chat_session WHERE summary <> ''")[0][0]


def test_share_bar_shows_the_used_part():
    assert share_bar(0) == "▱" * 10
    assert share_bar(0.001) == "▰" + "▱" * 9
    assert share_bar(0.5) == "▰" * 5 + "▱" * 5
    assert share_bar(3) == "▰" * 10


def test_token_view_shows_usage_cost_and_plan(tmp_path, telegram, provider):
    plan = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, {Format.TEXT: Allowance(day=20)})
    config = make_config(models={"stand-in-base": {"context": 8000, "price": PRICE}})
    settings = bot_settings(tmp_path, telegram, provider, plans=(plan,), config=config)
    with RunningBot(replace(settings, providers=(model_of(settings),))):
        talk = ChatUser(telegram, settings)
        fresh = talk.say("/t").text
        assert "▱▱▱▱▱▱▱▱▱▱ 0\xa0%" in fresh
        assert "по нашей оценке" in fresh
        assert "этот разговор — пока ничего, сегодня — пока ничего" in fresh
        talk.say("Что такое лоб?")
        text = talk.say("/t").text
    ((used, _),) = select_rows(
        settings, "SELECT input_tokens + output_tokens, cost_micro FROM turn"
    )
    assert f"{used} из 8" in text
    assert "по счёту поставщика" in text
    ((micro,),) = select_rows(settings, "SELECT cost_micro FROM turn")
    assert micro > 0
    cost = told_money("ru", micro, "USD")
    assert (cost[:2], cost[-1]) == ("0,", "$")
    assert f"этот разговор — {cost}, сегодня — {cost}" in text
    assert "План «Бесплатный»" in text
    assert "Вопросы: осталось 19 из 20, обновится " in text


def test_unknown_cost_is_omitted(anna):
    anna.say("Что такое лоб?")
    text = anna.say("/t").text
    assert "из 8" in text or "токенов" in text
    assert "неизвестна" not in text
    assert "этот разговор —" not in text


def model_of(settings):
    return replace(settings.providers[0], model="stand-in-base")


def test_plan_window_is_the_shown_limit(tmp_path, telegram, provider):
    plan = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, window=1000)
    settings = bot_settings(tmp_path, telegram, provider, plans=(plan,))
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        assert "0 из 1" in talk.say("/t").text
        text = talk.say("/plan").text
    assert "Память разговора: до 1" in text
    assert "Вопросы: без ограничений" in text


def test_verified_summary_is_shown_and_starts_a_new_session(anna, provider):
    anna.say(QUESTION)
    anna.say("/t")
    provider.behave(fixed_answer=SHORT)
    message = anna.press("Пересказать и продолжить")
    assert SHORT in message.text
    assert message.entities[0]["type"] == "expandable_blockquote"
    anna.say("Во сколько?")
    contents = [
        message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
    ]
    assert f"Ранее в этом разговоре: {SHORT}" in contents
    assert QUESTION not in contents
    anna.say("/sessions")
    assert "У вас 2 разговора" in anna.last.text
    assert any("(продолжение)" in label for label in anna.labels)


def test_session_left_without_a_warning_can_still_be_summarised(telegram, provider, settings):
    provider.behave(context_window=600)
    with RunningBot(settings):
        wait_for_windows(telegram, settings)
        anna = ChatUser(telegram, settings)
        anna.say(f"{QUESTION} {'Это важно. ' * 40}")
        assert "Пересказать и продолжить" not in anna.labels
        last_answer = anna.say(f"А что взять с собой? {'Подумай. ' * 40}")
        assert "поэтому я начал новый" in last_answer.text
        provider.behave(fixed_answer=SHORT, context_window=16_000)
        summed = anna.press("Пересказать прежний и продолжить")
        assert SHORT in summed.text
        contents = [
            message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
        ]
        assert QUESTION in "".join(contents)
        anna.say("Во сколько?")
        contents = [
            message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
        ]
        assert f"Ранее в этом разговоре: {SHORT}" in contents


def test_stand_in_summarises_a_conversation_by_its_first_sentences(anna):
    """The demo uses this to show what the button does."""
    anna.say(QUESTION)
    anna.say("/t")
    text = anna.press("Пересказать и продолжить").text
    assert text.startswith(f"О чём мы говорили:\n\nВопрос: {QUESTION}")
    assert "Вы спросили: «Вопрос:" not in text


def test_summary_with_an_invented_number_is_retried_and_then_refused(anna, provider):
    anna.say(QUESTION)
    anna.say("/t")
    provider.behave(fixed_answer=INVENTED)
    message = anna.press("Пересказать и продолжить")
    assert "Не получилось" in message.text
    first, second = provider.calls("chat.create")[-2:]
    assert "15" not in first.body["messages"][-1]["content"]
    assert "число 15" in second.body["messages"][-1]["content"]
    assert stored_summaries(anna.settings) == 0
    provider.behave(fixed_answer="")
    anna.say("Дальше?")
    contents = [
        message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
    ]
    assert QUESTION in contents


def test_summary_costs_one_question_and_its_money_is_counted(tmp_path, telegram, provider):
    plan = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, {Format.TEXT: Allowance(day=3)})
    config = make_priced_config("stand-in-base", **PRICE)
    settings = bot_settings(tmp_path, telegram, provider, plans=(plan,), config=config)
    settings = replace(settings, providers=(model_of(settings),))
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say(QUESTION)
        gauge = talk.say("/t")
        provider.behave(fixed_answer=INVENTED)
        talk.press("Пересказать и продолжить")
        assert "осталось 2 из 3" in talk.say("/plan").text
        provider.behave(fixed_answer=SHORT)
        talk.press("Пересказать и продолжить", gauge.message_id)
        assert "осталось 1 из 3" in talk.say("/plan").text
        talk.say("Ещё?")
        talk.press("Пересказать и продолжить", gauge.message_id)
        assert "закончились" in talk.last.text
    costs = select_rows(settings, "SELECT cost_micro FROM turn WHERE format = 'summary'")
    assert len(costs) == 2
    assert all(micro > 0 for (micro,) in costs)


def test_second_press_makes_no_second_summary(anna, provider):
    anna.say(QUESTION)
    gauge = anna.say("/t")
    provider.behave(fixed_answer=SHORT)
    anna.press("Пересказать и продолжить")
    call_count = len(provider.calls("chat.create"))
    anna.press("Пересказать и продолжить", gauge.message_id)
    assert len(provider.calls("chat.create")) == call_count
    assert stored_summaries(anna.settings) == 1


def test_session_of_another_user_cannot_be_summarised(anna, telegram, provider):
    anna.say(QUESTION)
    anna.say("/t")
    call_count = len(provider.calls("chat.create"))
    boris = ChatUser(telegram, anna.settings, "boris")
    message = boris.say("/t")
    boris.press(anna.button_data("sum"), message.message_id, forged=True)
    assert telegram.answers("boris") == [message]
    assert len(provider.calls("chat.create")) == call_count


def test_plan_button_keeps_the_answer_above_it(anna, telegram):
    answer = anna.say(QUESTION)
    anna.press("plan", answer.message_id, forged=True)
    assert telegram.answers("anna")[0].text == answer.text
    assert anna.last.text == "Ограничений нет: спрашивайте сколько угодно."


def test_kill_during_a_summary_leaves_one_new_session(tmp_path, telegram, provider):
    settings = bot_settings(tmp_path, telegram, provider)
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say(QUESTION)
        talk.say("/t")
    provider.behave(fixed_answer=SHORT)
    log = tmp_path / "child.log"
    child = start_bot(settings, log, MERLIN_CRASH_AT="answer.sent")
    telegram.press("anna", "Пересказать и продолжить", talk.last.message_id)
    try:
        assert wait_for_exit(child, 30) == 137
    finally:
        child.kill()
    with RunningBot(settings):
        wait_until(
            lambda: select_rows(settings, "SELECT 1 FROM updates WHERE state='waiting'") == []
        )
    assert stored_summaries(settings) == 1
    assert SHORT in talk.last.text
