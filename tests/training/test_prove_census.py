"""The model inventory: a model missing twice is gone; listed again it is good."""

from datetime import timedelta

import pytest

from merlin.core.errors import ModelGone, ModelUnapplied, ProviderBusy, ProviderError
from merlin.db.database import open_database
from merlin.providers.base import Answer, ModelCard
from merlin.training.jobs import TrainingProvider
from merlin.training.models import Models
from merlin.training.prove import ANSWERED, MAX_ASKED, UNAPPLIED, ModelInventory
from tests.support.migrated_databases import fresh_database
from tests.support.serving_models import AT, insert_example, insert_live_model

pytestmark = pytest.mark.functional


class Provider:
    """A provider that lists some models and answers with some."""

    def __init__(self, *listed):
        self.listed = set(listed)
        self.answering = set(listed)
        self.error = None
        self.faults = {}
        self.says = ""
        self.questions = []

    def models(self):
        if self.error:
            raise self.error
        return [ModelCard(name) for name in sorted(self.listed)]

    def ask(self, model_id, *_):
        self.questions.append(model_id)
        if model_id not in self.answering:
            raise ModelGone("no such model", status=404)
        if model_id in self.faults:
            raise self.faults[model_id]
        return Answer("Стопка.", model=self.says)

    def remove(self, name):
        self.listed.discard(name)
        self.answering.discard(name)


class Inventory:
    """The model inventory of one database, with a manual clock."""

    def __init__(self, database):
        self.db = database
        self.now = AT + timedelta(days=1)

    def start(self, *names, settle_s=0.0, others=()):
        """Store these good models of the configured provider, and `others` of an unknown one."""
        self.provider = Provider(*names)
        for name, provider in [
            *((name, "p") for name in names),
            *((name, "q") for name in others),
        ]:
            insert_live_model(self.db, name, dataset=name, provider=provider)
            insert_example(self.db, f"лицо/{name}", dataset=name)

        def clock():
            return self.now

        providers = {
            "p": TrainingProvider(
                self.provider,
                self.provider,
                self.provider,
                self.db,
                None,
                clock,
                settle_s,
            )
        }
        self.inventory = ModelInventory(Models(self.db, clock), providers)
        return self

    def list_states(self):
        return [model.state.value for model in Models(self.db).list_proved()]

    def update(self, seconds=60.0, times=1):
        changed = []
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            changed = self.inventory.update()
        return [(model.model_id, model.state.value) for model in changed]


@pytest.fixture
def inventory(tmp_path):
    url = fresh_database(tmp_path / "merlin.db")
    with open_database(url) as database:
        yield Inventory(database)


def test_listed_model_stays_good_and_is_never_asked(inventory):
    inventory.start("a", "b")
    assert inventory.update(times=3) == []
    assert (inventory.list_states(), inventory.provider.questions) == (
        ["good", "good"],
        [],
    )


def test_model_missing_twice_is_gone_and_the_others_stay(inventory):
    inventory.start("a", "b")
    inventory.provider.remove("a")
    assert inventory.update() == []
    assert inventory.update() == [("a", "gone")]
    assert inventory.list_states() == ["gone", "good"]
    assert inventory.update(times=3) == []


def test_two_misses_are_at_least_the_settling_time_apart(inventory):
    inventory.start("a", settle_s=150.0)
    inventory.provider.remove("a")
    assert inventory.update(times=3) == []
    assert inventory.update() == [("a", "gone")]


def test_young_model_is_not_missed_yet(inventory):
    inventory.start("a", settle_s=3600.0)
    inventory.now = AT
    inventory.provider.remove("a")
    inventory.update(times=50)
    assert inventory.provider.questions == []


def test_miss_is_cleared_when_the_model_is_seen_again(inventory):
    inventory.start("a")
    inventory.provider.listed.clear()
    inventory.provider.answering.clear()
    inventory.update()
    inventory.provider.listed.add("a")
    inventory.update()
    inventory.provider.listed.clear()
    assert inventory.update() == []
    assert inventory.update() == [("a", "gone")]


def test_model_listed_again_is_good_again(inventory):
    inventory.start("a")
    inventory.provider.remove("a")
    inventory.update(times=2)
    inventory.provider.listed.add("a")
    assert inventory.update() == [("a", "good")]


def test_server_that_lists_no_tuned_models_loses_none_and_is_asked_once_a_day(
    inventory,
):
    inventory.start("a")
    inventory.provider.listed.clear()
    inventory.update(times=20)
    assert (inventory.list_states(), inventory.provider.questions) == (["good"], ["a"])
    inventory.update(seconds=ANSWERED.total_seconds())
    assert len(inventory.provider.questions) == 2


def test_reported_model_is_asked_at_once(inventory):
    inventory.start("a", "b")
    inventory.provider.listed.clear()
    inventory.update()
    inventory.provider.remove("a")
    inventory.inventory.check_again("a")
    assert inventory.update() == []
    assert inventory.update() == [("a", "gone")]
    assert inventory.list_states() == ["gone", "good"]


@pytest.mark.parametrize(
    "error",
    [
        ProviderBusy("away"),
        ProviderError("no", status=401),
        ProviderError("x", status=404),
    ],
)
def test_provider_error_does_not_change_its_models(inventory, error):
    inventory.start("a")
    inventory.provider.remove("a")
    inventory.provider.error = error
    assert inventory.update(times=5) == []
    inventory.provider.error = None
    inventory.provider.ask = lambda *_: (_ for _ in ()).throw(error)
    assert inventory.update(times=5) == []
    assert inventory.list_states() == ["good"]


def test_models_of_an_unconfigured_provider_are_not_changed(inventory):
    inventory.start("a", others=["b"])
    inventory.update(times=3)
    assert inventory.list_states() == ["good", "good"]


def test_models_asked_per_update_are_limited(inventory):
    inventory.start(*(f"m{number}" for number in range(MAX_ASKED + 5)))
    inventory.provider.listed.clear()
    inventory.update()
    assert len(inventory.provider.questions) == MAX_ASKED
    inventory.update()
    assert len(set(inventory.provider.questions)) == MAX_ASKED + 5


def test_reported_model_without_its_weights_is_unapplied_until_it_answers_again(
    inventory,
):
    inventory.start("a", "b")
    inventory.provider.faults["a"] = ModelUnapplied("422 adapter_inert: q_proj")
    assert inventory.update(times=3) == []
    inventory.inventory.check_again("a")
    assert inventory.update() == [("a", "unapplied")]
    assert inventory.list_states() == ["unapplied", "good"]
    assert Models(inventory.db).list_proved()[0].note == "422 adapter_inert: q_proj"
    assert inventory.update(times=3) == []
    assert inventory.update(UNAPPLIED.total_seconds()) == []
    inventory.provider.faults.clear()
    assert inventory.update(UNAPPLIED.total_seconds()) == [("a", "good")]
    assert inventory.list_states() == ["good", "good"]


def test_model_for_which_the_provider_says_that_the_base_answers_is_unapplied(
    inventory,
):
    inventory.start("a")
    inventory.provider.says = "no-such-base"
    inventory.inventory.check_again("a")
    assert inventory.update() == [("a", "unapplied")]
