"""One's own sessions: read in parts, deleted, and nobody else's business."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from merlin.account.api_keys import Scope
from merlin.app.retention import OldRows
from merlin.chat.sessions import UNDO
from merlin.config.settings import Retention
from merlin.core.clock import utc_now
from merlin.core.permissions import Role
from tests.api.chat_api import BOT, Talk, forgotten
from tests.api.running_api import ANNA, BORIS, VERA, running

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def site(shared):
    return forgotten(shared)


SESSIONS = "/api/user/sessions"


@pytest.fixture
def anna(site):
    site.person(ANNA)
    with site.program(ANNA) as program:
        yield program


def following(answer):
    """Return the path of the next part, None at the end."""
    found = re.search(r'<([^>]*)>; rel="next"', answer.headers["link"])
    return found and found[1]


def test_a_session_is_told_with_what_it_took(site, anna):
    talk = Talk(site)
    talk.ask(1)
    talk.ask(2)
    body = anna.get(f"{SESSIONS}/{talk.session_id}").json()
    assert (body["title"], body["turns"], body["dataset"]) == ("Что такое граф?", 2, None)
    assert body["usage"] == {"input_tokens": 20, "output_tokens": 10}
    assert body["costs"] == [{"micro": 14, "currency": "USD"}]
    assert anna.get(SESSIONS).json() == {"sessions": [body]}


def test_sessions_of_all_bots_come_in_parts(site, anna):
    for number in range(5):
        Talk(site, bot=BOT + number).ask(1, f"вопрос {number}")
    titles, path = [], f"{SESSIONS}?limit=2"
    while path:
        part = anna.get(path)
        titles += [session["title"] for session in part.json()["sessions"]]
        path = following(part)
    assert titles == [f"вопрос {number}" for number in (4, 3, 2, 1, 0)]


def test_turns_come_in_parts_oldest_first(site, anna):
    talk = Talk(site)
    for number in range(3):
        talk.ask(number + 1, f"вопрос {number}", f"ответ {number}")
    first = anna.get(f"{SESSIONS}/{talk.session_id}/turns?limit=2")
    rest = anna.get(following(first))
    told = [*first.json()["turns"], *rest.json()["turns"]]
    assert [(each["question"], each["answer"]) for each in told] == [
        (f"вопрос {number}", f"ответ {number}") for number in range(3)
    ]
    assert following(rest) is None
    assert told[0]["model"] == "stand-in-base"
    assert told[0]["cost"] == {"micro": 7, "currency": "USD"}
    assert told[0]["rating"] is None


@pytest.mark.parametrize("who", [BORIS, VERA])
def test_others_find_nothing_there_not_even_admins(site, anna, who):
    talk = Talk(site)
    talk.ask(1)
    site.person(who, Role.ADMIN if who == VERA else Role.STUDENT)
    path = f"{SESSIONS}/{talk.session_id}"
    with site.program(who) as other:
        answers = [other.get(path), other.get(f"{path}/turns"), other.delete(path)]
        assert other.get(SESSIONS).json() == {"sessions": []}
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert anna.get(path).status_code == 200


def test_a_groups_talk_is_shown_to_nobody(site, anna):
    talk = Talk(site, chat_id=-5005)
    talk.ask(1)
    assert anna.get(SESSIONS).json() == {"sessions": []}
    assert anna.get(f"{SESSIONS}/{talk.session_id}/turns").status_code == 404


def test_a_deleted_session_is_gone_and_its_words_after_the_undo(site, anna):
    talk = Talk(site)
    turn_id = talk.ask(1)
    path = f"{SESSIONS}/{talk.session_id}"
    assert anna.delete(path).status_code == 204
    assert anna.get(path).status_code == 404
    assert anna.delete(path).status_code == 404
    assert anna.get(f"/api/user/turns/{turn_id}/rating").status_code == 404
    later = utc_now() + UNDO + timedelta(seconds=1)
    while OldRows(site.database, Retention(), clock=lambda: later).sweep():
        pass
    assert site.database.sql("SELECT * FROM turn") == []


def test_scopes_of_keys_are_kept(site):
    site.person(ANNA)
    talk = Talk(site)
    talk.ask(1)
    path = f"{SESSIONS}/{talk.session_id}"
    with site.program(ANNA, Scope.CHAT_WRITE) as writer:
        assert writer.get(SESSIONS).status_code == 403
    with site.program(ANNA, Scope.ACCOUNT_READ) as reader:
        assert reader.get(path).status_code == 200
        assert reader.delete(path).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{SESSIONS}/0", 422),
        (f"{SESSIONS}/abc", 422),
        (f"{SESSIONS}/{2**70}", 422),
        (f"{SESSIONS}/{2**53 - 1}", 404),
        (f"{SESSIONS}?limit=0", 422),
        (f"{SESSIONS}?limit=101", 422),
        (f"{SESSIONS}?cursor=abc", 422),
        (f"{SESSIONS}?cursor=WzEsMl0", 422),
        (f"{SESSIONS}/1/turns?cursor=WyIwIl0", 422),
    ],
)
def test_what_no_session_can_be_is_refused(anna, path, status):
    assert anna.get(path).status_code == status


def test_a_text_that_no_key_opens_is_left_out(site, anna):
    talk = Talk(site)
    talk.ask(1)
    site.database.sql("UPDATE turn SET answer = 'v1.k0.broken'")
    (document,) = anna.get(f"{SESSIONS}/{talk.session_id}/turns").json()["turns"]
    assert (document["question"], document["answer"]) == ("Что такое граф?", "")
