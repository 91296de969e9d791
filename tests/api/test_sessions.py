"""A user's own sessions: paginated, deleted, hidden from others."""

import re

import pytest

from tests.api.chat_api import BOT, Conversation
from tests.api.running_api import ANNA

pytestmark = pytest.mark.functional


@pytest.fixture
def site(erased_site):
    return erased_site


SESSIONS = "/api/user/sessions"


@pytest.fixture
def anna(site):
    site.add_user(ANNA)
    with site.key_client(ANNA) as program:
        yield program


def next_path(answer):
    """Return the path of the next page, None at the end."""
    match = re.search(r'<([^>]*)>; rel="next"', answer.headers["link"])
    return match and match[1]


def test_session_shows_its_usage_and_cost(site, anna):
    talk = Conversation(site)
    talk.add_turn(1)
    talk.add_turn(2)
    (body,) = anna.get(SESSIONS).json()["sessions"]
    assert (body["title"], body["turns"], body["dataset"]) == ("Что такое граф?", 2, None)
    assert body["usage"] == {"input_tokens": 20, "output_tokens": 10, "cached_tokens": 0}
    assert body["costs"] == [{"micro": 14, "currency": "USD"}]


def test_sessions_of_all_bots_are_paginated_newest_first(site, anna):
    for number in range(5):
        Conversation(site, bot=BOT + number).add_turn(1, f"вопрос {number}")
    titles, path = [], f"{SESSIONS}?limit=2"
    while path:
        part = anna.get(path)
        titles += [session["title"] for session in part.json()["sessions"]]
        path = next_path(part)
    assert titles == [f"вопрос {number}" for number in (4, 3, 2, 1, 0)]


def test_turns_are_paginated_oldest_first(site, anna):
    talk = Conversation(site)
    for number in range(3):
        talk.add_turn(number + 1, f"вопрос {number}", f"ответ {number}")
    first = anna.get(f"{SESSIONS}/{talk.session_id}/turns?limit=2")
    rest = anna.get(next_path(first))
    turns = [*first.json()["turns"], *rest.json()["turns"]]
    assert [(turn["question"], turn["answer"]) for turn in turns] == [
        (f"вопрос {number}", f"ответ {number}") for number in range(3)
    ]
    assert next_path(rest) is None
    assert turns[0]["model"] == "stand-in-base"
    assert turns[0]["cost"] == {"micro": 7, "currency": "USD"}
    assert turns[0]["rating"] is None


def test_deleted_session_is_gone_with_its_texts(site, anna):
    talk = Conversation(site)
    turn_id = talk.add_turn(1)
    path = f"{SESSIONS}/{talk.session_id}"
    assert anna.delete(path).status_code == 204
    assert anna.get(f"{path}/turns").status_code == 404
    assert anna.delete(path).status_code == 404
    assert anna.post(f"/api/user/turns/{turn_id}/rating", json={"value": "up"}).status_code == 404
    assert site.database.sql("SELECT * FROM turn") == []
