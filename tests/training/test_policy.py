"""Which waiting verdict may be launched now, why the others wait, and for how many epochs."""

from datetime import UTC, datetime, timedelta

import pytest

from merlin.dataset.spec import LaunchRule, Recipe
from merlin.dataset.verdicts import Verdict, VerdictStatus
from merlin.training.policy import (
    Decision,
    NextStep,
    count_epochs,
    decide,
    refuse_recipe,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CALM = {"now": NOW, "new_examples": 5, "slots_free": 1}


def make_verdict(seconds_ago, message=""):
    seen_at = NOW - timedelta(seconds=seconds_ago)
    return Verdict(
        commit="c",
        dataset="d",
        position=1,
        status=VerdictStatus.BUILT,
        subject="s",
        author="boris",
        committed_at=seen_at,
        seen_at=seen_at,
        updated_at=seen_at,
        message=message,
    )


def test_quiet_build_is_launched():
    assert decide(LaunchRule(), [make_verdict(61)], **CALM) == Decision(NextStep.LAUNCH)


def test_burst_is_waited_for():
    decision = decide(LaunchRule(), [make_verdict(100), make_verdict(10)], **CALM)
    assert (decision.step, decision.reason) == (NextStep.WAIT, "held-quiet")


def test_burst_of_before_the_clock_was_set_back_is_not_waited_for():
    assert decide(LaunchRule(), [make_verdict(-3600)], **CALM).step is NextStep.LAUNCH


def test_burst_is_waited_for_fifteen_minutes_at_most():
    assert (
        decide(LaunchRule(), [make_verdict(901), make_verdict(1)], **CALM).step
        is NextStep.LAUNCH
    )


def test_train_in_the_message_skips_quiet_time_and_count():
    few = CALM | {"new_examples": 0}
    assert (
        decide(LaunchRule(min_new=5), [make_verdict(1, "x [train]")], **few).step
        is NextStep.LAUNCH
    )


@pytest.mark.parametrize(
    ("rule", "message", "situation", "reason"),
    [
        (LaunchRule(), "typo [skip train]", CALM, "held-skip"),
        (LaunchRule(mode="manual"), "", CALM, "held-manual"),
        (LaunchRule(mode="off"), "", CALM, "held-off"),
        (LaunchRule(min_new=6), "", CALM, "held-few-new"),
        (LaunchRule(), "", CALM | {"refusal": Decision(NextStep.HOLD, "x")}, "x"),
    ],
)
def test_held_build_has_a_reason(rule, message, situation, reason):
    decision = decide(rule, [make_verdict(100, message)], **situation)
    assert (decision.step, decision.reason) == (NextStep.HOLD, reason)


def test_full_provider_is_waited_for():
    decision = decide(LaunchRule(), [make_verdict(100)], **CALM | {"slots_free": 0})
    assert (decision.step, decision.reason) == (NextStep.WAIT, "held-slots")


@pytest.mark.parametrize(
    ("new", "step"), [(4, NextStep.HOLD), (5, NextStep.LAUNCH), (6, NextStep.LAUNCH)]
)
def test_required_number_of_new_examples_is_enough(new, step):
    decision = decide(
        LaunchRule(min_new=5), [make_verdict(100)], **CALM | {"new_examples": new}
    )
    assert decision.step is step


@pytest.mark.parametrize("new", [0, 1])
def test_minimum_of_one_accepts_any_change(new):
    rule = LaunchRule(min_new=1)
    assert (
        decide(rule, [make_verdict(100)], **CALM | {"new_examples": new}).step
        is NextStep.LAUNCH
    )


def test_base_that_selects_answers_cannot_be_trained_on_pairs():
    held = refuse_recipe(Recipe("engine", "recall", "dpo"))
    assert (held.reason, held.arguments) == ("held-no-pairs", {"model": "recall"})
    assert refuse_recipe(Recipe("engine", "language", "dpo")) is None


def test_ratings_train_only_a_language_model_of_the_engine():
    assert refuse_recipe(Recipe("engine", "recall", "kto")).reason == "held-no-ratings"
    assert (
        refuse_recipe(Recipe("openai", "gpt-4.1-nano", "kto")).reason
        == "held-no-ratings"
    )
    assert refuse_recipe(Recipe("engine", "qwen3-0.6b", "kto", {"beta": 0.2})) is None


@pytest.mark.parametrize(
    ("provider", "base", "reason"),
    [
        ("engine", "qwen3-0.6b", None),
        ("engine", "recall", "held-exact-first"),
        ("openai", "gpt-4.1-nano", "held-exact-first"),
    ],
)
def test_exact_first_is_for_language_models_of_the_engine(provider, base, reason):
    held = refuse_recipe(Recipe(provider, base, hyperparameters={"exact_first": True}))
    assert (held.reason if held else None) == reason


def test_beta_is_refused_where_the_method_has_none():
    held = refuse_recipe(Recipe("engine", "qwen3-0.6b", hyperparameters={"beta": 0.2}))
    assert (held.reason, held.arguments) == ("held-beta", {"method": "supervised"})


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        (10, 10),
        (20, 5),
        (33, 3),
        (8_333, 3),
        (10_000, 2),
        (90_000, 1),
    ],
)
def test_epochs_are_chosen_as_in_openais_cookbook(examples, expected):
    assert count_epochs(examples, {}) == expected
