"""What an answer costs, and how much fits into a model's window."""

from datetime import UTC

import pytest

from merlin.account.users import User
from merlin.app.ask import Observer, ProgramQuestion, begin, cost_of, finish, window_of
from merlin.app.context import Context
from merlin.app.limits import Asker
from merlin.billing.quota import Allowance, Format
from merlin.chat.answer import Ending, Reply
from merlin.chat.model_catalogue import (
    Candidate,
    CandidateKind,
    ModelRequest,
    Windows,
)
from merlin.chat.sessions import CAUTIOUS_TOKENS
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost
from merlin.db.tables import QUOTA_USE
from tests.billing.plan_shop import ANNA
from tests.support.config import make_config
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.integration


class Silent(Observer):
    def refuse(self, exceeded):
        raise AssertionError(exceeded)

    def describe(self, *_):
        return "", ""


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


@pytest.mark.parametrize(
    ("known", "state"), [(None, "charged"), (True, "charged"), (False, "returned")]
)
def test_question_that_the_model_does_not_know_is_not_charged(
    database, clock, known, state
):
    ctx = Context(config=make_config(), db=database, clock=clock)
    plan = make_plan("free", allowances={Format.TEXT: Allowance(day=2)})
    question = ProgramQuestion(
        User(ANNA), "ru", 1, [Message("user", "Где лоб?")], ModelRequest(None, None, ())
    )
    asker = Asker(ANNA, plan, UTC, "ru", question.number)
    observer = Silent()
    conversation = begin(ctx, asker, question, observer)
    reply = Reply(Ending.WHOLE, "Не знаю.", known=known)
    database.transact(lambda: finish(ctx, conversation, observer, reply))
    assert database.row(QUOTA_USE.select()).state == state


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
