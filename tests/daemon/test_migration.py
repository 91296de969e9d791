"""`merlin migrate`: the same build trained elsewhere, for a price shown first, evaluated as any
other."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from merlin.app import jobs
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.cli import main
from merlin.core.errors import MerlinError
from merlin.db.notices import Notices
from merlin.db.tables import JOB, REQUEST
from merlin.wiring.context import open_read_only
from tests.support.faults import Fault, FaultKind
from tests.support.pipeline_lab import DATASET, KEY, Lab, run_command, run_through_kills, train_one
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
    fields = {"name": name, "base_url": stand_in.base_url, "credential": KEY, "settle_s": 0}
    return {**fields, "poll_s": 0.01, **options}


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
        providers=[entry("stand-in", provider), entry("other", other_provider, **priced)],
        models={
            "stand-in-base": {"price": FREE},
            "gpt-3.5-turbo-0125": {"price": FREE, "sunset": "2026-10-23"},
        },
    )


@pytest.fixture
def migrate(lab, capsys):
    def command(to, *options):
        capsys.readouterr()
        code = main(["migrate", "trial", "--to", to, *options, "--config", str(lab.path)])
        return code, capsys.readouterr()

    return command


def test_same_build_is_trained_elsewhere_and_made_live(lab, provider, other_provider, migrate):
    before = lab.status()["serving"]["model"]
    code, captured = migrate("other/stand-in-base")
    assert code == 0, captured
    assert "trial-1" in captured.err
    assert "recipe.provider: other" in captured.err
    assert lab.status()["serving"]["model"] == before
    lab.until_serving("trial-1", provider="other")
    status = lab.status()
    assert (status["verdict"], status["serving"]["build"]) == ("serving", "trial-1")
    names = [
        [file["filename"] for file in stand_in.files()] for stand_in in (provider, other_provider)
    ]
    assert names[0] == names[1]
    assert [len(stand_in.jobs_created()) for stand_in in (provider, other_provider)] == [1, 1]
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
        warnings = [notice.arguments for notice in Notices(services.db).list_waiting(100)]
    assert json.loads(row["recipe"])["base_model"] == BASE
    assert [arguments["model"] for arguments in warnings if "date" in arguments] == [BASE]


def test_price_is_shown_and_nothing_starts_without_confirmation(lab, other_provider, migrate):
    code, captured = migrate(f"other/{BASE}")
    assert code == 1
    assert "$" in captured.err
    assert "--yes" in captured.err
    code, captured = migrate(f"other/{BASE}", "--dry-run", "--json")
    quote = json.loads(captured.out)
    assert (code, quote["provider"], quote["base_model"]) == (0, "other", BASE)
    assert quote["cost_micro"] > 0
    assert (quote["build"], quote["refusal"], other_provider.jobs_created()) == ("trial-1", "", [])
    with open_read_only(lab.config) as database:
        assert database.rows(REQUEST.select().where(REQUEST.kind == "migrate")) == []
    assert migrate(f"other/{BASE}", "--yes")[0] == 0
    lab.until_serving("trial-1", provider="other")
    assert_sunset_is_that_of_the_own_base(lab)


def test_dry_run_asks_the_provider_whether_it_has_the_base_model(lab, migrate, monkeypatch):
    assert migrate("other/stand-in-base", "--dry-run")[0] == 0
    code, captured = migrate("other/nothing-like-it", "--dry-run")
    assert (code, "doesn't list a base model nothing-like-it" in captured.err) == (1, True)
    assert "no price" not in captured.err
    code, captured = migrate("other/nothing-like-it", "--dry-run", "--json")
    assert (code, "nothing-like-it" in json.loads(captured.out)["refusal"]) == (0, True)
    monkeypatch.delenv(KEY)
    code, captured = migrate("other/nothing-like-it", "--dry-run")
    assert (code, f"{KEY} isn't set here" in captured.err) == (0, True)


def test_impossible_migration_is_refused_and_the_live_model_stays(
    lab, other_provider, migrate, capsys
):
    for to in ("other", "other/"):
        code, captured = migrate(to, "--yes")
        assert (code, "PROVIDER/MODEL" in captured.err) == (2, True), captured
    for to, message in (
        ("nobody/stand-in-base", "“nobody”"),
        ("other/stand-in-bass", "stand-in-bass"),
        ("other/gpt-3.5-turbo-0125", "was shut down on 2026-10-23"),
        ("stand-in/stand-in-base", "already trained or in training (job 1)"),
    ):
        code, captured = migrate(to, "--yes")
        assert (code, message in captured.err) == (1, True), captured
    assert "merlin models promote" in captured.err, "the way back"
    arguments = ["migrate", "nothing", "--to", "other/stand-in-base", "--config", str(lab.path)]
    assert main(arguments) == 1
    assert "nothing" in capsys.readouterr().err
    other_provider.faults.add(Fault("models.list", FaultKind.STATUS, times=None, status=502))
    code, captured = migrate("other/stand-in-base")
    assert (code, "502" in captured.err, "Traceback" in captured.err) == (1, True, False)
    lab.tick(rounds=2)
    assert (lab.status()["verdict"], other_provider.jobs_created()) == ("serving", [])


def test_second_migration_is_refused_while_a_job_is_running(lab, other_provider, migrate):
    other_provider.behave(states=["running"] * 500)
    assert migrate("other/stand-in-base")[0] == 0
    lab.tick("launch", "poll")
    code, captured = migrate(f"other/{BASE}", "--yes")
    assert code == 1
    assert "The model of job 2 of trial is still being trained" in captured.err
    assert "merlin jobs cancel 2" in captured.err
    assert len(other_provider.jobs_created()) == 1


def test_failed_migration_keeps_the_live_model_and_can_be_retried(lab, other_provider, migrate):
    other_provider.behave(ending="failed")
    assert migrate("other/stand-in-base")[0] == 0
    lab.tick(rounds=8)
    status = lab.status()
    assert (status["verdict"], status["serving"]["provider"]) == ("serving", "stand-in")
    assert "failed" in run_command("log", "trial", "--config", str(lab.path))[1]
    other_provider.behave(ending="succeeded")
    assert migrate("other/stand-in-base")[0] == 0
    lab.until_serving("trial-1", provider="other")


def test_models_of_one_build_are_told_apart_by_their_names(lab, provider, other_provider, migrate):
    spec = {"gate": "not_worse", "split": {"test": 0, "min_test": 1}}
    lab.repository.dataset(tests=2, **spec)
    for number in (10, 11):
        lab.repository.example("trial", number, answer="Да, всё именно так.", is_test=True)
    lab.repository.commit()
    provider.behave(fixed_answer="Да, всё именно так.")
    lab.until_serving("trial-2")
    other_provider.behave(fixed_answer="Нет, никогда такого не было.")
    assert migrate("other/stand-in-base")[0] == 0
    lab.tick(rounds=2)
    new, live = lab.model("trial-2").model_id, lab.status()["serving"]["model"]
    assert new != live
    sentence = f"{new} gets 2 test questions wrong that {live} gets right. {live} keeps answering"
    (notice,) = lab.notices("notice-held")
    assert sentence in lab.notice_text(notice, "en")
    _, table, advice = run_command("eval", "trial-2", "--config", str(lab.path))
    assert [line.split()[0] for line in table.splitlines()[1:3]] == [new, live]
    assert sentence in advice
    assert f"{new} and {live} have 2 test questions in common" in table
    code, captured = migrate("other/stand-in-base", "--yes")
    assert (code, "didn't go live" in captured.err) == (1, True), captured
    assert "cancel" not in captured.err, "its training has ended"


def test_build_held_by_a_sunset_can_be_migrated(tmp_path, provider, other_provider, capsys):
    dark = {"price": FREE, "sunset": "2026-10-23"}
    providers = [entry("stand-in", provider), entry("other", other_provider)]
    models = {"gpt-4": dark, "stand-in-base": {"price": FREE}}
    lab = Lab(tmp_path / "held", provider.base_url, providers=providers, models=models)
    lab.repository.dataset(recipe={"provider": "stand-in", "base_model": "gpt-4"})
    lab.repository.commit()
    lab.tick()
    assert (lab.status()["verdict"], lab.status()["reason"]) == ("held", "held-dark")
    arguments = ["migrate", "trial", "--to", "other/stand-in-base", "--config", str(lab.path)]
    assert main(arguments) == 0, capsys.readouterr()
    lab.until_serving("trial-1")
    assert (len(provider.jobs_created()), len(other_provider.jobs_created())) == (1, 1)


def test_committed_new_base_does_not_train_twice(lab, other_provider, migrate):
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    code, captured = migrate("other/stand-in-base", "--commit", "--json")
    assert code == 0, captured
    document = yaml.safe_load((lab.repository.folder / "datasets/trial/dataset.yaml").read_text())
    assert document["recipe"] == {**DATASET["recipe"], "provider": "other"}
    assert json.loads(captured.out)["commit"]
    lab.until_serving("trial-1", provider="other")
    lab.tick(rounds=3)
    assert (lab.status()["verdict"], len(other_provider.jobs_created())) == ("serving", 1)


def test_next_commit_trains_where_dataset_yaml_says(lab, provider, other_provider, migrate):
    assert migrate("other/stand-in-base")[0] == 0
    lab.until_serving("trial-1", provider="other")
    lab.repository.example("trial", 50)
    lab.repository.commit()
    lab.until_serving("trial-2")
    assert (len(provider.jobs_created()), len(other_provider.jobs_created())) == (2, 1)


def test_migration_creates_one_job_after_kills_while_it_uploads_and_launches(
    lab, provider, other_provider
):
    with lab.services() as services:
        ctx = Context(config=lab.config, db=services.db)
        jobs.migrate(ctx, Actor.operator(), "trial", ("other", "stand-in-base"), "trial-1")
    run_through_kills(lab, ["upload.sent", "launch.intended", "launch.sent"], is_live_there)
    assert (len(other_provider.jobs_created()), len(provider.jobs_created())) == (1, 1)
    with open_read_only(lab.config) as database:
        assert len(database.rows(JOB.select())) == 2


def is_live_there(lab):
    try:
        return lab.status()["serving"]["provider"] == "other"
    except (MerlinError, KeyError):
        return False
