"""Builds, jobs and models as people see them, and what is asked of the daemon."""

from dataclasses import replace

import pytest

from merlin.app import builds, jobs, models, requests, verdicts
from merlin.app.actor import Actor
from merlin.app.jobs import Progress
from merlin.app.model_card import describe
from merlin.app.status import read_status
from merlin.core.errors import NotFound, Refused
from merlin.dataset.builds import read_manifest, write_build
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.audit import Audit
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.db.tables import REVOKED_EXAMPLE, VERDICT
from merlin.training.scores import Evaluation
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    make_commit,
    make_examples,
    make_finding,
    make_spec,
)
from tests.support.people import ADMIN, ANNA, EDITOR, STUDENT, make_teacher
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

TEACHER = make_teacher("trial")
DIGEST = "a" * 64
LISTS = {
    "builds": builds.list_recent,
    "jobs": jobs.list_recent,
    "models": models.list_recent,
    "promotions": models.list_promotions,
    "verdicts": verdicts.list_mainline,
}


@pytest.fixture
def served(world):
    """Return a pipeline with a model that served and one that serves."""
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13), name="b", findings=[make_finding()])
    return world


@pytest.mark.parametrize("name", LISTS)
def test_pipeline_lists_are_paginated(served, name):
    ctx = served.ctx
    read = LISTS[name]
    newer, older = read(ctx, OPERATOR)
    assert newer.id > older.id
    assert read(ctx, OPERATOR, FACE, 1) == [newer]
    if name in ("jobs", "models"):
        assert read(ctx, OPERATOR, FACE, 10, newer.id) == [older]
    assert read(ctx, OPERATOR, "other") == []


@pytest.mark.parametrize("name", LISTS)
def test_list_contains_only_datasets_the_actor_may_watch(served, name):
    read = LISTS[name]
    assert read(served.ctx, make_teacher(FACE)) != []
    assert read(served.ctx, make_teacher("other")) == []
    for actor in (Actor(), STUDENT):
        assert read(served.ctx, actor) == []
        with pytest.raises(NotFound):
            read(served.ctx, actor, FACE)


def test_student_gets_not_found_for_every_pipeline_action(served):
    ctx = served.ctx
    for act in (
        lambda: jobs.get(ctx, STUDENT, 1),
        lambda: jobs.cancel(ctx, STUDENT, 1),
        lambda: jobs.launch(ctx, STUDENT, FACE),
        lambda: jobs.quote(ctx, STUDENT, FACE, "en"),
        lambda: models.get(ctx, STUDENT, 1),
        lambda: models.promote(ctx, STUDENT, 1),
        lambda: models.pin(ctx, STUDENT, FACE, is_pinned=True),
        lambda: models.roll_back(ctx, STUDENT, FACE),
        lambda: models.add(ctx, STUDENT, FACE, DIGEST, build=""),
        lambda: builds.get(ctx, STUDENT, f"{FACE}-1"),
        lambda: describe(ctx, STUDENT, f"{FACE}-1"),
    ):
        with pytest.raises(NotFound):
            act()
    assert read_status(ctx, STUDENT).datasets == {}
    assert Requests(served.db).list_of_author(STUDENT.name) == []


def test_editor_can_see_a_job_but_not_stop_it(served):
    assert jobs.get(served.ctx, EDITOR, 1).id == 1
    with pytest.raises(NotFound):
        jobs.cancel(served.ctx, EDITOR, 1)
    with pytest.raises(NotFound):
        models.promote(
            served.ctx, EDITOR, models.find(served.ctx, EDITOR, f"{FACE}-1").id
        )


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
    face = overview.datasets[FACE]
    verdict, serves, job = face.verdict, face.serving, face.job
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


@pytest.fixture
def built(world):
    """Return a pipeline with two builds of a dataset, and one of another."""
    world.push(1, make_examples(12))
    world.push(2, make_examples(13, changed=(3,)), author="boris")
    world.push(3, make_examples(12), spec=make_spec("trial"))
    return world


