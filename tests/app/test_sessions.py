"""A person's conversations across all bots: read only by them, and deleted."""

from dataclasses import replace
from functools import partial

import pytest

from merlin.account.users import User
from merlin.app import ask, sessions as app_sessions
from merlin.app.retention import delete_old_rows
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.config.settings import Retention
from merlin.core.errors import NotFound
from tests.db.pipeline_rows import BOT
from tests.support.people import ANNA, BORIS, EDITOR, STUDENT

pytestmark = pytest.mark.integration

GROUP = -5005
OTHER_BOT = BOT + 1


class Chat:
    """One bot's chat with one person, or in a group."""

    def __init__(self, database, clock, bot=BOT, user=ANNA, chat=None):
        self._sessions = Sessions(database, bot, clock)
        self._turns = Turns(database, bot, clock)
        self._clock = clock
        self.place = ChatPlace(chat or user, user)
        self.session = self._sessions.open(self.place)

    def ask(self, update_id, text="вопрос", **options):
        """Ask and answer; return the turn's number."""
        self._clock.move(60)
        question = Question(
            self.session.session_id, update_id, self.place.user_id, text, **options
        )
        turn = self._turns.ask(question, None)
        self._turns.write(update_id, StoredAnswer("ответ", model_id="ft:1"))
        self._sessions.touch(self.session.session_id, f"о чём: {text}")
        return turn.turn_id


def list_turns(ctx, chat):
    return app_sessions.list_own_turns(ctx, chat.session.session_id)


@pytest.fixture
def chat(database, clock):
    def make_chat(**more):
        return Chat(database, clock, **more)

    return make_chat


def test_sessions_and_turns_of_others_are_not_found(ctx, chat):
    own_chat = chat()
    turn_id = own_chat.ask(1)
    session_id = own_chat.session.session_id
    assert app_sessions.list_recent(ctx, EDITOR, 10) == []
    for act, number in (
        (app_sessions.get_turn, turn_id),
        (app_sessions.delete, session_id),
    ):
        with pytest.raises(NotFound):
            act(ctx, EDITOR, number)
    assert app_sessions.get_turn(ctx, STUDENT, turn_id).answer == "ответ"


def test_group_session_is_hidden_but_its_turns_belong_to_the_asker(ctx, chat):
    there = chat(chat=GROUP)
    turn_id = there.ask(1)
    assert app_sessions.list_recent(ctx, STUDENT, 10) == []
    with pytest.raises(NotFound):
        app_sessions.delete(ctx, STUDENT, there.session.session_id)
    assert app_sessions.get_turn(ctx, STUDENT, turn_id).is_private is False


def test_turns_are_listed_oldest_first_without_replaced_questions(ctx, chat):
    own_chat = chat()
    own_chat.ask(1, "первый", message_id=7)
    own_chat.ask(2, "первый, иначе", message_id=7)
    own_chat.ask(3, "второй")
    turns = list_turns(ctx, own_chat)
    assert [turn.question for turn in turns] == ["первый, иначе", "второй"]
    (view,) = app_sessions.list_recent(ctx, STUDENT, 10)
    assert view.turns == 2


def test_turn_shows_the_rating_of_its_asker_only(ctx, chat, database):
    turn_id = chat().ask(1)
    ratings = Ratings(database, 0)
    ratings.rate(turn_id, BORIS, Rating.DOWN)
    assert app_sessions.get_turn(ctx, STUDENT, turn_id).rating is None
    ratings.rate(turn_id, ANNA, Rating.UP)
    assert app_sessions.get_turn(ctx, STUDENT, turn_id).rating is Rating.UP


def test_deleted_session_loses_its_turns_texts_and_ratings(ctx, chat, database, clock):
    deleted_chat = chat()
    kept_chat = chat(bot=OTHER_BOT)
    turn_id = deleted_chat.ask(1)
    kept_turn = kept_chat.ask(1)
    for turn in (turn_id, kept_turn):
        Ratings(database, 0).rate(turn, ANNA, Rating.UP)
    with database.atomic():
        app_sessions.delete(ctx, STUDENT, deleted_chat.session.session_id)
    for act, number in (
        (app_sessions.delete, deleted_chat.session.session_id),
        (app_sessions.get_turn, turn_id),
    ):
        with pytest.raises(NotFound):
            act(ctx, STUDENT, number)
    assert database.sql("SELECT turn_id FROM rating") == [(kept_turn,)]
    assert [turn.id for turn in app_sessions.list_recent(ctx, STUDENT, 10)] == [
        kept_chat.session.session_id
    ]
    assert database.sql("SELECT title FROM chat_session WHERE is_open = 0") == [("",)]
    # Its row goes once no answer can be under way.
    assert delete_old_rows(database, Retention(), clock()) == 0
    clock.move(25 * 3600)
    assert delete_old_rows(database, Retention(), clock()) == 1
    assert len(database.sql("SELECT id FROM chat_session")) == 1


def test_question_that_is_being_answered_outlives_its_deleted_session(
    ctx, chat, database
):
    own_chat = chat()
    own_chat.ask(1)
    asked = Question(own_chat.session.session_id, 2, ANNA, "второй")
    turns = Turns(database, BOT)
    turns.ask(asked, None)
    app_sessions.delete(ctx, STUDENT, own_chat.session.session_id)
    assert app_sessions.list_recent(ctx, STUDENT, 10) == []
    turns.write(2, StoredAnswer("ответ"))
    Sessions(database, BOT).record_answer(own_chat.session)
    assert [turn.question for turn in list_turns(ctx, own_chat)] == ["второй"]


def test_unused_sessions_are_not_listed(ctx, chat):
    chat()
    assert app_sessions.list_recent(ctx, STUDENT, 10) == []


def test_concurrent_api_processes_start_separate_course_conversations(ctx, run_at_once):
    def begin(number, database):
        own_ctx = replace(ctx, db=database, bot_id=0)
        place = ChatPlace(ANNA, ANNA, 7, "algorithms")
        question = ask.ChatQuestion(
            User(ANNA), "ru", number + 1, place, "Что такое граф?", session_id=0
        )
        asker = ask.find_asker(own_ctx, question)
        # Nobody refuses it without limits.
        return database.transact(partial(ask.begin, own_ctx, asker, question, None))

    conversations = run_at_once(begin, 4)
    assert len({each.turn.turn_id for each in conversations}) == 4
