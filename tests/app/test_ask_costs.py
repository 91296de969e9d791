"""What an answer costs, and how much fits into a model's window."""

import pytest

from merlin.app.ask import cost_of, window_of
from merlin.app.context import Context
from merlin.chat.answer import Ending, Reply
from merlin.chat.model_catalogue import Candidate, CandidateKind, Windows
from merlin.chat.sessions import CAUTIOUS_TOKENS
from merlin.core.messages import Usage
from merlin.core.money import Cost
from tests.support.config import make_config

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("known", "kind", "micro"),
    [
        (None, CandidateKind.SERVING, 70),
        (False, CandidateKind.SERVING, 70),
        (True, CandidateKind.SERVING, 0),
        (True, CandidateKind.COMPOSED, 70),
    ],
)
def test_taught_answer_costs_nothing_of_the_language_model(
    database, known, kind, micro
):
    config = make_config(
        models={"base": {"price": {"input": 1, "output": 2, "training": 0}}}
    )
    model = Candidate(kind, "p", "tuned", base="base")
    reply = Reply(Ending.WHOLE, "Лоб.", model, "tuned", Usage(30, 20), known)
    assert cost_of(Context(config=config, db=database), reply) == Cost(micro, "USD")


def test_window_is_the_providers_or_the_configured_or_a_cautious_one(database):
    config = make_config(models={"base": {"context": 4096}})
    ctx = Context(config=config, db=database)
    Windows(database).put("p", {"listed": 1000})
    listed, tuned, unknown = (
        Candidate(CandidateKind.SERVING, "p", name, base=base)
        for name, base in (("listed", "base"), ("tuned", "base"), ("other", ""))
    )
    assert [window_of(ctx, choice) for choice in (listed, tuned)] == [1000, 4096]
    assert window_of(ctx, unknown) == window_of(ctx, None) == CAUTIOUS_TOKENS
