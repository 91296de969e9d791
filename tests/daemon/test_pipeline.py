"""From a commit to a live model, with real git, HTTP and database, and ticks run by hand."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from merlin.core.i18n import LANGUAGES, day_argument, text
from merlin.daemon.ticks import update_files
from merlin.dataset import check
from merlin.dataset.builds import is_in_build
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.files import FileIndex
from merlin.db.notices import Notices
from merlin.db.tables import BUILD, TAUGHT_EXAMPLE
from merlin.openai_protocol.responses import list_page
from tests.support.endless_trees import commit_beside, make_endless
from tests.support.pipeline_lab import (
    DATASET,
    Lab,
    Repository,
    run_command,
    serving,
    unfetched,
)
from tests.support.provider_training import job_object
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration


def test_commit_becomes_a_serving_model(lab, provider):
    document = lab.until_serving("trial-1")
    assert document["verdict"] == "serving"
    assert document["job"]["state"] == "succeeded"
    (job,) = provider.jobs_created()
    assert job["asked"]["metadata"]["merlin_build"] == "trial-1"
    names = sorted(file["filename"] for file in provider.files())
    assert [name.rsplit("-", 1)[1] for name in names] == ["test.jsonl", "train.jsonl"]
    with lab.services() as services:
        (notice,) = Notices(services.db).list_waiting()
    assert lab.notice_text(notice, "ru").startswith("Проба: теперь отвечает trial-1")


@unfetched
def test_files_of_a_repository_are_indexed_once_they_are_fetched(lab):
    with lab.services() as services:
        assert update_files(services) is False
        assert FileIndex(services.db).read_blobs("trial") == {}
        lab.tick("fetch", "files")
        assert "dataset.yaml" in FileIndex(services.db).read_blobs("trial")


@serving
def test_commit_without_changes_trains_nothing_and_a_rejected_one_keeps_the_model(
    lab, provider
):
    (lab.repository.folder / "README.md").write_text("words", encoding="utf-8")
    (lab.repository.folder / "datasets/trial/README.md").write_text(
        "words", encoding="utf-8"
    )
    lab.repository.commit()
    lab.tick(rounds=3)
    assert lab.status()["verdict"] == "unchanged"
    (lab.repository.folder / "datasets/trial/dataset.yaml").unlink()
    lab.repository.commit()
    lab.tick(rounds=3)
    assert lab.status()["verdict"] == "rejected"
    assert lab.status()["serving"]["build"] == "trial-1"
    assert len(provider.jobs_created()) == 1


@unfetched
def test_broken_examples_are_reported_and_the_good_ones_still_build(lab, provider):
    bad = lab.repository.folder / "datasets/trial/examples/bad.yaml"
    bad.write_text("messages: [", encoding="utf-8")
    lab.repository.commit()
    lab.until_serving("trial-1")
    (notice,) = lab.notices("notice-findings")
    message = lab.notice_text(notice, "ru")
    assert "1 ошибка" in message
    assert "examples/bad.yaml:2:1" in message


def commit_as(lab, name):
    author = f"--author={name} <{name}@example.com>"
    lab.repository.git("add", "-A")
    lab.repository.git("commit", "-q", "-m", "Add", author)
    lab.tick("fetch")


def test_author_is_who_wrote_the_file_also_after_a_revert_and_a_rejected_commit(lab):
    repository = lab.repository
    settings = lab.repository.folder / "datasets/trial/dataset.yaml"
    for name, number in (("anna", 1), ("boris", 3), ("vera", 50)):
        repository.example("trial", number, answer="Иначе.")
        commit_as(lab, name)
    repository.git("revert", "--no-commit", "HEAD~1")
    commit_as(lab, "gleb")
    words = settings.read_text("utf-8")
    settings.unlink()
    commit_as(lab, "gleb")
    settings.write_text(words, "utf-8")
    repository.example("trial", 51)
    commit_as(lab, "dina")
    with lab.services() as services:
        row = services.db.rows(BUILD.select().order_by(BUILD.id.desc()))[0]
        rows = services.db.rows(TAUGHT_EXAMPLE.select().where(is_in_build(row.id)))
    authors = {row.example_id: row.author for row in rows}
    names = [authors[f"q{number}"] for number in (1, 3, 50, 51)]
    assert names == ["anna", "gleb", "vera", "dina"]


def test_table_names_no_writer_of_a_file_that_its_builds_have_otherwise(lab):
    """A tag is in no build, and an undone commit returns to an older one: the next build knows."""
    repository = lab.repository

    def list_authors(name):
        commit_as(lab, name)
        with lab.services() as services:
            entries = ExampleEntries(services.db).find("trial", ExampleFilter(), 50)
        assert all(bool(entry.at) == bool(entry.author) for entry in entries)
        authors = {entry.example_id: entry.author for entry in entries}
        return [authors[f"q{number}"] for number in (1, 3, 5)]

    for number in (1, 3, 5):
        repository.example("trial", number, answer="Иначе.")
    assert list_authors("anna") == ["anna", "anna", "anna"]
    tagged = repository.folder / "datasets/trial/examples/q1.yaml"
    tagged.write_text(tagged.read_text("utf-8") + "tags: [проба]\n", "utf-8")
    assert list_authors("boris") == ["", "anna", "anna"]
    repository.example("trial", 3, answer="Снова иначе.")
    assert list_authors("vera") == ["boris", "vera", "anna"]
    repository.git("revert", "--no-commit", "HEAD")
    assert list_authors("gleb") == ["boris", "", "anna"]
    repository.example("trial", 5, answer="Снова иначе.")
    assert list_authors("dina") == ["boris", "gleb", "dina"]


@serving
def test_commit_whose_only_example_is_rejected_is_left_out_until_it_is_mended(lab):
    """It says so with the place in the verdict, the log and the notice, instead of "unchanged"."""
    bad = lab.repository.folder / "datasets/trial/examples/bad.yaml"
    bad.write_text("messages: [", encoding="utf-8")
    lab.repository.commit()
    lab.tick(rounds=2)
    assert lab.status()["verdict"] == "left_out"
    code, out, _ = run_command("log", "--config", str(lab.path), "--limit", "1")
    assert code == 0
    words = "1 example left out: see examples/bad.yaml:2:1"
    assert out.splitlines()[0].split("  ")[2] == "left out"
    assert out.splitlines()[1].strip() == words
    (notice,) = lab.notices("notice-left-out")
    assert words in lab.notice_text(notice, "en")
    bad.unlink()
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-2")


@serving
def test_rewritten_history_is_followed_and_a_branch_set_back_serves_its_earlier_model(
    lab, provider
):
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-2")
    lab.repository.git("reset", "-q", "--hard", "HEAD~1")
    lab.repository.commit_example("trial", 60, subject="Other words")
    lab.until_serving("trial-3")
    assert lab.notices("notice-rewritten")
    lab.repository.git("reset", "-q", "--hard", "HEAD~1")
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 3


def lose_database(lab):
    """Remove the database with the builds: nothing begins on an empty one beside builds."""
    for path in lab.config.state_dir.glob("merlin.db*"):
        path.unlink()
    shutil.rmtree(lab.config.state_dir / "builds")


class RepeatingStandIn(ProviderStandIn):
    """A provider whose lists answer every page with the first one, as one that ignores `after`."""

    def _routes(self):
        lists = {"files.list": self._repeat_files, "jobs.list": self._repeat_jobs}
        return [
            (name, verb, path, lists.get(name, act))
            for name, verb, path, act in super()._routes()
        ]

    def _repeat_files(self):
        return list_page([*self._account.files.values()][::-1], has_more=True)

    def _repeat_jobs(self):
        jobs = self._account.visible_jobs({})
        return list_page(
            [job_object(self._account, job) for job in jobs], has_more=True
        )


class VerboseStandIn(ProviderStandIn):
    """A provider whose job fails with a log instead of a reason, as error and as event."""

    def _routes(self):
        acts = {"jobs.retrieve": self._fail, "jobs.events": self._report}
        return [
            (name, verb, path, acts.get(name, act))
            for name, verb, path, act in super()._routes()
        ]

    def _fail(self, job_id):
        job = job_object(self._account, self._account.poll(job_id))
        if job["status"] != "failed":
            return job
        return {**job, "error": {"message": "a line of a log " * 10_000}}

    def _report(self, job_id):
        event = {
            "id": f"{job_id}-1",
            "created_at": 1,
            "message": "a line of a log " * 10_000,
        }
        return list_page([event], has_more=False)


@pytest.mark.parametrize("provider", [VerboseStandIn], indirect=True)
def test_log_that_a_provider_sends_as_reason_is_cut(lab, provider):
    provider.behave(states=("running",), ending="failed")
    lab.tick("fetch", "launch", "poll")
    document = lab.status()
    assert document["job"]["state"] == "failed"
    assert len(document["job"]["error"]) == 2_000
    with lab.services() as services:
        (event,) = services.db.sql("SELECT message FROM job_event")
    assert len(event[0]) == 2_000


@pytest.mark.parametrize("provider", [RepeatingStandIn], indirect=True)
def test_job_that_a_list_repeats_is_neither_cancelled_nor_are_its_files_deleted(
    lab, provider
):
    lab.tick("launch")
    lose_database(lab)
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 1
    assert len(provider.files()) == 2
    assert not provider.calls("files.delete")


def test_submodule_in_place_of_a_dataset_is_rejected_until_it_is_a_folder(lab):
    other = Repository(lab.folder / "other")
    other.dataset("moved")
    commit = other.commit()
    git = lab.repository.git
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},datasets/moved")
    git("commit", "-q", "-m", "Add a submodule")
    lab.tick("fetch")
    assert (lab.status("moved")["verdict"], lab.status("trial")["verdict"]) == (
        "rejected",
        "built",
    )
    git("rm", "-q", "--cached", "datasets/moved")
    lab.repository.commit_dataset("moved", subject="Add its files instead")
    lab.tick("fetch")
    assert lab.status("moved")["verdict"] == "built"


def test_dataset_with_files_without_end_stops_neither_another_one_nor_its_own_mending(
    lab,
):
    folder = lab.repository.folder
    leaf = f"100644 blob {lab.repository.git('rev-parse', 'HEAD:datasets/trial/dataset.yaml')}"
    commit_beside(folder, make_endless(folder, leaf))
    lab.until_serving("trial-1")
    refused = lab.status("bomb")
    assert (refused["verdict"], refused["serving"]) == ("rejected", None)
    lab.repository.commit_dataset("bomb", subject="Give it examples instead")
    lab.until_serving("bomb-1", dataset="bomb")


def test_sunset_of_a_base_is_notified_once_per_step(tmp_path, provider):
    soon = datetime.now(UTC).date() + timedelta(days=60)
    models = {"stand-in-base": {"sunset": soon.isoformat()}}
    lab = Lab.with_dataset(tmp_path, provider.base_url, models=models)
    lab.until_serving("trial-1")
    lab.tick("watch", rounds=2)
    (notice,) = lab.notices("notice-sunset")
    assert notice.arguments["date"] == day_argument(soon)


@pytest.mark.parametrize(
    ("recipe", "reason", "message"),
    [
        ({"base_model": "recall", "method": "dpo"}, "held-no-pairs", "recall"),
        ({"hyperparameters": {"beta": 0.2}}, "held-beta", "supervised"),
        (
            {"hyperparameters": {"exact_first": True}},
            "held-exact-first",
            "stand-in-base",
        ),
    ],
)
def test_recipe_that_its_provider_would_refuse_is_held(
    tmp_path, provider, recipe, reason, message
):
    lab = Lab(tmp_path, provider.base_url)
    lab.repository.dataset(recipe={**DATASET["recipe"], **recipe})
    for path in (lab.repository.folder / "datasets/trial/examples").iterdir():
        path.write_text(f"{path.read_text('utf-8')}rejected: Не знаю.\n", "utf-8")
    lab.repository.commit()
    lab.tick(rounds=2)
    document = lab.status()
    assert (document["verdict"], document["reason"]) == ("held", reason)
    assert provider.jobs_created() == []
    for language in LANGUAGES:
        assert message in text(language, reason, **document["arguments"])


def test_a_commit_reads_what_it_changed(lab, monkeypatch):
    (kept,) = (lab.config.state_dir / "checked").iterdir()
    read = []
    monkeypatch.setattr(
        check, "read_example", lambda content: read.append(content) or (None, ())
    )
    lab.repository.commit_example("trial", 0, answer="Иначе.")
    lab.tick("fetch")
    assert len(read) == 1
    shutil.rmtree(lab.repository.folder / "datasets/trial")
    lab.repository.commit()
    lab.tick("fetch")
    assert not kept.exists()
