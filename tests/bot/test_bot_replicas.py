"""Webhook mode whole: what Telegram pushes to the api is answered once by one of two bots."""

from __future__ import annotations

from functools import partial

import pytest
from bot_world import rows, states
from replica_world import Replicas

pytestmark = pytest.mark.integration


@pytest.fixture
def replicas_of(tmp_path, telegram, provider, postgresql):
    """Return what makes the replicas on one PostgreSQL."""
    return partial(Replicas, tmp_path, telegram, provider, postgresql.emptied())


def ended(replicas, count, within_s=90):
    replicas.telegram.wait_for(
        lambda: (
            "waiting" not in (found := states(replicas.settings)) and sum(found.values()) == count
        ),
        within_s,
    )


def whole(telegram, who):
    """Return the answers of a chat without placeholders that a killed bot left."""
    return [one.text for one in telegram.answers(who) if one.text != "…"]


def test_each_question_is_answered_once_and_in_order_though_a_bot_is_killed(
    replicas_of, telegram, provider
):
    people = range(2001, 2017)
    provider.behave(think_s=0.4)
    with replicas_of() as replicas:
        forged = {"update_id": 1, "message": {"chat": {"id": 1}, "text": "чужое"}}
        assert replicas.push(forged, secret="no-secret") == 401

        replicas.give(replicas.first, people[:8])
        replicas.give(replicas.second, people[8:])
        for number in range(2):
            for person in people:
                telegram.say(person, f"вопрос {person}-{number}")
        telegram.wait_for(lambda: all(telegram.answers(person) for person in people))
        replicas.first.kill()
        ended(replicas, 2 * len(people))
    for person in people:
        said = whole(telegram, person)
        assert [f"«вопрос {person}-{n}»" in text for n, text in enumerate(said)] == [True, True]
    assert states(replicas.settings) == {"answered": 32}


def test_a_stop_and_what_is_said_meanwhile_reach_the_bot_that_writes(
    replicas_of, telegram, provider
):
    people = (2001, 2002, 2003, 2004)
    provider.behave(fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.1)
    with replicas_of() as replicas:
        replicas.give(replicas.first, people[:2])
        replicas.give(replicas.second, people[2:])
        for person in people:
            telegram.say(person, "Расскажи")
        for person in people:
            telegram.wait_for(lambda person=person: "слово3" in str(whole(telegram, person)))
        provider.behave(piece_s=3600.0)
        for person in people:
            telegram.say(person, "/help")
            telegram.press(person, telegram.answers(person)[0].keys[0][0]["callback_data"])
        ended(replicas, 3 * len(people))
    for person in people:
        story, help_ = whole(telegram, person)
        assert "слово399" not in story
        assert "/sessions" in help_
    reached = [call.arguments["text"] for call in telegram.calls("answerCallbackQuery")]
    assert len(reached) == 4
    assert set(rows(replicas.settings, "SELECT state, reason FROM updates")) == {("answered", "")}


def test_two_bots_never_answer_more_than_the_plan_allows(replicas_of, telegram, provider):
    plans = {"free": {"title": {"ru": "Даром", "en": "Free"}, "text": {"day": 3}}}
    provider.behave(think_s=0.3)
    with replicas_of(plans=plans) as replicas:
        chats = range(2001, 2013)
        for chat in chats:
            telegram.say(chat, "/help")
        ended(replicas, len(chats))
        # The same person in many chats at once, so that both bots reserve for one plan.
        replicas.give(replicas.first, chats[::2])
        replicas.give(replicas.second, chats[1::2])
        for chat in chats:
            assert replicas.push(question(chat)) == 200
        ended(replicas, 2 * len(chats))
    assert len(provider.calls("chat.create")) == 3
    assert rows(replicas.settings, "SELECT state FROM quota_use") == [("charged",)] * 3


def question(chat_id):
    sender = {"id": 1001, "is_bot": False, "first_name": "anna", "language_code": "ru"}
    return {
        "update_id": 900_000_000 + chat_id,
        "message": {
            "message_id": 50,
            "date": 1_790_000_000,
            "from": sender,
            "chat": {"id": chat_id, "type": "private"},
            "text": "Вопрос",
        },
    }
