"""Ratings of a user's own answers; corrections go to the editors masked, and only with consent."""

import pytest

from merlin.account.users import Consents
from merlin.chat.feedback import Rating, Ratings
from merlin.dataset.proposals import Proposals
from tests.api.chat_api import Conversation, erase_everybody
from tests.api.running_api import ANNA, BORIS, run_api
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
    with site.key_client(ANNA) as program:
        yield program


@pytest.fixture
def conversation(site):
    return Conversation(site)


def path(turn_id):
    return f"/api/user/turns/{turn_id}/rating"


def read_rating(client, conversation):
    """Return the rating of the last turn."""
    turns = client.get(f"/api/user/sessions/{conversation.session_id}/turns").json()["turns"]
    return turns[-1]["rating"]


def test_rating_can_be_set_changed_and_removed(site, anna, conversation):
    turn = path(conversation.add_turn(1))
    assert read_rating(anna, conversation) is None
    assert anna.post(turn, json={"value": "up"}).json()["value"] == "up"
    assert anna.post(turn, json={"value": "down"}).status_code == 200
    assert read_rating(anna, conversation) == "down"
    assert Ratings(site.db, site.bot_id).thumbs("stand-in-base")[Rating.DOWN] == 1
    assert anna.delete(turn).status_code == 204
    assert anna.delete(turn).status_code == 204
    assert read_rating(anna, conversation) is None


def test_correction_waits_for_an_editor_with_personal_data_masked(site, anna, conversation):
    Consents(site.db).give(ANNA, "2026-11-22")
    turn = path(conversation.add_turn(1, "Меня зовут Анна. Что такое граф?"))
    correction = "Граф — это пара множеств. Звоните: +7 999 123-45-67."
    body = anna.post(turn, json={"value": "down", "correction": correction}).json()
    assert body["correction"]["dataset"] == "algorithms"
    assert "Анна" not in body["correction"]["question"]
    assert "123-45-67" not in body["correction"]["answer"]
    (proposal,) = Proposals(site.db).of_user(ANNA)
    assert proposal.draft.answer == body["correction"]["answer"]
    assert site.database.sql("SELECT key FROM notice") == [("notice-proposal",)]


def test_correction_of_a_general_answer_in_a_course_belongs_to_the_course(site, anna):
    Consents(site.db).give(ANNA, "2026-11-22")
    conversation = Conversation(site, dataset="networks")
    turn = conversation.add_question(1)
    conversation.add_answer(1, model_id="general")
    correction = {"value": "down", "correction": "Граф — это пара множеств."}
    body = anna.post(path(turn.turn_id), json=correction).json()
    assert body["correction"]["dataset"] == "networks"


def test_correction_without_consent_is_refused_and_not_stored(site, anna, conversation):
    turn = path(conversation.add_turn(1))
    response = anna.post(turn, json={"value": "down", "correction": "иначе"})
    assert (response.status_code, response.json()["type"]) == (
        409,
        "urn:merlin:problem:consent-needed",
    )
    assert Proposals(site.db).of_user(ANNA) == []
    assert read_rating(anna, conversation) is None


@pytest.mark.parametrize("fields", [{"format": "photo"}, {"question": "слово " * 2000}])
def test_turn_that_cannot_become_an_example_cannot_be_corrected(site, anna, conversation, fields):
    Consents(site.db).give(ANNA, "2026-11-22")
    response = anna.post(
        path(conversation.add_turn(1, **fields)), json={"value": "down", "correction": "иначе"}
    )
    assert (response.status_code, response.json()["type"]) == (409, "urn:merlin:problem:no-example")


def test_group_turn_can_be_rated_but_not_corrected(site, anna):
    Consents(site.db).give(ANNA, "2026-11-22")
    turn = path(Conversation(site, chat_id=-5005).add_turn(1))
    assert anna.post(turn, json={"value": "up"}).status_code == 200
    response = anna.post(turn, json={"value": "up", "correction": "иначе"})
    assert response.json()["type"] == "urn:merlin:problem:no-example"


def test_unanswered_question_cannot_be_rated(anna, conversation):
    response = anna.post(path(conversation.add_turn(1, answer="")), json={"value": "up"})
    assert (response.status_code, response.json()["type"]) == (
        409,
        "urn:merlin:problem:not-rateable",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"value": "great"},
        {"value": None},
        {"value": "up", "correction": " "},
        {"value": "up", "correction": "x" * 8001},
        {"value": "up", "user_id": BORIS},
    ],
)
def test_invalid_rating_is_refused(anna, conversation, wrong):
    assert anna.post(path(conversation.add_turn(1)), json=wrong).status_code == 422
