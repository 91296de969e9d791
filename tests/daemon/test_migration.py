"""Another base model named in dataset.yaml: the same build is trained and tested there."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from merlin.app.actor import Actor
from merlin.app.evaluation import read_evaluation
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.cli import main
from merlin.db.notices import Notices
from merlin.wiring.context import open_reading_context
from tests.support.pipeline_lab import Lab, provider_entry, train_one
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration
BASE = "gpt-4o-mini-2024-07-18"
FREE = {"currency": "USD", "input": 0, "output": 0, "training": 0}


@pytest.fixture
def other_provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        stand_in.behave(states=[])
        yield stand_in


def entry(name, stand_in, **options):
    return {**provider_entry(stand_in.base_url, name), **options}


@pytest.fixture
def provider(run_provider):
    """The provider of a live dataset."""
    with run_provider(train_one) as stand_in:
        stand_in.behave(states=[])
        yield stand_in


@pytest.fixture
def lab(tmp_path, provider, other_provider):
    """A live dataset of one provider, a second provider, and base models near or past their last
    day."""
    priced = {"prices": {BASE: {**FREE, "training": 3}}}
    return Lab(
        tmp_path,
        provider.base_url,
        providers=[
            entry("stand-in", provider),
            entry("other", other_provider, **priced),
        ],
        models={
            "stand-in-base": {"price": FREE},
            "gpt-3.5-turbo-0125": {"price": FREE, "sunset": "2026-10-23"},
        },
    )


def move(lab, base="stand-in-base"):
    """Commit a dataset.yaml that names a base model of the second provider."""
    path = lab.repository.folder / "datasets/trial/dataset.yaml"
    document = yaml.safe_load(path.read_text("utf-8"))
    document["recipe"] |= {"provider": "other", "base_model": base}
    path.write_text(yaml.safe_dump(document), "utf-8")
    lab.repository.commit(f"Train on {base}")


def test_same_build_is_trained_elsewhere_and_made_live(lab, provider, other_provider):
    before = lab.status()["serving"]["model"]
    move(lab, BASE)
    lab.until_serving("trial-1", provider="other")
    names = [
        [file["filename"] for file in stand_in.files()]
        for stand_in in (provider, other_provider)
    ]
    assert names[0] == names[1]
    assert [
        len(stand_in.jobs_created()) for stand_in in (provider, other_provider)
    ] == [1, 1]
    assert_sunset_is_that_of_the_own_base(lab)
    assert main(["models", "rollback", "trial", "--config", str(lab.path)]) == 0
    assert lab.status()["serving"]["model"] == before


def assert_sunset_is_that_of_the_own_base(lab):
    sunset = {"sunset": (datetime.now(UTC).date() + timedelta(days=1)).isoformat()}
    document = yaml.safe_load(lab.path.read_text())
    document["models"] |= {BASE: sunset, "stand-in-base": sunset}
    lab.path.write_text(yaml.safe_dump(document))
    lab.tick("watch")
    with lab.services() as services:
        (row,) = [ModelCatalogue(services.db).serving_row("trial")]
        warnings = [
            notice.arguments for notice in Notices(services.db).list_waiting(100)
        ]
    assert json.loads(row.recipe)["base_model"] == BASE
    assert [arguments["model"] for arguments in warnings if "date" in arguments] == [
        BASE
    ]


def test_models_of_one_build_are_told_apart_by_their_names(
    lab, provider, other_provider
):
    spec = {"gate": "not_worse", "split": {"test": 0, "min_test": 1}}
    lab.repository.dataset(tests=2, **spec)
    for number in (10, 11):
        lab.repository.example(
            "trial", number, answer="Да, всё именно так.", is_test=True
        )
    lab.repository.commit()
    provider.behave(fixed_answer="Да, всё именно так.")
    lab.until_serving("trial-2")
    other_provider.behave(fixed_answer="Нет, никогда такого не было.")
    move(lab)
    lab.tick(rounds=4)
    new = lab.model("trial-2").model_id
    live = lab.status()["serving"]["model"]
    assert new != live
    sentence = f"{new} gets 2 test questions wrong that {live} gets right. {live} keeps answering"
    (notice,) = lab.notices("notice-held")
    assert sentence in lab.notice_text(notice, "en")
    with open_reading_context(lab.config) as ctx:
        report = read_evaluation(ctx, Actor.operator(), "trial-2").report
    assert (report.scores.model, report.comparison.against) == (new, live)


@pytest.mark.parametrize(("days", "reason"), [(-1, "held-dark"), (20, "held-sunset")])
def test_build_held_by_a_sunset_is_trained_on_another_base(
    tmp_path, provider, other_provider, days, reason
):
    day = datetime.now(UTC).date() + timedelta(days=days)
    dark = {"price": FREE, "sunset": day.isoformat()}
    providers = [entry("stand-in", provider), entry("other", other_provider)]
    models = {"gpt-4": dark, "stand-in-base": {"price": FREE}}
    lab = Lab(tmp_path / "held", provider.base_url, providers=providers, models=models)
    lab.repository.commit_dataset(
        recipe={"provider": "stand-in", "base_model": "gpt-4"}
    )
    lab.tick()
    assert (lab.status()["verdict"], lab.status()["reason"]) == ("held", reason)
    move(lab)
    lab.until_serving("trial-1")
    assert (len(provider.jobs_created()), len(other_provider.jobs_created())) == (1, 1)
