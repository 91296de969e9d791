"""Status, log, builds and models as people see them: complete, and ready for JSON."""

import pytest

from merlin.app import builds, models
from merlin.app.status import read_status
from merlin.core.errors import NotFound
from merlin.dataset.builds import read_manifest, write_build
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import Requests
from merlin.training.scores import Evaluation
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    make_commit,
    make_examples,
    make_finding,
    make_spec,
)

pytestmark = pytest.mark.integration

PARTS = ("verdict", "serving", "job")


def test_status_shows_newest_verdict_model_and_job_of_each_dataset(world, clock):
    model_id = world.serve(1, make_examples(12))
    since = world.promotions.list_serving()[FACE].since
    outcomes = [
        world.outcome(dataset_spec, make_examples(13))
        for dataset_spec in (make_spec(), make_spec("python"))
    ]
    world.record(make_commit(2), outcomes, clock())
    Requests(world.db).ask("fetch", {}, "vera")
    Notices(world.db).notify(ADMINS, "notice-serving", {})
    overview = read_status(world.ctx, OPERATOR)
    assert list(overview.datasets) == [FACE, "python"]
    verdict, serves, job = (getattr(overview.datasets[FACE], name) for name in PARTS)
    assert (verdict.commit, verdict.build, verdict.status) == (
        make_commit(2).sha,
        f"{FACE}-2",
        "built",
    )
    assert (serves.model, serves.build, serves.since) == (model_id, f"{FACE}-1", since)
    assert job.state == "succeeded"
    assert (overview.datasets["python"].serving, overview.datasets["python"].job) == (
        None,
        None,
    )
    assert overview.queues == {"requests": 1, "notices": 1, "jobs": 0}


def test_log_is_newest_first_with_limited_findings(world):
    for position in range(1, 6):
        world.push(
            position,
            make_examples(11 + position),
            findings=[make_finding(n) for n in range(60)],
        )
    entries = world.log(limit=2)
    assert [entry.position for entry in entries] == [5, 4]
    assert [finding.line for finding in entries[0].findings] == list(range(50))
    assert [entry.position for entry in world.log(FACE)] == [5, 4, 3, 2, 1]
    assert world.log("python") == []


def test_commit_is_found_by_the_beginning_of_its_id(world):
    sha = world.push(1, make_examples(12))
    (verdict,) = world.of_commit(sha[:7])
    assert (verdict.commit, verdict.author, verdict.subject) == (sha, "anna", "Add")
    assert world.of_commit("ffff") == []


def test_build_is_found_by_version_or_digest_with_its_examples(world, tmp_path):
    world.push(1, make_examples(12), author="anna")
    world.push(2, make_examples(13), author="boris")
    told = builds.get(world.ctx, OPERATOR, f"{FACE}-2")
    content = world.outcome(make_spec(), make_examples(13))
    assert content.build.digest == told.digest
    assert told.system == "Отвечай кратко."
    authors = {example.id: example.author for example in told.examples}
    assert (authors["лицо/вопрос-012"], authors["лицо/вопрос-000"]) == (
        "boris",
        "anna",
    )
    assert [build.number for build in world.recent_builds(FACE)] == [2, 1]
    assert builds.get(world.ctx, OPERATOR, told.digest[:9]).version == f"{FACE}-2"
    for name in ("none", f"{FACE}-3", f"{FACE}-"):
        with pytest.raises(NotFound):
            builds.get(world.ctx, OPERATOR, name)


def test_manifest_equals_the_file_in_the_build_folder(world, tmp_path):
    outcome = world.outcome(make_spec(), make_examples(12))
    world.record(make_commit(1), [outcome], world.clock())
    folder = write_build(outcome.content, tmp_path, 1)
    assert builds.get(world.ctx, OPERATOR, f"{FACE}-1").manifest == read_manifest(
        folder
    )


def test_models_show_their_scores_and_which_one_serves(world):
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13))
    job = world.start(3, make_examples(14))
    world.finish(job)
    model_views = world.recent_models(FACE)
    assert [model.serves for model in model_views] == [False, True, False]
    assert model_views[0].evaluation is None
    assert model_views[1].evaluation == Evaluation(questions=5, right=3, chrf=77.5)
    assert [job.build for job in world.recent_jobs()] == [
        f"{FACE}-{n}" for n in (3, 2, 1)
    ]
    assert [
        model.why for model in models.list_promotions(world.ctx, OPERATOR, FACE)
    ] == [
        "newest",
        "newest",
    ]
