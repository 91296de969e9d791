"""Tokens: /t shows the used window, the cost and the plan."""

from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.core.money import format_cost as told_money
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, bot_settings, select_rows
from tests.support.config import make_config
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional

PRICE = {"input": 1, "output": 2, "training": 0}


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
    assert "по счёту провайдера" in text
    ((micro,),) = select_rows(settings, "SELECT cost_micro FROM turn")
    assert micro > 0
    cost = told_money("ru", micro, "USD")
    assert (cost[:2], cost[-1]) == ("0,", "$")
    assert f"этот разговор — {cost}, сегодня — {cost}" in text
    assert "Тариф «Бесплатный»" in text
    assert "Вопросы: осталось 19 из 20, обновится " in text


def model_of(settings):
    return replace(settings.providers[0], model="stand-in-base")
