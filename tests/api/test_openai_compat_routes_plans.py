"""What a question at `/v1` costs, the spending limit, and the error when no model answers."""

import openai
import pytest

from tests.api.chat_api import (
    TWO_A_DAY,
    ask,
    chat_client,
    chat_request,
    count_questions_by_state,
    package_client,
    run_chat_api,
)
from tests.api.running_api import BORIS
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional

QUESTION = "Что такое граф?"


def test_question_is_charged_once_and_an_exhausted_plan_says_when_it_resets(tmp_path):
    with run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, _):
        with chat_client(site) as client:
            assert ask(client, QUESTION).status_code == 200
            assert ask(client, QUESTION, stream=True).text.endswith("data: [DONE]\n\n")
            response = ask(client, QUESTION)
            english = client.post(
                "/chat/completions",
                json=chat_request(QUESTION),
                headers={"Accept-Language": "en"},
            )
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (429, "insufficient_quota")
        assert error["type"] == "insufficient_quota"
        assert "Вопросы на сегодня закончились" in error["message"]
        assert "Questions for today are used up" in english.json()["error"]["message"]
        assert 0 < int(response.headers["retry-after"]) <= 24 * 3600
        assert response.headers["x-should-retry"] == "false"
        assert count_questions_by_state(site) == {"charged": 2}
        with package_client(site) as client, pytest.raises(openai.RateLimitError):
            client.chat.completions.create(**chat_request(QUESTION))
        site.add_user(BORIS)
        with chat_client(site, BORIS) as other:
            assert ask(other, QUESTION).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_failed_question_is_not_charged_and_returns_its_status(tmp_path, stream):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.faults.add(
            Fault("chat.create", FaultKind.STATUS, times=None, status=503)
        )
        response = ask(client, QUESTION, stream=stream)
        assert (response.status_code, response.json()["error"]["code"]) == (
            503,
            "model_busy",
        )
        assert response.json()["error"]["type"] == "server_error"
        assert response.headers["retry-after"] == "5"
        assert count_questions_by_state(site) == {"returned": 1}


def test_interrupted_answer_is_returned_as_cut_and_charged(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.faults.add(Fault("chat.create", FaultKind.CUT))
        provider.behave(fixed_answer="Начало ответа и его конец.", piece_s=0.02)
        body = ask(client, QUESTION).json()
        assert body["choices"][0]["message"]["content"].startswith("Начало")
        assert body["choices"][0]["finish_reason"] == "length"
        assert body["merlin"]["ending"] == "cut"
        assert "оборвался" in body["merlin"]["note"]
        assert count_questions_by_state(site) == {"charged": 1}
