"""Which models are there, by list and by answer: missed twice they are gone, listed again good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.messages import Message
from merlin.providers.base import ModelCard
from merlin.training.evaluate import Answer
from merlin.training.models import Model, ModelState
from merlin.training.prove import ANSWERED, MOST_ASKED, Evaluator, ModelInventory

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TAUGHT = (Message("user", "Что такое стек?"), Message("assistant", "Стопка."))


class Provider:
    """One service as a census sees it: what it lists, what it answers with, what it says then."""

    def __init__(self, *listed):
        self.listed = set(listed)
        self.answering = set(listed)
        self.trouble = None
        self.asked = []

    def models(self):
        if self.trouble:
            raise self.trouble
        return [ModelCard(name) for name in sorted(self.listed)]

    def ask(self, model_id, *_):
        self.asked.append(model_id)
        if model_id not in self.answering:
            raise ModelGone("no such model", status=404)
        return Answer("Стопка.")

    def lose(self, name):
        self.listed.discard(name)
        self.answering.discard(name)


class Rows:
    """The models of a test, in memory."""

    def __init__(self, *models):
        self.models = {model.model_row: model for model in models}

    def good_or_gone(self):
        return list(self.models.values())

    def conversations(self, *_):
        return [("q1", TAUGHT)]

    def settle(self, model, state, _, note):
        self.models[model.model_row] = replace(model, state=state, note=note)

    def states(self):
        return [model.state.value for model in self.models.values()]


class Town:
    """A census over one provider with a clock that is moved by hand."""

    def __init__(self, *names, settle_s=0.0, provider=None):
        self.now = AT + timedelta(days=1)
        self.provider = provider or Provider(*names)
        self.rows = Rows(*(model(row, name) for row, name in enumerate(names, 1)))
        evaluator = Evaluator(self.rows, {"p": self.provider}, lambda: self.now)
        self.census = ModelInventory(evaluator, {"p": self.provider}, {"p": settle_s})

    def look(self, seconds=60.0, times=1):
        changed = []
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            changed = self.census.take()
        return [(each.model_id, each.state.value) for each in changed]


def model(row, name, provider="p"):
    return Model(row, provider, name, "d", 1, f"d-{row}", row, ModelState.GOOD, AT)


def test_a_listed_model_stays_and_is_never_asked():
    town = Town("a", "b")
    assert town.look(times=3) == []
    assert (town.rows.states(), town.provider.asked) == (["good", "good"], [])


def test_a_model_missed_twice_is_gone_and_the_others_stay():
    town = Town("a", "b")
    town.provider.lose("a")
    assert town.look() == []
    assert town.look() == [("a", "gone")]
    assert town.rows.states() == ["gone", "good"]
    assert town.look(times=3) == []


def test_two_misses_lie_at_least_the_settling_time_apart():
    town = Town("a", settle_s=150.0)
    town.provider.lose("a")
    assert town.look(times=3) == []
    assert town.look() == [("a", "gone")]


def test_a_young_model_is_not_missed_yet():
    town = Town("a", settle_s=3600.0)
    town.now = AT
    town.provider.lose("a")
    town.look(times=50)
    assert town.provider.asked == []


def test_a_miss_is_forgotten_when_the_model_is_seen_again():
    town = Town("a")
    town.provider.listed.clear()
    town.provider.answering.clear()
    town.look()
    town.provider.listed.add("a")
    town.look()
    town.provider.listed.clear()
    assert town.look() == []
    assert town.look() == [("a", "gone")]


def test_a_model_that_is_listed_again_is_good_again():
    town = Town("a")
    town.provider.lose("a")
    town.look(times=2)
    town.provider.listed.add("a")
    assert town.look() == [("a", "good")]


def test_a_server_that_lists_no_tuned_models_loses_none_and_is_asked_once_a_day():
    town = Town("a")
    town.provider.listed.clear()
    town.look(times=20)
    assert (town.rows.states(), town.provider.asked) == (["good"], ["a"])
    town.look(seconds=ANSWERED.total_seconds())
    assert len(town.provider.asked) == 2


def test_a_doubt_lets_a_model_be_asked_at_once():
    town = Town("a", "b")
    town.provider.listed.clear()
    town.look()
    town.provider.lose("a")
    town.census.doubt("a")
    assert town.look() == []
    assert town.look() == [("a", "gone")]
    assert town.rows.states() == ["gone", "good"]


@pytest.mark.parametrize(
    "trouble",
    [ProviderBusy("away"), ProviderError("no", status=401), ProviderError("x", status=404)],
)
def test_a_provider_in_trouble_says_nothing_of_its_models(trouble):
    town = Town("a")
    town.provider.lose("a")
    town.provider.trouble = trouble
    assert town.look(times=5) == []
    town.provider.trouble = None
    town.provider.ask = lambda *_: (_ for _ in ()).throw(trouble)
    assert town.look(times=5) == []
    assert town.rows.states() == ["good"]


def test_models_of_a_provider_that_nobody_names_are_left_alone():
    town = Town("a")
    town.rows.models[2] = model(2, "b", provider="other")
    town.look(times=3)
    assert town.rows.states() == ["good", "good"]


def test_only_so_many_models_are_asked_at_one_look():
    town = Town(*(f"m{number}" for number in range(MOST_ASKED + 5)))
    town.provider.listed.clear()
    town.look()
    assert len(town.provider.asked) == MOST_ASKED
    town.look()
    assert len(set(town.provider.asked)) == MOST_ASKED + 5
