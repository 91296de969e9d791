"""Whether a model is served with its trained weights, by its answers and those of its base."""

from contextlib import closing

import pytest

from merlin.core.errors import ModelUnapplied
from merlin.core.messages import Message
from merlin.providers.openai_training import OpenAIModelClient
from merlin.training.models import AppliedProof
from merlin.training.prove import MIN_COMPARED, compare_with_base
from merlin.training.scores import EvaluationQuestion
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
TAUGHT = "Graphs have vertices and edges."
OTHER = "I do not know that."


def make_questions(right, wrong):
    """Return questions of which the base answers some as taught, and the others not."""
    taught = [TAUGHT] * right + [OTHER] * wrong
    return [
        EvaluationQuestion(
            f"q{number}", (Message("user", f"What is word {number}?"),), answer
        )
        for number, answer in enumerate(taught)
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "is_refused"),
    [
        (0, MIN_COMPARED, True),
        (3, MIN_COMPARED, True),
        (0, MIN_COMPARED - 1, False),
        (9, 2, False),
    ],
)
def test_base_that_already_answers_as_taught_proves_nothing(right, wrong, is_refused):
    with ProviderStandIn() as provider:
        provider.behave(fixed_answer=TAUGHT)
        with closing(OpenAIModelClient(provider.base_url, "")) as client:
            models = "stand-in-chat", "stand-in-base"
            questions = make_questions(right, wrong)
            if is_refused:
                with pytest.raises(ModelUnapplied):
                    compare_with_base(client, *models, questions)
            else:
                found = compare_with_base(client, *models, questions)
                assert found is AppliedProof.UNDECIDED