def test_build_is_found_by_its_version_or_the_beginning_of_its_digest(built):
    build = builds.get(built.ctx, OPERATOR, f"{FACE}-2")
    assert [each.id for each in build.examples] == sorted(
        each.id for each in make_examples(13)
    )
    assert (build.train, build.test, build.system) == (12, 1, "Отвечай кратко.")
    assert {each.split for each in build.examples} == {"train", "test"}
    authors = [each.author for each in build.examples if each.id[-3:] in ("000", "012")]
    assert authors == ["anna", "boris"]
    assert build.tokens == build.train_tokens + build.test_tokens > 0
    assert builds.get(built.ctx, OPERATOR, build.digest[:8]) == build


@pytest.mark.parametrize("version", [f"{FACE}-9", "no-1", f"{FACE}-", "", "0"])
def test_missing_build_is_not_found(built, version):
    with pytest.raises(NotFound):
        builds.get(built.ctx, OPERATOR, version)


def test_builds_of_one_dataset_are_compared(built):
    compared = builds.compare(built.ctx, OPERATOR, f"{FACE}-1", f"{FACE}-2")
    assert (compared.old, compared.new) == (f"{FACE}-1", f"{FACE}-2")
    changes = compared.added, compared.removed, compared.changed, compared.moved
    assert changes == (["лицо/вопрос-012"], [], ["лицо/вопрос-003"], [])
    assert (
        refusal_key(
            Refused, builds.compare, built.ctx, OPERATOR, f"{FACE}-1", "trial-1"
        )
        == "build-other-dataset"
    )


def test_build_of_a_commit_is_requested_from_the_daemon(built):
    request = builds.build(built.ctx, TEACHER, "trial", "a" * 40)
    assert (request.kind, request.arguments) == (
        RequestKind.BUILD,
        {"dataset": "trial", "commit": "a" * 40},
    )
    with pytest.raises(NotFound):
        builds.build(built.ctx, TEACHER, FACE)


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


@pytest.mark.parametrize(
    ("events", "progress"),
    [
        ([], Progress(None, 0, 3, 0)),
        (["text", {"step": 10}], Progress(None, 0, 3, 0)),
        ([{"step": 10, "total_steps": 40}], Progress(25, 0, 3, 40)),
        ([{"step": 9, "epoch": 1}, {"step": 10, "epoch": 1}], Progress(33, 1, 3, 30)),
        ([{"step": 50, "total_steps": 40}], Progress(100, 0, 3, 40)),
    ],
)
def test_steps_that_no_event_tells_are_reckoned_from_the_epochs(
    world, events, progress
):
    job = world.job(world.start(1, make_examples(12)).job_id)
    recipe = {"hyperparameters": {"n_epochs": 3}}
    assert replace(job, recipe=recipe).measure(events) == progress


def test_training_of_a_commit_without_a_build_has_no_price(world):
    world.push(1, make_examples(12))
    rejected = {"status": VerdictStatus.REJECTED.value, "build_id": None}
    world.db.update(VERDICT, VERDICT.position == 1, **rejected)
    assert (
        refusal_key(Refused, jobs.quote, world.ctx, OPERATOR, FACE, "en")
        == "build-none"
    )


@pytest.mark.parametrize(
    ("said", "added"),
    [
        ({}, {}),
        ({"build": f"{FACE}-1"}, {"build": f"{FACE}-1"}),
        # A card may be of another installation.
        ({"card_build": f"{FACE}-1"}, {"build": f"{FACE}-1"}),
        ({"card_build": f"{FACE}-9"}, {}),
        ({"base": "vllm/org/base"}, {"provider": "vllm", "base_model": "org/base"}),
    ],
)
def test_adapter_that_was_trained_elsewhere_is_added_by_the_daemon(world, said, added):
    world.push(1, make_examples())
    request = models.add(world.ctx, OPERATOR, FACE, DIGEST, **said)
    assert request.kind == RequestKind.ADD
    expected = {"build": "", "provider": "", "base_model": ""} | added
    assert request.arguments == {"dataset": FACE, "digest": DIGEST, **expected}


def test_adapter_of_an_unknown_build_or_dataset_is_not_added(world):
    world.push(1, make_examples())
    for actor, dataset, build in (
        (OPERATOR, FACE, f"{FACE}-9"),
        (ADMIN, "missing", ""),
    ):
        with pytest.raises(NotFound):
            models.add(world.ctx, actor, dataset, DIGEST, build=build)


