"""Answers composed from a course's materials where the tuned model does not know them."""

import pytest

from merlin.config.settings import AnswerBudget
from tests.api.chat_api import (
    MODEL,
    chat_client,
    chat_request,
    count_questions_by_state,
    run_chat_api,
)
from tests.support.config import make_priced_config

pytestmark = pytest.mark.functional

UNKNOWN = {"fixed_answer": "Я этого не знаю.", "extension": {"known": False}}
QUESTION = "Что такое алгоритм, набор каких шагов?"


@pytest.fixture
def course(tmp_path):
    composer = ("chat", "stand-in-chat")
    with run_chat_api(tmp_path, grounding=composer) as (site, provider):
        provider.behave(**UNKNOWN)
        yield site, provider


def ask(site, question=QUESTION, **options):
    with chat_client(site) as program:
        return program.post(
            "/chat/completions", json=chat_request(question, **options)
        ).json()


def test_unknown_question_gets_a_composed_answer_with_its_source(course):
    site, provider = course
    document = ask(site)
    assert "конечный" in document["choices"][0]["message"]["content"]
    assert "[1]" not in document["choices"][0]["message"]["content"]
    extension = document["merlin"]
    assert extension["sources"] == ["лекция 1 «Введение в алгоритмы», абзац 1"]
    assert extension["note"].endswith(extension["sources"][0])
    assert (extension["model_role"], extension["known"]) == ("composed", True)
    assert provider.asked_models() == [MODEL, "stand-in-chat"]
    assert count_questions_by_state(site) == {}


def test_both_models_of_a_composed_answer_count_in_the_spending_limits(tmp_path):
    budget = {
        "caps": AnswerBudget(per_day=1),
        "config": make_priced_config(MODEL, input=1, output=1),
    }
    composer = ("chat", "stand-in-chat")
    with run_chat_api(tmp_path, grounding=composer, **budget) as (site, provider):
        provider.behave(**UNKNOWN)
        assert ask(site)["merlin"]["model_role"] == "composed"
        ((micro,),) = site.database.sql("SELECT micro FROM answer_cost")
    # The composing model has no price here.
    assert micro > len(QUESTION) // 4


def test_sources_of_a_follow_up_are_those_of_the_question_before_it(course):
    site, provider = course
    with chat_client(site) as program:
        for follow_up in ("а почему?", "Приведи пример!"):
            body = chat_request(QUESTION, "Набор шагов.", follow_up)
            program.post("/chat/completions", json=body)
            system = provider.calls("chat.create")[-1].body["messages"][0]["content"]
            assert "конечный" in system, follow_up


@pytest.mark.parametrize(
    "question",
    ["Какая погода в Твери завтра?", "а?", "Расскажи мне про алгоритм доставки пиццы"],
)
def test_question_without_a_source_stays_unknown(course, question):
    site, _ = course
    document = ask(site, question)
    assert document["choices"][0]["message"]["content"] == UNKNOWN["fixed_answer"]
    assert (document["merlin"]["model_role"], document["merlin"]["sources"]) == (
        "serving",
        [],
    )
