"""A person's own talks over all bots: read by them alone, told with what they took, deleted."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from merlin.account.users import User
from merlin.app import course_chat, sessions
from merlin.app.actor import Actor
from merlin.app.ask import ChatQuestion
from merlin.app.context import Context
from merlin.app.retention import OldRows
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import SUMMARY, UNDO, ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.config.settings import Retention
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.messages import Usage
from merlin.core.money import Cost
from merlin.core.permissions import Authority
from merlin.db.database import open_database
from tests.db.pipeline_rows import BOT
from tests.support.config import config_of

pytestmark = pytest.mark.integration

ANNA, BORIS, GROUP = 1001, 1002, -5005
OTHER_BOT = BOT + 1


class Person:
    """Acts of one person."""

    def __init__(self, database, clock, user_id):
        self._by = (
            Context(config=config_of(), db=database, clock=clock),
            Actor.person(user_id, Authority()),
        )

    def __getattr__(self, name):
        return partial(getattr(sessions, name), *self._by)


@pytest.fixture
def anna(database, clock):
    return Person(database, clock, ANNA)


@pytest.fixture
def boris(database, clock):
    return Person(database, clock, BORIS)


class Chat:
    """One bot's chat with one person, or in a group."""

    def __init__(self, database, clock, bot=BOT, user=ANNA, chat=None):
        self._sessions = Sessions(database, bot, clock)
        self._turns = Turns(database, bot, clock)
        self._clock = clock
        self.place = ChatPlace(chat or user, user)
        self.session = self._sessions.open(self.place)

    def ask(self, update_id, words="вопрос", answer="ответ", **more):
        """Ask and answer; return the turn's number."""
        self._clock.move(60)
        question = Question(self.session.session_id, update_id, self.place.user_id, words, **more)
        turn = self._turns.ask(question, None)
        told = StoredAnswer(
            answer, model_id="ft:1", usage=Usage(10, 5), cost_micro=7, currency="USD"
        )
        self._turns.write(update_id, told)
        self._sessions.touch(self.session.session_id, f"о чём: {words}")
        return turn.turn_id

    def delete(self):
        return self._sessions.delete(self.place, self.session.session_id)


@pytest.fixture
def chat(database, clock):
    def of(**more):
        return Chat(database, clock, **more)

    return of


def test_sessions_of_all_bots_are_told_newest_first(anna, chat):
    first, second = chat(), chat(bot=OTHER_BOT)
    first.ask(1, "раз")
    second.ask(1, "два")
    found = anna.recent(10)
    assert [each.title for each in found] == ["о чём: два", "о чём: раз"]
    assert found[0].id == second.session.session_id


def test_a_session_is_told_with_what_it_took(anna, chat):
    mine = chat()
    mine.ask(1)
    mine.ask(2)
    (told,) = anna.recent(10)
    assert (told.turns, told.usage, told.costs) == (2, Usage(20, 10), (Cost(14, "USD"),))


def test_lists_go_on_after_the_last_one(anna, chat):
    for number in range(5):
        chat(bot=BOT + number).ask(number + 1)
    whole = anna.recent(10)
    first = anna.recent(2)
    last = first[-1]
    rest = anna.recent(10, (iso(last.touched_at), last.id))
    assert [*first, *rest] == list(whole)
    assert len(whole) == 5


def test_nobody_reads_or_deletes_what_is_not_theirs(anna, boris, chat):
    mine = chat()
    turn_id = mine.ask(1)
    session_id = mine.session.session_id
    assert boris.recent(10) == []
    for act, number in (
        (boris.get, session_id),
        (boris.turns, session_id),
        (boris.get_turn, turn_id),
        (boris.delete, session_id),
    ):
        with pytest.raises(NotFound):
            act(number)
    assert anna.get_turn(turn_id).answer == "ответ"


def test_a_groups_talk_is_no_ones_own_but_its_turns_are_who_asked(anna, chat):
    there = chat(chat=GROUP)
    turn_id = there.ask(1)
    assert anna.recent(10) == []
    for act in (anna.get, anna.turns, anna.delete):
        with pytest.raises(NotFound):
            act(there.session.session_id)
    assert anna.get_turn(turn_id).is_private is False


def test_turns_are_told_oldest_first_without_what_was_asked_anew(anna, chat):
    mine = chat()
    mine.ask(1, "первый", message_id=7)
    mine.ask(2, "первый, иначе", message_id=7)
    mine.ask(3, "второй")
    mine.ask(4, "итог", format=SUMMARY)
    found = anna.turns(mine.session.session_id, 10)
    assert [turn.question for turn in found] == ["первый, иначе", "второй"]
    assert found[0].cost == Cost(7, "USD")
    assert anna.turns(mine.session.session_id, 10, found[0].id) == [found[1]]


def test_a_turn_is_told_with_what_its_asker_thinks_of_it(anna, chat, database):
    turn_id = chat().ask(1)
    ratings = Ratings(database, 0)
    ratings.rate(turn_id, BORIS, Rating.DOWN)
    assert anna.get_turn(turn_id).rating is None
    ratings.rate(turn_id, ANNA, Rating.UP)
    assert anna.get_turn(turn_id).rating is Rating.UP


def test_a_deleted_session_takes_its_turns_and_ratings_along_in_a_while(
    anna, chat, database, clock
):
    mine, other = chat(), chat(bot=OTHER_BOT)
    turn_id, kept = mine.ask(1), other.ask(1)
    for each in (turn_id, kept):
        Ratings(database, 0).rate(each, ANNA, Rating.UP)
    with database.atomic():
        anna.delete(mine.session.session_id)
    for act, number in ((anna.delete, mine.session.session_id), (anna.get_turn, turn_id)):
        with pytest.raises(NotFound):
            act(number)
    old = OldRows(database, Retention(), clock=clock)
    clock.move(UNDO.total_seconds())
    assert not old.sweep()
    anna.restore(mine.session.session_id)
    assert anna.get_turn(turn_id).rating is Rating.UP
    assert mine.delete()
    assert not mine.delete()
    clock.move(UNDO.total_seconds() + 1)
    while old.sweep(batch_size=1):
        pass
    assert database.sql("SELECT turn_id FROM rating") == [(kept,)]
    assert [each.id for each in anna.recent(10)] == [other.session.session_id]
    with pytest.raises(NotFound):
        anna.restore(mine.session.session_id)


def test_what_a_person_has_spent_since_a_moment(anna, chat, clock):
    mine = chat()
    mine.ask(1)
    since = clock()
    mine.ask(2)
    chat(bot=OTHER_BOT).ask(3)
    chat(user=BORIS).ask(4)
    clock.move(1)
    told = anna.spent_since(since)
    assert told.questions == 3
    assert anna.spent_since(clock()).costs == ()


def test_sessions_that_were_never_used_are_not_told(anna, chat):
    chat()
    assert anna.recent(10) == []


def test_two_apis_that_begin_talks_of_a_course_at_once_begin_each(url, cipher, clock):
    begun, gate = [], threading.Barrier(4)

    def begin(number):
        with open_database(url, cipher=cipher) as database:
            ctx = Context(config=config_of(), db=database, clock=clock)
            place = ChatPlace(ANNA, ANNA, 7, "algorithms")
            question = ChatQuestion(User(ANNA), "ru", number, place, "Что такое граф?")
            gate.wait()
            begun.append(database.transact(partial(course_chat.open_turn, ctx, question, 0)))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({turn.turn_id for _, turn in begun}) == 4