def test_model_is_found_by_its_job(world):
    job = world.start(1, make_examples())
    assert (
        refusal_key(NotFound, models.read_of_job, world.ctx, OPERATOR, job.job_id)
        == "admin-no-model"
    )
    name = world.finish(job)
    assert models.read_of_job(world.ctx, EDITOR, job.job_id).model == name
    with pytest.raises(NotFound):
        models.read_of_job(world.ctx, Actor(), job.job_id)


@pytest.mark.parametrize("name", [f"{FACE}-1", f"ft:{FACE}:1"])
def test_card_tells_the_build_the_training_and_the_examples_of_a_model(world, name):
    examples = make_examples(13)
    world.serve(1, examples)
    world.push(2, make_examples(14), spec=make_spec(), name="b")
    revoked = {"dataset": FACE, "example_id": examples[3].id}
    world.db.put(REVOKED_EXAMPLE.insert(revoked))
    facts = describe(world.ctx, OPERATOR, name)
    assert (facts.model.model, facts.build.version) == (f"ft:{FACE}:1", f"{FACE}-1")
    assert (facts.build.train, facts.build.test) == (12, 1)
    assert (facts.recipe.provider, facts.recipe.base_model) == ("engine", "recall")
    assert facts.origin.commit == world.verdict(1).commit
    assert (facts.title, facts.languages, facts.revoked) == (
        "Neurotypology",
        ["ru"],
        1,
    )
    assert "Что значит черта 0?" in facts.tests
    assert "Что значит черта 1?" not in facts.tests


def test_card_of_a_missing_model_is_not_found(world):
    world.serve(1, make_examples())
    with pytest.raises(NotFound):
        describe(world.ctx, OPERATOR, f"{FACE}-2")


OF_FACE = make_teacher(FACE, user_id=ANNA)


def submit(world, actor=EDITOR, once="", dataset=FACE):
    arguments = {"dataset": dataset}
    target = f"dataset:{dataset}"
    return requests.submit_request(
        world.ctx, actor, RequestKind.BUILD, arguments, target, once
    )


def list_kinds(world, author):
    return [request.kind for request in Requests(world.db).list_of_author(author)]


def test_form_submitted_again_returns_the_first_request_without_its_token(world):
    first = submit(world, once="form-1")
    other = submit(world, once="form-2")
    assert submit(world, once="form-1") == first != other
    assert first.arguments == {"dataset": FACE}
    audited = [
        (entry.by, entry.action, entry.target)
        for entry in Audit(world.db).list_newest(9)
    ]
    assert audited == [(EDITOR.name, "ask.build", f"dataset:{FACE}")] * 2


def test_fetch_is_not_audited_because_it_changes_nothing(world):
    assert requests.fetch(world.ctx, EDITOR).kind == RequestKind.FETCH
    assert Audit(world.db).list_newest(9) == []


def test_pushes_while_one_waits_to_be_fetched_add_no_other_fetch(world):
    requests.fetch_pushed(world.ctx)
    requests.fetch_pushed(world.ctx)
    assert list_kinds(world, "api:hook") == ["fetch"]
    claimed = Requests(world.db).claim([RequestKind.FETCH])
    Requests(world.db).finish(claimed.request_id, RequestState.DONE, {})
    requests.fetch_pushed(world.ctx)
    assert list_kinds(world, "api:hook") == ["fetch", "fetch"]


def test_request_is_shown_to_its_author_and_those_who_may_watch_its_dataset(world):
    of_face = submit(world, once="form-1").request_id
    of_trial = submit(world, dataset="trial").request_id
    of_none = requests.fetch(world.ctx, EDITOR).request_id
    another_editor = Actor.person(ANNA, EDITOR.authority)
    shown = {
        actor: [
            number
            for number in (of_face, of_trial, of_none)
            if is_shown(world, actor, number)
        ]
        for actor in (EDITOR, another_editor, OF_FACE, STUDENT)
    }
    assert shown == {
        EDITOR: [of_face, of_trial, of_none],
        another_editor: [of_face, of_trial, of_none],
        OF_FACE: [of_face],
        STUDENT: [],
    }
    assert requests.get(world.ctx, OF_FACE, of_face).arguments == {"dataset": FACE}


def is_shown(world, actor, number):
    try:
        return requests.get(world.ctx, actor, number).request_id == number
    except NotFound:
        return False
