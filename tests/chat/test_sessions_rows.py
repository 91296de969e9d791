"""The sessions of a chat as rows: used, reopened, changed, deleted."""

from dataclasses import replace

import pytest

from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer
from merlin.db.tables import SESSION

pytestmark = pytest.mark.integration

HOME = ChatPlace(5, 5)
ELSEWHERE = ChatPlace(6, 6)


def test_used_sessions_are_listed_newest_first_and_reopened(sessions, clock):
    first = sessions.open(HOME)
    assert sessions.count(HOME) == 0
    for title in ("Лоб", "Виски"):
        sessions.touch(first.session_id, title)
    clock.move(1)
    second = sessions.renew(HOME)
    answered = replace(second, title="Виски", used_tokens=7, is_warned=True)
    sessions.record_answer(answered)
    listed = sessions.list_used(HOME, 0, 9)
    assert [each.title for each in listed] == ["Виски", "Лоб"]
    assert listed[0] == replace(answered, last_used_at=clock())
    assert sessions.list_used(HOME, 1, 9) == listed[1:]
    assert sessions.count(HOME) == 2
    assert sessions.switch(ELSEWHERE, first.session_id) is None
    reopened = sessions.switch(HOME, first.session_id)
    assert reopened.title == "Лоб"
    assert sessions.find_open(HOME) == reopened


def test_deleted_session_leaves_no_turn_and_no_text(sessions, turns, database):
    session_id = sessions.open(HOME).session_id
    sessions.touch(session_id, "Лоб")
    turns.ask(Question(session_id, 1, 5, "вопрос"), None)
    turns.write(1, StoredAnswer("ответ"))
    sessions.delete(ELSEWHERE, session_id)
    assert turns.find(1) is not None
    sessions.delete(HOME, session_id)
    assert turns.find(1) is None
    assert sessions.find(HOME, session_id) is None
    assert database.sql("SELECT title FROM chat_session") == [("",)]


def test_changed_session_keeps_the_texts_of_a_lost_key(sessions, database):
    session = replace(sessions.open(HOME), preset="own", system="Кратко.")
    sessions.change(session)
    assert sessions.find_open(HOME) == session
    database.update(SESSION, SESSION.system != "", system="1.lost.text")
    sessions.change(replace(sessions.find_open(HOME), dataset="physics"))
    columns = "dataset, preset = '', system"
    rows = database.sql(f"SELECT {columns} FROM chat_session")  # noqa: S608 - our own
    assert rows == [("physics", 0, "1.lost.text")]
