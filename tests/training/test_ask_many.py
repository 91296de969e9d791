"""Asking a model many questions over HTTP, within a budget and without losing an answer."""

from contextlib import closing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.messages import Message, Usage
from merlin.core.money import MICRO, Price
from merlin.providers.openai_training import OpenAIModelClient
from merlin.training.ask_many import (
    WAITS_S,
    ModelQuery,
    ask_many,
)
from tests.support.faults import Fault, FaultKind
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
MODEL = "stand-in-chat"
PRICE = Price("USD", MICRO, MICRO, MICRO, 0)  # a token costs a millionth


@pytest.fixture
def provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture
def asker(provider):
    with closing(OpenAIModelClient(provider.base_url, "stand-in")) as asker:
        yield asker


def make_queries(count):
    return [
        ModelQuery(
            f"q{number}", (Message("user", f"What is word {number}?"),), Usage(10, 10)
        )
        for number in range(count)
    ]


def ask_all(asker, count=20, model=MODEL, **options):
    replies = {}
    report = ask_many(
        asker,
        model,
        make_queries(count),
        lambda q, r: replies.update({q.key: r}),
        **options,
    )
    return replies, report


def test_every_question_is_answered_and_counted(provider, asker):
    replies, report = ask_all(asker, price=PRICE)
    assert len(replies) == report.answered == len(provider.calls("chat.create")) == 20
    assert "What is word 7?" in replies["q7"].text
    counted = [answer.usage for answer in replies.values()]
    assert report.spent_micro == sum(
        usage.input_tokens + usage.output_tokens for usage in counted
    )
    assert not report.failed


def test_asking_stops_before_the_budget_is_exceeded(provider, asker):
    provider.behave(fixed_answer="Yes.")
    usage = ask_all(asker, 1)[0]["q0"].usage
    one = usage.input_tokens + usage.output_tokens
    # The estimate of the third question, 20, no longer fits.
    replies, report = ask_all(asker, price=PRICE, budget_micro=20 + 2 * one - 1)
    assert report.is_over_budget
    assert list(replies) == ["q0", "q1"]
    assert report.spent_micro == 2 * one


def test_calls_of_unknown_result_count_as_paid(provider, asker):
    provider.behave(fixed_answer="Yes.")
    usage = ask_all(asker, 1)[0]["q0"].usage
    one = usage.input_tokens + usage.output_tokens
    before = len(provider.calls("chat.create"))
    # Each fault lets one call through before it: answered and lost calls alternate.
    lost = [Fault("chat.create", FaultKind.DROP, skip=skip) for skip in (1, 2, 3)]
    provider.faults.add(*lost)
    budget = 3 * one + 3 * 20
    replies, report = ask_all(asker, price=PRICE, budget_micro=budget)
    assert report.is_over_budget
    assert len(report.failed) == 3
    assert report.spent_micro == len(replies) * one + 3 * 20 <= budget
    assert len(provider.calls("chat.create")) - before == len(replies) + 3


@pytest.mark.parametrize(
    ("fault", "failed", "calls"),
    [
        pytest.param({"kind": FaultKind.DROP}, 0, 21, id="lost, which costs nothing"),
        pytest.param({"kind": FaultKind.STATUS, "status": 503}, 0, 20, id="busy"),
        pytest.param({"kind": FaultKind.STATUS, "status": 400}, 1, 19, id="refused"),
    ],
)
def test_single_fault_is_asked_again_unless_it_is_a_refusal_and_stops_no_other(
    provider, asker, fault, failed, calls
):
    provider.faults.add(Fault("chat.create", skip=3, **fault))
    replies, report = ask_all(asker)
    assert (len(replies), len(report.failed)) == (20 - failed, failed)
    assert not set(report.failed) & set(replies)
    assert len(provider.calls("chat.create")) == calls


def test_provider_that_asks_for_an_hour_is_not_asked_again(provider, asker):
    fault = Fault("chat.create", FaultKind.STATUS, status=429, retry_after_s=3600)
    provider.faults.add(fault)
    with pytest.raises(ProviderBusy):
        ask_all(asker)
    assert len(provider.calls("chat.create")) == 0


def test_missing_model_is_asked_one_question(provider, asker):
    with pytest.raises(ModelGone):
        ask_all(asker, model="nobody")
    assert len(provider.calls("chat.create")) == 1


def test_failing_provider_loses_no_answer(provider, asker):
    provider.faults.add(
        Fault("chat.create", FaultKind.STATUS, status=400, skip=4, times=None)
    )
    replies = {}
    with pytest.raises(Exception, match="400"):
        ask_many(
            asker,
            MODEL,
            make_queries(40),
            lambda q, r: replies.update({q.key: r}),
            at_once=4,
        )
    assert len(replies) == 4
    assert len(provider.calls("chat.create")) < 40


def test_unreachable_provider_raises_provider_busy(provider, asker):
    provider.stop()
    with pytest.raises(ProviderBusy):
        ask_all(asker)
    assert len(WAITS_S) == 3


def test_interruption_keeps_the_answers_under_way(provider, asker):
    replies = {}
    interrupts = []

    def keep(query, reply):
        if len(replies) == 3 and not interrupts:
            interrupts.append("Ctrl-C")
            raise KeyboardInterrupt
        replies[query.key] = reply

    with pytest.raises(KeyboardInterrupt):
        ask_many(asker, MODEL, make_queries(40), keep, at_once=4)
    assert len(replies) == len(provider.calls("chat.create")) < 40


def test_empty_answer_is_a_failure_and_stops_the_asking(asker, provider):
    provider.behave(fixed_answer=" ")
    with pytest.raises(ProviderError, match="nothing"):
        ask_all(asker)
    assert len(provider.calls("chat.create")) == 1


def test_failure_of_the_provider_is_reported_before_that_of_a_question(provider, asker):
    refused = Fault("chat.create", FaultKind.STATUS, status=400, skip=1)
    provider.faults.add(
        refused, Fault("chat.create", FaultKind.STATUS, status=401, skip=5)
    )
    report = ask_all(asker, waits_s=())[1]
    assert len(report.failed) == 2
    assert report.first_failure.status == 401
