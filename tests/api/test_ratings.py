"""Ratings of a user's own answers; corrections go to the editors masked, and only with consent."""

import pytest

from merlin.account.users import Consents
from merlin.app import feedback, sessions
from merlin.app.actor import Actor
from merlin.chat.feedback import Rating
from merlin.core.errors import Refused
from merlin.core.permissions import Authority
from merlin.dataset.proposals import Proposals
from tests.api.chat_api import Conversation, erase_everybody
from tests.api.running_api import ANNA, run_api
from tests.support.serving_models import insert_live_model

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with run_api(tmp_path_factory.mktemp("site")) as site:
        insert_live_model(site.database, "stand-in-base", dataset="algorithms")
        yield site


@pytest.fixture
def site(shared):
    return erase_everybody(shared)


@pytest.fixture
def anna(site):
    site.add_user(ANNA)
    return Actor.person(ANNA, Authority())


@pytest.fixture
def conversation(site):
    return Conversation(site)


def test_correction_of_a_general_answer_in_a_course_belongs_to_the_course(site, anna):
    Consents(site.db).give(ANNA, "2026-11-22")
    conversation = Conversation(site, dataset="networks")
    turn = conversation.add_question(1)
    conversation.add_answer(1, model_id="general")
    feedback.correct(
        site.services, anna, turn.turn_id, "Граф — это пара множеств.", "ru"
    )
    assert [each.draft.dataset for each in Proposals(site.db).of_user(ANNA)] == [
        "networks"
    ]


def refusal(site, actor, turn):
    """Return why a correction of this answer is refused."""
    with pytest.raises(Refused) as refused:
        feedback.correct(site.services, actor, turn, "иначе", "ru")
    return refused.value.key


def test_correction_without_consent_is_refused_and_not_stored(site, anna, conversation):
    turn = conversation.add_turn(1)
    assert refusal(site, anna, turn) == "api-problem-consent-needed"
    assert Proposals(site.db).of_user(ANNA) == []
    assert sessions.get_turn(site.services, anna, turn).rating is None


@pytest.mark.parametrize("fields", [{"format": "photo"}, {"question": "слово " * 2000}])
def test_turn_that_cannot_become_an_example_cannot_be_corrected(
    site, anna, conversation, fields
):
    Consents(site.db).give(ANNA, "2026-11-22")
    turn = conversation.add_turn(1, **fields)
    assert refusal(site, anna, turn) == "api-problem-no-example"


def test_group_turn_can_be_rated_but_not_corrected(site, anna):
    Consents(site.db).give(ANNA, "2026-11-22")
    turn = Conversation(site, chat_id=-5005).add_turn(1)
    feedback.press_rating(site.services, anna, turn, Rating.UP)
    assert refusal(site, anna, turn) == "api-problem-no-example"


def test_answer_that_does_not_exist_cannot_be_corrected(site, anna, conversation):
    turn = conversation.add_turn(1, answer="")
    assert refusal(site, anna, turn) == "api-problem-not-rateable"
