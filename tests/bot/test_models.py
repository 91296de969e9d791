"""/model: choosing and resetting the model, with two providers of different dialects."""

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest

from merlin.chat.model_catalogue import Candidate, CandidateKind
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    add_live_model,
    bot_settings,
    select_rows,
)
from tests.support.config import make_priced_config
from tests.support.http_servers import Handler, Server, serve_http
from tests.support.plan_config import make_plan
from tests.support.process_settings import Provider
from tests.support.serving_models import insert_live_model

pytestmark = pytest.mark.functional

SMALL = "small-1"
LARGE = "large-2"


class OtherProvider(Server):
    """A provider with another dialect: `max_model_len`, usage in each chunk, minimal chunks."""

    def __init__(self):
        self.asked = []
        self.cards = [
            {"id": SMALL, "object": "model", "max_model_len": 600},
            {"id": LARGE, "object": "model", "max_model_len": 64_000},
            {"id": "text-embed-3", "object": "model"},
            {"id": "ft:somebody-elses", "object": "model"},
            {"id": "silent-3", "object": "model"},
        ]
        super().__init__(_OtherProviderHandler)

    @property
    def base_url(self):
        return f"{self.url}/other/v1"


class _OtherProviderHandler(Handler):
    def get(self):
        self.answer(200, json.dumps({"data": self.server.cards}).encode())

    def post(self):
        self.server.asked.append(json.loads(self.body()))
        usage = {"prompt_tokens": 550, "completion_tokens": 4}
        usage["prompt_tokens_details"] = {"cached_tokens": 512}
        pieces = ["Ответ ", "издалека"]
        chunks = [
            {"choices": [{"delta": {"content": text}}], "usage": usage}
            for text in pieces
        ]
        chunks.append(
            {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}
        )
        events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        self.answer(
            200, "".join([*events, "data: [DONE]\n\n"]).encode(), "text/event-stream"
        )


@pytest.fixture
def elsewhere():
    with serve_http(OtherProvider()) as server:
        yield server


@pytest.fixture
def settings(tmp_path, telegram, provider, elsewhere):
    settings = bot_settings(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base")
    other = Provider("elsewhere", elsewhere.base_url, "sk-other", SMALL)
    config = make_priced_config(LARGE, input=0.3, cached_input=0.15, output=1.2)
    return replace(settings, providers=(*settings.providers, other), config=config)


@contextmanager
def talk_to_bot(telegram, settings):
    """Run a bot that knows the models of both providers; yield anna, who talks to it."""
    listed = "SELECT COUNT(*) FROM model_window"
    with ChatUser.of_running_bot(telegram, settings) as anna:
        telegram.wait_for(lambda: select_rows(settings, listed) == [(8,)])
        yield anna


@pytest.fixture
def anna(telegram, settings):
    with talk_to_bot(telegram, settings) as anna:
        yield anna


def test_model_of_another_company_is_announced_with_a_link_to_privacy_and_not_kept(
    anna, elsewhere
):
    foreign = "другой компании"
    anna.say("/model")
    assert foreign not in anna.press(anna.find_button("stand-in-chat")).text
    anna.say("/model")
    text = anna.press(anna.find_button(LARGE)).text
    assert foreign in text
    assert "/privacy" in text
    anna.say("Один")
    assert f"не перешло: модель {LARGE}" in anna.say("/new").text
    anna.say("Два")
    assert len(elsewhere.asked) == 1
    anna.say("/model")
    assert anna.labels[0] == "✓ Всегда новейшая"


def test_full_session_continues_with_a_larger_model(anna, elsewhere):
    anna.say("/model")
    anna.press(anna.find_button(SMALL))
    full = anna.say("Первый вопрос")
    assert "92\xa0%" in full.text
    message = anna.press("model")
    assert message.message_id != full.message_id
    anna.press(anna.find_button(LARGE))
    anna.say("Второй вопрос")
    assert [len(request["messages"]) for request in elsewhere.asked] == [1, 3]


def test_model_outside_the_plan_is_neither_listed_nor_accepted(telegram, settings):
    free = make_plan("free", models=("stand-in-*",))
    with talk_to_bot(telegram, replace(settings, plans=(free,))) as talk:
        assert LARGE not in talk.say("/model").text
        sign = Candidate(CandidateKind.GENERAL, "elsewhere", LARGE).sign
        talk.press(f"model:use:{sign}", forged=True)
        assert "тариф" in talk.alerts()[-1]
        assert select_rows(talk.settings, "SELECT provider FROM chat_session") == [
            (None,)
        ]


def test_chosen_version_stays_until_the_newest_is_chosen_again(
    anna, settings, provider
):
    anna.say("/model")
    assert "Она останется" in anna.press(anna.find_button("neurotypology-1")).text
    anna.say("Первый вопрос")
    with open_database(settings.database) as database:
        insert_live_model(database, "stand-in-chat", number=2, since=utc_now())
    anna.say("Второй вопрос")
    anna.say("/model")
    assert anna.labels[0] == "Всегда новейшая"
    assert "neurotypology-2" in anna.press("model:auto").text
    anna.say("Третий вопрос")
    anna.say("/model")
    assert anna.labels[0] == "✓ Всегда новейшая"
    assert provider.asked_models() == ["stand-in-base"] * 2 + ["stand-in-chat"]


def test_new_session_does_not_keep_an_instruction_that_another_company_answers(
    telegram, settings, elsewhere
):
    with ChatUser.of_running_bot(
        telegram, replace(settings, assistant=("elsewhere", SMALL))
    ) as anna:
        assert "другой компании" in anna.say("/system Говори стихами").text
        anna.say("Один")
        assert "не перешло: ваша инструкция (/system)" in anna.say("/new").text
        anna.say("Два")
    assert len(elsewhere.asked) == 1


def test_free_model_says_so_and_a_new_session_shows_the_cost_of_the_day(
    telegram, settings
):
    config = make_priced_config(SMALL, input=0, output=0)
    with talk_to_bot(telegram, replace(settings, config=config)) as anna:
        shown = anna.say("/model").text
        assert "бесплатно" in shown.partition(SMALL)[2]
        anna.press(anna.find_button(SMALL))
        anna.say("Один")
        both = "этот разговор — бесплатно, сегодня — бесплатно"
        assert both in anna.say("/t").text
        anna.say("/new")
        assert "пока ничего, сегодня — бесплатно" in anna.say("/t").text
        # The price of the model that answers now is not known.
        anna.say("Два")
        assert "Стоимость за сегодня: бесплатно" in anna.say("/t").text
