"""Which models are there, by list and by answer: missed twice they are gone, listed again good."""

from __future__ import annotations

from datetime import timedelta

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.db.database import open_database
from merlin.providers.base import Answer, ModelCard
from merlin.training.jobs import TrainingProvider
from merlin.training.models import Models
from merlin.training.prove import ANSWERED, MAX_ASKED, ModelInventory
from tests.support.migrated_databases import fresh_database
from tests.support.serving_models import AT, insert_example, insert_live_model

pytestmark = pytest.mark.functional


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


class Town:
    """A census over the models of one database, with a clock that is moved by hand."""

    def __init__(self, database):
        self.db = database
        self.now = AT + timedelta(days=1)

    def begin(self, *names, settle_s=0.0, others=()):
        """Let these models of one provider be good, and `others` of a provider without a name."""
        self.provider = Provider(*names)
        for name, provider in [*((name, "p") for name in names), *((name, "q") for name in others)]:
            insert_live_model(self.db, name, dataset=name, provider=provider)
            insert_example(self.db, f"лицо/{name}", dataset=name)
        clock = lambda: self.now  # noqa: E731
        one = TrainingProvider(*(self.provider, self.provider, self.db, None, clock, settle_s, 1.0))
        self.census = ModelInventory(Models(self.db, clock), {"p": one})
        return self

    def states(self):
        return [model.state.value for model in Models(self.db).list_good_or_gone()]

    def look(self, seconds=60.0, times=1):
        changed = []
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            changed = self.census.update()
        return [(each.model_id, each.state.value) for each in changed]


@pytest.fixture
def town(tmp_path):
    url = fresh_database(tmp_path / "merlin.db")
    with open_database(url) as database:
        yield Town(database)


def test_a_listed_model_stays_and_is_never_asked(town):
    town.begin("a", "b")
    assert town.look(times=3) == []
    assert (town.states(), town.provider.asked) == (["good", "good"], [])


def test_a_model_missed_twice_is_gone_and_the_others_stay(town):
    town.begin("a", "b")
    town.provider.lose("a")
    assert town.look() == []
    assert town.look() == [("a", "gone")]
    assert town.states() == ["gone", "good"]
    assert town.look(times=3) == []


def test_two_misses_lie_at_least_the_settling_time_apart(town):
    town.begin("a", settle_s=150.0)
    town.provider.lose("a")
    assert town.look(times=3) == []
    assert town.look() == [("a", "gone")]


def test_a_young_model_is_not_missed_yet(town):
    town.begin("a", settle_s=3600.0)
    town.now = AT
    town.provider.lose("a")
    town.look(times=50)
    assert town.provider.asked == []


def test_a_miss_is_forgotten_when_the_model_is_seen_again(town):
    town.begin("a")
    town.provider.listed.clear()
    town.provider.answering.clear()
    town.look()
    town.provider.listed.add("a")
    town.look()
    town.provider.listed.clear()
    assert town.look() == []
    assert town.look() == [("a", "gone")]


def test_a_model_that_is_listed_again_is_good_again(town):
    town.begin("a")
    town.provider.lose("a")
    town.look(times=2)
    town.provider.listed.add("a")
    assert town.look() == [("a", "good")]


def test_a_server_that_lists_no_tuned_models_loses_none_and_is_asked_once_a_day(town):
    town.begin("a")
    town.provider.listed.clear()
    town.look(times=20)
    assert (town.states(), town.provider.asked) == (["good"], ["a"])
    town.look(seconds=ANSWERED.total_seconds())
    assert len(town.provider.asked) == 2


def test_a_doubt_lets_a_model_be_asked_at_once(town):
    town.begin("a", "b")
    town.provider.listed.clear()
    town.look()
    town.provider.lose("a")
    town.census.check_again("a")
    assert town.look() == []
    assert town.look() == [("a", "gone")]
    assert town.states() == ["gone", "good"]


@pytest.mark.parametrize(
    "trouble",
    [ProviderBusy("away"), ProviderError("no", status=401), ProviderError("x", status=404)],
)
def test_a_provider_in_trouble_says_nothing_of_its_models(town, trouble):
    town.begin("a")
    town.provider.lose("a")
    town.provider.trouble = trouble
    assert town.look(times=5) == []
    town.provider.trouble = None
    town.provider.ask = lambda *_: (_ for _ in ()).throw(trouble)
    assert town.look(times=5) == []
    assert town.states() == ["good"]


def test_models_of_a_provider_that_nobody_names_are_left_alone(town):
    town.begin("a", others=["b"])
    town.look(times=3)
    assert town.states() == ["good", "good"]


def test_only_so_many_models_are_asked_at_one_look(town):
    town.begin(*(f"m{number}" for number in range(MAX_ASKED + 5)))
    town.provider.listed.clear()
    town.look()
    assert len(town.provider.asked) == MAX_ASKED
    town.look()
    assert len(set(town.provider.asked)) == MAX_ASKED + 5
