"""What a model's card says of its origin."""

import pytest

from merlin.app.actor import Actor
from merlin.app.model_card import describe
from merlin.core.errors import NotFound
from merlin.core.permissions import Authority
from merlin.db.tables import REVOKED_EXAMPLE
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples, make_spec

pytestmark = pytest.mark.integration


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


def test_card_of_a_model_that_is_missing_or_hidden_is_not_found(world):
    world.serve(1, make_examples())
    student = Actor.person(1001, Authority())
    for actor, name in ((OPERATOR, f"{FACE}-2"), (student, f"{FACE}-1")):
        with pytest.raises(NotFound):
            describe(world.ctx, actor, name)
