"""Evaluation asks each test question until it is answered, and pays for no answer twice."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.core.clock import utc_now
from merlin.daemon.ticks import poll
from merlin.db.tables import MODEL, PROOF_ANSWER
from merlin.training.ask_many import AT_ONCE
from merlin.training.gate import Gates
from merlin.training.jobs import Jobs
from merlin.training.models import Models
from merlin.training.promote import Promotions
from merlin.training.prove import ASKED_OF_BASE
from tests.support.faults import Fault, FaultKind
from tests.support.pipeline_lab import Lab, evaluate_at

pytestmark = pytest.mark.integration

BUSY = {"method": "chat.create", "kind": FaultKind.STATUS, "status": 429}


def train_model(lab, tests, gate="none"):
    """Train a model that is to be evaluated on this many questions."""
    lab.repository.commit_dataset(count=tests + 12, tests=tests, gate=gate)
    lab.tick("fetch", "launch")
    with lab.services() as services:
        while Jobs(services.db).open_jobs():
            poll(services)


def run_evaluation(lab, **later):
    """Run one evaluation, the given time later."""

    def clock():
        return utc_now() + timedelta(**later)

    with lab.services() as services:
        return [model.model_id for model in evaluate_at(services, clock)]


def count_answers(provider):
    """Return how many test questions were answered, and so paid for; refused ones do not count."""
    return sum("temperature" not in call.body for call in provider.calls("chat.create"))


def list_compared(provider):
    """Return the models that were asked to compare a model with its base, in order."""
    calls = provider.calls("chat.create")
    return [call.body["model"] for call in calls if call.body.get("temperature") == 0]


def find_model(lab):
    with lab.services() as services:
        return services.db.row(MODEL.select())


def count_kept(lab):
    with lab.services() as services:
        return len(services.db.rows(PROOF_ANSWER.select()))


def count_base_calls(provider):
    """Return how often the base was asked a test question: those of numbers from 12 on."""
    calls = provider.calls("chat.create")
    asked = [each.body["messages"][-1]["content"] for each in calls if is_base(each)]
    return sum(int(re.search(r"номер (\d+)", question)[1]) >= 12 for question in asked)


def is_base(call):
    return call.body["model"] == "stand-in-base"


FREE = {"stand-in-base": {"price": {"input": 0, "output": 0, "training": 1}}}


@pytest.mark.parametrize(
    ("prices", "tests", "asked"), [(FREE, 12, ASKED_OF_BASE), (FREE, 9, 0), ({}, 12, 0)]
)
def test_base_of_a_first_model_is_asked_where_it_is_free_and_judged(
    tmp_path, provider, prices, tests, asked
):
    lab = Lab(tmp_path, provider.base_url, models=prices)
    train_model(lab, tests=tests, gate={"budget": 0})
    (model_id,) = run_evaluation(lab)
    assert count_base_calls(provider) == asked
    with lab.services() as services:
        model = Promotions(services.db).model(model_id)
        assert len(Models(services.db).base_answers(model.model_row)) == asked


def test_model_no_better_than_its_own_base_is_held(tmp_path, provider):
    lab = Lab(tmp_path, provider.base_url, models=FREE)
    train_model(lab, tests=12, gate={"budget": 0})
    lab.tick("prove", "promote")
    (notice,) = lab.notices("notice-held")
    told = lab.notice_text(notice, "en")
    assert (
        "no better than the untrained stand-in-base, which gets 0 right: 0 of 10"
        in told
    )
    with lab.services() as services:
        Gates(services.db).accept(Promotions(services.db).model("trial-1"))
    lab.until_serving("trial-1")
    asked = count_base_calls(provider)
    assert asked == ASKED_OF_BASE
    lab.repository.commit_example("trial", 1, answer="По-другому.")
    lab.until_serving("trial-2")
    assert count_base_calls(provider) == asked, "it is compared with the live model"


def test_base_that_cannot_answer_stops_no_model(tmp_path, provider):
    lab = Lab(tmp_path, provider.base_url, models=FREE)
    train_model(lab, tests=12, gate={"budget": 0})
    only = {"model": "stand-in-base"}
    provider.faults.add(
        Fault("chat.create", FaultKind.STATUS, status=400, times=2, only=only)
    )
    assert len(run_evaluation(lab)) == 1
    assert count_base_calls(provider) == 0, "a refusal is no answer"


def test_only_refused_questions_are_asked_again(lab, provider):
    train_model(lab, tests=60)
    second_fault = Fault(**BUSY, times=2, skip=58)
    provider.faults.add(Fault(**BUSY, skip=20), second_fault)
    assert run_evaluation(lab) == []
    assert count_kept(lab) == count_answers(provider) < 60
    assert run_evaluation(lab, seconds=1) == [], "a refused one waits its time"
    assert len(run_evaluation(lab, seconds=6)) == 1
    assert (count_answers(provider), count_kept(lab)) == (60, 60)


def test_fully_busy_provider_is_asked_one_question_at_a_time(lab, provider):
    train_model(lab, tests=30)
    hit = Fault(**BUSY, times=None)
    provider.faults.add(hit)
    for hour in range(1, 4):
        assert run_evaluation(lab, hours=hour) == []
    provider.faults.clear()
    provider.faults.add(replace(hit, skip=5))
    assert run_evaluation(lab, hours=5) == []
    assert 5 <= count_kept(lab) <= 5 + AT_ONCE
    provider.faults.clear()
    assert len(run_evaluation(lab, hours=6)) == 1
    assert count_answers(provider) == 30


def test_unanswerable_question_refuses_the_model_without_repeating_the_others(
    lab, provider
):
    train_model(lab, tests=20)
    provider.faults.add(Fault(**{**BUSY, "status": 400}, times=None, skip=19))
    for hour in range(2, 10):
        run_evaluation(lab, hours=hour)
    with lab.services() as services:
        assert Promotions(services.db).model(lab.status()["build"]).state == "refused"
    assert (count_answers(provider), count_kept(lab)) == (19, 0)


@pytest.mark.parametrize(
    ("behaviour", "found", "others_asked", "note"),
    [
        pytest.param({}, ("good", "answers"), 1, "", id="another answer than the base"),
        pytest.param(
            {"applies_weights": False},
            ("refused", ""),
            15,
            "not_applied: of 8 trained questions",
            id="word for word as the base",
        ),
        pytest.param(
            {"names_base": True},
            ("refused", ""),
            0,
            "stand-in-base has answered in place of",
            id="the base answers, whatever it says",
        ),
        pytest.param(
            {"extension": {"applied": True}},
            ("good", "scores"),
            0,
            "",
            id="proved by the engine",
        ),
    ],
)
def test_model_is_found_to_be_served_with_its_weights_or_refused_at_once(
    lab, provider, behaviour, found, others_asked, note
):
    provider.behave(**behaviour)
    train_model(lab, tests=2)
    run_evaluation(lab)
    model = find_model(lab)
    assert (model.state, model.applied) == found
    assert note in model.note
    first, *others = list_compared(provider)
    assert (first, len(others)) == (model.model_id, others_asked)
    assert "stand-in-base" in others or not others


def test_model_whose_base_cannot_be_asked_is_good_and_not_proved(lab, provider):
    train_model(lab, tests=2)
    provider.faults.add(Fault(**{**BUSY, "status": 404}, skip=3))
    assert len(run_evaluation(lab)) == 1
    assert find_model(lab).applied == "unasked"


def test_model_of_a_provider_no_longer_configured_waits_for_it(lab, provider):
    train_model(lab, tests=2)
    config = lab.path.read_text("utf-8")
    lab.path.write_text(config.replace("name: stand-in", "name: other"), "utf-8")
    assert run_evaluation(lab) == []
    model = find_model(lab)
    assert (model.state, model.note) == ("new", "no provider stand-in")
    assert provider.asked_models() == []
    lab.path.write_text(config, "utf-8")
    assert len(run_evaluation(lab, days=1)) == 1


def test_cost_of_the_evaluation_counts_towards_the_caps(tmp_path, provider):
    price = {"input": 0, "output": 100_000, "training": 0}
    models = {"stand-in-base": {"price": price}}
    lab = Lab(tmp_path, provider.base_url, models=models, budget={"per_job": 100})
    lab.repository.commit_dataset(tests=0)
    lab.tick(rounds=2)
    assert lab.status()["verdict"] != "held", "16 trained questions at most are asked"
    lab.until_serving("trial-1")
    lab.repository.commit_dataset(tests=30, count=60)
    lab.tick(rounds=2)
    assert (lab.status()["verdict"], lab.status()["reason"]) == ("held", "held-job-cap")
    assert len(provider.jobs_created()) == 1
