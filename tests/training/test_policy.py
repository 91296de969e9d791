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


ANY = LaunchRule()
FIVE = LaunchRule(min_new=5)
LAUNCHED = (NextStep.LAUNCH, "")


def wait(reason):
    return NextStep.WAIT, reason


def hold(reason):
    return NextStep.HOLD, reason


@pytest.mark.parametrize(
    ("rule", "ages_s", "message", "situation", "expected"),
    [
        pytest.param(ANY, [61], "", {}, LAUNCHED, id="quiet"),
        pytest.param(ANY, [100, 10], "", {}, wait("held-quiet"), id="burst"),
        pytest.param(ANY, [-3600], "", {}, LAUNCHED, id="clock set back"),
        pytest.param(ANY, [901, 1], "", {}, LAUNCHED, id="burst of fifteen minutes"),
        pytest.param(
            FIVE, [1], "x [train]", {"new_examples": 0}, LAUNCHED, id="asked for"
        ),
        pytest.param(ANY, [100], "typo [skip train]", {}, hold("held-skip"), id="skip"),
        pytest.param(
            LaunchRule(mode="manual"), [100], "", {}, hold("held-manual"), id="manual"
        ),
        pytest.param(LaunchRule(mode="off"), [100], "", {}, hold("held-off"), id="off"),
        pytest.param(
            LaunchRule(min_new=6), [100], "", {}, hold("held-few-new"), id="few new"
        ),
        pytest.param(
            ANY,
            [100],
            "",
            {"refusal": Decision(NextStep.HOLD, "x")},
            hold("x"),
            id="refused",
        ),
        pytest.param(
            ANY, [100], "", {"slots_free": 0}, wait("held-slots"), id="no slot"
        ),
    ],
)
def test_build_is_launched_or_waits_with_a_reason(
    rule, ages_s, message, situation, expected
):
    verdicts = [make_verdict(age_s, message) for age_s in ages_s]
    decision = decide(rule, verdicts, **CALM | situation)
    assert (decision.step, decision.reason) == expected


@pytest.mark.parametrize(
    ("rule", "new", "step"),
    [
        (FIVE, 4, NextStep.HOLD),
        (FIVE, 5, NextStep.LAUNCH),
        (FIVE, 6, NextStep.LAUNCH),
        # A minimum of one accepts any change.
        (LaunchRule(min_new=1), 0, NextStep.LAUNCH),
        (LaunchRule(min_new=1), 1, NextStep.LAUNCH),
    ],
)
def test_required_number_of_new_examples_is_enough(rule, new, step):
    situation = CALM | {"new_examples": new}
    assert decide(rule, [make_verdict(100)], **situation).step is step


EXACT = {"exact_first": True}


@pytest.mark.parametrize(
    ("recipe", "reason", "arguments"),
    [
        (Recipe("engine", "recall", "dpo"), "held-no-pairs", {"model": "recall"}),
        (Recipe("engine", "language", "dpo"), None, {}),
        (Recipe("engine", "recall", "kto"), "held-no-ratings", {}),
        (Recipe("openai", "gpt-4.1-nano", "kto"), "held-no-ratings", {}),
        (Recipe("engine", "qwen3-0.6b", "kto", {"beta": 0.2}), None, {}),
        (Recipe("engine", "qwen3-0.6b", hyperparameters=EXACT), None, {}),
        (Recipe("engine", "recall", hyperparameters=EXACT), "held-exact-first", {}),
        (
            Recipe("openai", "gpt-4.1-nano", hyperparameters=EXACT),
            "held-exact-first",
            {},
        ),
        (
            Recipe("engine", "qwen3-0.6b", hyperparameters={"beta": 0.2}),
            "held-beta",
            {"method": "supervised"},
        ),
    ],
)
def test_recipe_is_refused_where_its_base_or_method_does_not_take_it(
    recipe, reason, arguments
):
    held = refuse_recipe(recipe)
    assert (held.reason if held else None) == reason
    assert arguments.items() <= (held.arguments if held else {}).items()


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
