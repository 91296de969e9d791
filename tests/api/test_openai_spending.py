"""The spending limit at `/v1`: questions are refused once answers have cost the limit."""

import pytest

from merlin.config.settings import AnswerBudget
from tests.api.chat_api import (
    MODEL,
    TWO_A_DAY,
    ask,
    chat_client,
    count_questions_by_state,
    run_chat_api,
)
from tests.api.running_api import BORIS
from tests.support.config import make_priced_config

pytestmark = pytest.mark.functional

DEAR = make_priced_config(MODEL, input=1, output=1)


@pytest.mark.parametrize("plans", [(), (TWO_A_DAY,)])
def test_spent_daily_budget_refuses_everyone(tmp_path, plans):
    caps = AnswerBudget(per_day=1e-6)
    with (
        run_chat_api(tmp_path, plans=plans, caps=caps, config=DEAR) as (site, _),
        chat_client(site) as client,
    ):
        assert ask(client, "Что такое граф?").status_code == 200
        refused = ask(client, "А что такое дерево?")
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (429, "insufficient_quota")
        assert "Бот исчерпал дневной лимит ответов. Снова можно после" in error["message"]
        assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
        assert count_questions_by_state(site) == ({"charged": 1} if plans else {})
        site.add_user(BORIS)
        with chat_client(site, BORIS) as other:
            assert ask(other, "Что такое граф?", stream=True).status_code == 429
        rows = site.database.sql("SELECT key FROM notice WHERE to_whom = 'admins'")
        assert rows == [("notice-answers-day",)]


def test_cached_tokens_are_counted_and_cost_their_own_price(tmp_path):
    config = make_priced_config(MODEL, input=3, cached_input=1, output=0)
    with run_chat_api(tmp_path, caps=AnswerBudget(per_day=1), config=config) as (site, provider):
        with chat_client(site) as client:
            whole = ask(client, "Что такое граф?").json()["usage"]
            provider.behave(cached_tokens=2)
            cached = ask(client, "Что такое граф?").json()["usage"]
        assert whole == {**cached, "prompt_tokens_details": {"cached_tokens": 0}}
        assert cached["prompt_tokens_details"] == {"cached_tokens": 2}
        both = 2 * (3 * whole["prompt_tokens"]) - 2 * (3 - 1)
        assert site.database.sql("SELECT SUM(micro) FROM answer_cost") == [(both,)]
