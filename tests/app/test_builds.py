"""Builds: found by version or digest, shown with their examples, compared, requested."""

import pytest

from merlin.app import builds
from merlin.core.errors import NotFound, Refused
from merlin.db.requests import RequestKind
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples, make_spec
from tests.support.people import make_teacher

pytestmark = pytest.mark.integration

TEACHER = make_teacher("trial")


@pytest.fixture
def built(world):
    """Return a pipeline with two builds of a dataset, and one of another."""
    world.push(1, make_examples(12))
    world.push(2, make_examples(13, changed=(3,)))
    world.push(3, make_examples(12), spec=make_spec("trial"))
    return world


def test_builds_are_listed_newest_first(built):
    assert [build.version for build in built.recent_builds()] == [
        "trial-1",
        f"{FACE}-2",
        f"{FACE}-1",
    ]
    listed = builds.list_recent(built.ctx, TEACHER)
    assert [build.version for build in listed] == ["trial-1"]
    (newest,) = builds.list_recent(built.ctx, OPERATOR, FACE, limit=1)
    assert newest.tokens == newest.train_tokens + newest.test_tokens > 0


def test_build_is_found_by_its_version_or_the_beginning_of_its_digest(built):
    build = builds.get(built.ctx, OPERATOR, f"{FACE}-2")
    assert [each.id for each in build.examples] == sorted(
        each.id for each in make_examples(13)
    )
    assert (build.train, build.test) == (12, 1)
    assert {each.split for each in build.examples} == {"train", "test"}
    assert builds.get(built.ctx, OPERATOR, build.digest[:8]) == build


@pytest.mark.parametrize("version", [f"{FACE}-9", "no-1", "", "0"])
def test_missing_build_is_not_found(built, version):
    with pytest.raises(NotFound):
        builds.get(built.ctx, OPERATOR, version)


def test_build_of_a_dataset_that_the_actor_may_not_watch_is_not_found(built):
    assert builds.get(built.ctx, TEACHER, "trial-1").dataset == "trial"
    with pytest.raises(NotFound):
        builds.get(built.ctx, TEACHER, f"{FACE}-1")


def test_builds_of_one_dataset_are_compared(built):
    compared = builds.compare(built.ctx, OPERATOR, f"{FACE}-1", f"{FACE}-2")
    assert (compared.old, compared.new) == (f"{FACE}-1", f"{FACE}-2")
    changes = compared.added, compared.removed, compared.changed, compared.moved
    assert changes == (["лицо/вопрос-012"], [], ["лицо/вопрос-003"], [])
    with pytest.raises(Refused) as caught:
        builds.compare(built.ctx, OPERATOR, f"{FACE}-1", "trial-1")
    assert caught.value.key == "build-other-dataset"


def test_build_of_a_commit_is_requested_from_the_daemon(built):
    request = builds.build(built.ctx, TEACHER, "trial", "a" * 40)
    assert (request.kind, request.arguments) == (
        RequestKind.BUILD,
        {"dataset": "trial", "commit": "a" * 40},
    )
    with pytest.raises(NotFound):
        builds.build(built.ctx, TEACHER, FACE)
