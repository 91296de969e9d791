"""What people are shown: plain, whole, ready for JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from store_world import FACE, World, commit, example, examples, finding, spec

from merlin.core.errors import NotFound
from merlin.core.messages import Message
from merlin.dataset.builds import read_build, write_build
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import Requests

pytestmark = pytest.mark.integration


@pytest.fixture
def world(database, clock):
    return World(database, clock)


def test_an_empty_database_has_an_empty_status(world):
    nothing_waits = {"requests": 0, "notices": 0, "jobs": 0}
    assert world.reports.status() == {"datasets": {}, "queues": nothing_waits}
    assert world.reports.serving(FACE) is None
    assert world.reports.log() == world.reports.builds() == world.reports.models() == []


def test_status_tells_each_dataset_its_newest_verdict_model_and_job(world, clock):
    model_id = world.serve(1, examples(12))
    since = world.promotions.serving()[FACE].since
    outcomes = [world.outcome(each, examples(13)) for each in (spec(), spec("python"))]
    world.record(commit(2), outcomes, clock())
    Requests(world.db).ask("fetch", {}, "vera")
    Notices(world.db).tell(ADMINS, "notice-serving", {})
    status = world.reports.status()
    assert json.loads(json.dumps(status)) == status
    assert list(status["datasets"]) == [FACE, "python"]
    told = status["datasets"][FACE]
    assert (told["commit"], told["build"], told["verdict"]) == (
        commit(2).sha,
        f"{FACE}-2",
        "built",
    )
    serving = told["serving"]
    assert (serving["model"], serving["build"]) == (model_id, f"{FACE}-1")
    assert serving["since"] == since.isoformat(timespec="microseconds")
    assert told["job"]["state"] == "succeeded"
    assert (status["datasets"]["python"]["serving"], status["datasets"]["python"]["job"]) == (
        None,
        None,
    )
    assert status["queues"] == {"requests": 1, "notices": 1, "jobs": 0}


def test_the_log_is_newest_first_with_a_share_of_the_findings(world):
    for position in range(1, 6):
        world.push(position, examples(11 + position), findings=[finding(n) for n in range(60)])
    told = world.reports.log(limit=2)
    assert [each["position"] for each in told] == [5, 4]
    assert [each["line"] for each in told[0]["findings"]] == list(range(50))
    assert [each["position"] for each in world.reports.log(FACE, before=4)] == [3, 2, 1]
    assert world.reports.log("python") == []


def test_a_commit_is_found_by_the_beginning_of_its_id(world):
    sha = world.push(1, examples(12))
    (told,) = world.reports.of_commit(sha[:7])
    assert (told["commit"], told["author"], told["subject"]) == (sha, "anna", "Add")
    assert world.reports.of_commit("ffff") == []


def test_a_build_is_shown_with_all_that_it_teaches(world, tmp_path):
    world.push(1, examples(12), author="anna")
    world.push(2, examples(13), author="boris")
    told = world.reports.build(f"{FACE}-2")
    content = world.outcome(spec(), examples(13))
    assert content.build.digest == told["digest"]
    assert told["system"] == "Отвечай кратко."
    assert (told["authors"]["лицо/вопрос-012"], told["authors"]["лицо/вопрос-000"]) == (
        "boris",
        "anna",
    )
    assert [each["number"] for each in world.reports.builds(FACE)] == [2, 1]
    assert world.reports.build(told["digest"][:9])["build"] == f"{FACE}-2"
    for name in ("none", f"{FACE}-3", f"{FACE}-"):
        with pytest.raises(NotFound):
            world.reports.build(name)


def test_the_manifest_is_as_the_folder_has_it(world, tmp_path):
    outcome = world.outcome(spec(), examples(12))
    world.record(commit(1), [outcome], world.clock())
    folder = write_build(outcome.new_build.content, tmp_path, 1)
    assert world.reports.build(f"{FACE}-1")["manifest"] == read_build(folder).manifest


def test_a_job_that_is_not_there_is_told(world):
    with pytest.raises(NotFound):
        world.reports.job(9)


def test_models_come_with_their_scores_and_who_serves(world):
    world.serve(1, examples(12))
    world.serve(2, examples(13))
    world.push(3, examples(14))
    (job,) = world.launch()
    world.finish(job)
    told = world.reports.models(FACE)
    assert [each["serves"] for each in told] == [False, True, False]
    assert told[0]["evaluation"] is None
    assert told[1]["evaluation"] == {
        "questions": 5,
        "chrf": 77.5,
        "equal_share": 0.5,
        "unknown_share": 0.2,
    }
    assert [each["build"] for each in world.reports.jobs()] == [f"{FACE}-{n}" for n in (3, 2, 1)]
    assert [each["why"] for each in world.reports.history(FACE)] == ["newest", "newest"]


def test_examples_are_found_by_words_in_any_case(world):
    said = (Message("user", "Где РАСТЁТ ель_1?"), Message("assistant", "В лесу."))
    world.push(1, [*examples(12), replace(example(12), messages=said)])
    world.push(2, [*examples(12), replace(example(13), messages=said), example(14)])
    for words in ("растет", "ЕЛЬ", "лесу РАСТЁТ", "ель_1"):
        (found,) = world.reports.examples(words)
        assert (found["id"], found["build"]) == ("лицо/вопрос-013", f"{FACE}-2")
        assert found["messages"][1]["content"] == "Где РАСТЁТ ель_1?"
    assert len(world.reports.examples("100%", limit=5)) == 5
    assert len(world.reports.examples("100%")) == 13
    for words in ("ель-1", "нет такого", "%1"):
        assert world.reports.examples(words) == []
    assert world.reports.examples("ель", "python") == []


def test_an_example_is_followed_through_builds(world):
    world.push(1, examples(12), author="anna")
    world.push(2, examples(12, changed=(3,)), author="boris")
    told = world.reports.lineage(FACE, "лицо/вопрос-003")
    assert [(each["build"], each["author"]) for each in told] == [
        (f"{FACE}-2", "boris"),
        (f"{FACE}-1", "anna"),
    ]
