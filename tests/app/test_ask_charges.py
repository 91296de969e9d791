"""A question is charged when the model knew an answer."""

from datetime import UTC

import pytest

from merlin.account.users import User
from merlin.app.ask import Observer, ProgramQuestion, begin, finish
from merlin.app.context import Context
from merlin.app.limits import Asker
from merlin.billing.quota import Allowance, Format
from merlin.chat.answer import Ending, Reply
from merlin.chat.model_catalogue import ModelRequest
from merlin.core.messages import Message
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
