"""What is asked of the daemon about models: one that arrives, and one of a job."""

import pytest

from merlin.app import models
from merlin.app.actor import Actor
from merlin.core.errors import NotFound
from merlin.core.permissions import Authority, Role
from merlin.db.requests import RequestKind
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples

pytestmark = pytest.mark.integration

DIGEST = "a" * 64
ADMIN = Actor.person(1003, Authority(Role.ADMIN))
EDITOR = Actor.person(1001, Authority(Role.EDITOR))


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
        (Actor.person(1002, Authority()), FACE, ""),
    ):
        with pytest.raises(NotFound):
            models.add(world.ctx, actor, dataset, DIGEST, build=build)


def test_model_is_found_by_its_job(world):
    job = world.start(1, make_examples())
    with pytest.raises(NotFound) as caught:
        models.read_of_job(world.ctx, OPERATOR, job.job_id)
    assert caught.value.key == "admin-no-model"
    name = world.finish(job)
    assert models.read_of_job(world.ctx, EDITOR, job.job_id).model == name
    with pytest.raises(NotFound):
        models.read_of_job(world.ctx, Actor(), job.job_id)
