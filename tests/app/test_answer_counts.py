"""Metrics of answers: each question is counted once, when it ended."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from merlin.app.answer_counts import MAX_MODELS, AnswerCounts
from merlin.chat.turns import StoredAnswer, UpdateState
from merlin.providers.base import Usage

pytestmark = pytest.mark.integration


class Counted:
    """Questions of one person, and the metrics that count them from now on."""

    def __init__(self, ctx, turns, store_question):
        self._ctx = ctx
        self._turns = turns
        self._store_question = store_question
        self._counts = AnswerCounts()
        self._registry = CollectorRegistry()
        self._registry.register(self._counts)

    def update(self):
        self._counts.update(self._ctx)

    def ask(self):
        """Store a question; return its number."""
        return self._store_question(answer=None).question.update_id

    def end(self, number, model="ft:1", **answer):
        stored = StoredAnswer("Тут.", provider="engine", model_id=model, **answer)
        self._turns.write(number, stored)

    def value(self, name, model="ft:1", **labels):
        labels |= {"provider": "engine", "model": model}
        return self._registry.get_sample_value(f"merlin_{name}", labels)


@pytest.fixture
def counted(ctx, turns, store_question):
    made = Counted(ctx, turns, store_question)
    made.end(made.ask())
    made.update()
    return made


def test_answer_is_counted_with_its_time_tokens_and_cost(counted, clock):
    number = counted.ask()
    clock.move(4)
    usage = Usage(input_tokens=30, output_tokens=7)
    cost = {"cost_micro": 2_500_000, "currency": "USD"}
    counted.end(number, usage=usage, first_ms=1500, **cost)
    counted.update()
    assert counted.value("answers_total", outcome="answered") == 1
    assert counted.value("answer_seconds_sum") == 4
    assert counted.value("first_token_seconds_sum") == 1.5
    assert counted.value("answer_tokens_total", kind="input") == 30
    assert counted.value("answer_tokens_total", kind="output") == 7
    assert counted.value("answer_cost_total", currency="usd") == 2.5


@pytest.mark.parametrize(
    ("ending", "known", "outcome", "timed"),
    [
        (UpdateState.ANSWERED, True, "answered", 1),
        (UpdateState.ANSWERED, False, "refused", 1),
        (UpdateState.FAILED, None, "failed", None),
        # Refused before a model was asked.
        (UpdateState.REFUSED, None, None, None),
    ],
)
def test_question_is_counted_by_its_ending(counted, ending, known, outcome, timed):
    counted.end(counted.ask(), ending=ending, known=known)
    counted.update()
    counts = {
        each: counted.value("answers_total", outcome=each)
        for each in ("answered", "refused", "failed")
    }
    expected = dict.fromkeys(counts) | ({outcome: 1} if outcome else {})
    assert counts == expected
    assert counted.value("answer_seconds_count") == timed


def test_answer_is_counted_once_when_it_is_finished_unless_its_process_died(
    counted, clock
):
    number = counted.ask()
    lost = counted.ask()
    counted.update()
    assert counted.value("answers_total", outcome="answered") is None
    counted.end(number)
    for _ in range(2):
        counted.update()
    assert counted.value("answers_total", outcome="answered") == 1
    clock.move(timedelta(hours=2).total_seconds())
    counted.update()
    counted.end(lost)
    counted.update()
    assert counted.value("answers_total", outcome="answered") == 1


def test_only_the_models_that_answered_last_keep_their_metrics(counted):
    for number in range(MAX_MODELS):
        counted.end(counted.ask(), model=f"ft:{number}")
    counted.update()
    counted.end(counted.ask(), model="ft:0")
    counted.end(counted.ask(), model="ft:new")
    counted.update()
    answered = {"outcome": "answered"}
    assert counted.value("answers_total", "ft:0", **answered) == 2
    assert counted.value("answers_total", "ft:new", **answered) == 1
    assert counted.value("answers_total", "ft:1", **answered) is None
    assert counted.value("answers_total", "ft:2", **answered) == 1
