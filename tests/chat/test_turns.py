"""Inbox, outbox, sessions and turns, on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from merlin.app.inbox import LEASE_S, Inbox, Update, read_owner
from merlin.app.outbox import (
    MAX_TRANSIT,
    Outbox,
    OutgoingMessage,
    OutgoingState,
    WaitingRequest,
    WaitingRequests,
)
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import (
    Question,
    StoredAnswer,
    UpdateState,
    answering_model,
    find_first_answer_time,
)
from merlin.core.formatted_text import FormattedMessage
from merlin.core.messages import Usage
from merlin.core.money import Cost
from merlin.db.processes import read_change_counter
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.db.tables import TURN
from tests.db.pipeline_rows import BOT
from tests.support.migrated_databases import on_both_databases
from tests.support.serving_models import AT, insert_live_model

pytestmark = pytest.mark.integration

ME = read_owner()
# Processes of another host cannot be checked for being alive.
OTHER = replace(ME, host="elsewhere")
ANOTHER = replace(ME, pid=1, started=1)
DEAD = replace(ME, pid=2**22 - 1, started=1)


def make_updates(chat_id, *numbers, text="вопрос"):
    return [
        Update(
            number,
            "message",
            chat_id,
            chat_id,
            "ru",
            {"update_id": number, "text": text},
        )
        for number in numbers
    ]


def ids(updates_):
    return [update.update_id for update in updates_]


def test_update_is_stored_and_handed_out_once(inbox):
    batch = make_updates(5, 1, 2)
    assert inbox.store(batch, ME) == batch
    assert inbox.store(batch, ME) == []
    assert inbox.claim(ME, 10) == []
    assert inbox.count_unfinished() == 2


def test_bodies_are_encrypted_and_deleted_at_the_end(inbox, database):
    inbox.store(make_updates(5, 1, text="тайна"), ME)
    ((body,),) = database.sql("SELECT body FROM telegram_update")
    assert "тайна" not in body
    inbox.finish(ME, 5, [1], UpdateState.REFUSED, "why")
    rows = database.sql("SELECT body, state, reason FROM telegram_update")
    assert rows == [("", "refused", "why")]


def test_final_state_is_not_overwritten(inbox, database):
    inbox.store(make_updates(5, 1), ME)
    inbox.finish(ME, 5, [1], UpdateState.ANSWERED)
    inbox.finish(ME, 5, [1], UpdateState.FAILED, "late")
    assert database.sql("SELECT state, reason FROM telegram_update") == [
        ("answered", "")
    ]


def test_webhook_update_wakes_the_bots_and_can_be_claimed(inbox, database):
    wake = partial(read_change_counter, database)
    before = wake()
    assert inbox.store(make_updates(5, 1, 2), None) == []
    assert wake() > before
    assert ids(inbox.claim(ME, 10)) == [1, 2]


def test_chat_is_held_until_no_update_waits(inbox):
    inbox.store(make_updates(5, 1, 2), ME)
    inbox.store(make_updates(5, 3), None)
    assert inbox.claim(OTHER, 10) == []
    inbox.finish(ME, 5, [1, 2], UpdateState.ANSWERED)
    assert inbox.claim(OTHER, 10) == []
    inbox.finish(ME, 5, [3], UpdateState.ANSWERED)
    inbox.store(make_updates(5, 4), None)
    assert ids(inbox.claim(OTHER, 10)) == [4]


@on_both_databases
def test_updates_stored_by_others_reach_the_holder_of_the_chat_once_and_in_order(inbox):
    inbox.store(make_updates(5, 1), ME)
    inbox.store([*make_updates(5, 4), *make_updates(6, 9)], None)
    inbox.store(make_updates(5, 3), OTHER)
    assert ids(inbox.list_arrived(ME, {1}, 10)) == [3, 4]
    assert ids(inbox.list_arrived(ME, {1}, 1)) == [3]
    assert inbox.list_arrived(ME, {1, 3, 4}, 10) == []
    assert inbox.list_arrived(OTHER, set(), 10) == []
    inbox.finish(ME, 5, [1, 3, 4], UpdateState.ANSWERED)
    assert inbox.list_arrived(ME, set(), 10) == []


def test_lease_expires_unless_renewed(inbox, clock):
    inbox.store(make_updates(5, 1), OTHER)
    clock.move(LEASE_S - 1)
    assert inbox.claim(ME, 10) == []
    inbox.renew(OTHER)
    clock.move(LEASE_S - 1)
    assert inbox.claim(ME, 10) == []
    clock.move(2)
    assert ids(inbox.claim(ME, 10)) == [1]


@on_both_databases
def test_lease_of_a_dead_local_process_is_void_at_once(inbox):
    inbox.store(make_updates(5, 1), DEAD)
    assert ids(inbox.claim(ME, 10)) == [1]
    assert inbox.claim(OTHER, 10) == []


def test_new_update_takes_over_an_idle_chat_of_a_dead_process(inbox):
    inbox.store(make_updates(5, 1), DEAD)
    inbox.finish(OTHER, 5, [1], UpdateState.ANSWERED)
    assert ids(inbox.store(make_updates(5, 2), ME)) == [2]


def test_new_update_of_an_idle_chat_is_left_to_the_living_process_that_holds_it(inbox):
    inbox.store(make_updates(5, 1), ME)
    inbox.finish(ANOTHER, 5, [1], UpdateState.ANSWERED)
    assert inbox.store(make_updates(5, 2), ANOTHER) == []
    assert ids(inbox.list_arrived(ME, {1}, 10)) == [2]


def test_older_waiting_updates_of_a_chat_come_first(inbox):
    inbox.store(make_updates(5, 1, 2), DEAD)
    assert inbox.store(make_updates(5, 3), ME) == []
    assert ids(inbox.claim(ME, 10)) == [1, 2, 3]


def test_stopped_bot_releases_every_chat(inbox):
    inbox.store([*make_updates(5, 1), *make_updates(6, 2)], ME)
    inbox.release(ME)
    assert ids(inbox.claim(OTHER, 10)) == [1, 2]


def test_each_bot_has_its_own_updates_and_chats(inbox, database, clock):
    """Two bots of one database give equal numbers to updates and chats."""
    others = Inbox(database, BOT + 1, clock)
    inbox.store([*make_updates(5, 1), *make_updates(6, 2)], ME)
    others.store(make_updates(5, 1, 3), None)
    assert (others.list_arrived(ME, set(), 10), ids(others.claim(OTHER, 10))) == (
        [],
        [1, 3],
    )
    clock.move(LEASE_S - 1)
    inbox.renew(OTHER)
    others.renew(ME)
    clock.move(2)
    assert ids(inbox.claim(DEAD, 10)) == [1, 2], "its lease was not renewed"
    inbox.finish(DEAD, 5, [1], UpdateState.ANSWERED)
    assert (inbox.count_unfinished(), others.count_unfinished()) == (1, 2)
    inbox.store(make_updates(5, 4), None)
    assert ids(inbox.claim(OTHER, 10)) == [4], "the other chat is still held"
    assert ids(inbox.list_arrived(DEAD, set(), 10)) == [2]


BACK_S = pytest.mark.parametrize("back_s", [3600, 3 * 3600, 86_400])


@BACK_S
def test_lease_of_another_host_ends_although_the_clock_was_set_back(
    inbox, clock, back_s
):
    inbox.store(make_updates(5, 1), OTHER)
    assert inbox.claim(ME, 10) == []
    clock.move(-back_s)
    assert ids(inbox.claim(ME, 10)) == [1]
    assert inbox.claim(OTHER, 10) == [], "it is held as usual"


def test_late_finish_does_not_release_a_chat_held_by_another(inbox, clock):
    inbox.store(make_updates(5, 1), OTHER)
    clock.move(LEASE_S + 1)
    inbox.claim(ME, 10)
    inbox.finish(OTHER, 5, [1], UpdateState.ANSWERED)
    inbox.store(make_updates(5, 2), None)
    assert inbox.claim(OTHER, 10) == []


def make_messages(*keys, chat_id=5, update_id=1):
    return [
        OutgoingMessage(key, chat_id, FormattedMessage(f"текст {key}"), update_id)
        for key in keys
    ]


def test_message_is_stored_once_and_encrypted(outbox, database):
    first = outbox.put(make_messages("a", "b"))
    second = outbox.put([OutgoingMessage("a", 5, FormattedMessage("другой"), 1)])
    assert [row.message.page.text for row in first] == ["текст a", "текст b"]
    assert second == first[:1]
    assert all(
        "текст" not in body for (body,) in database.sql("SELECT body FROM outgoing")
    )
    assert outbox.put([]) == []


def test_message_is_claimed_once_and_its_text_deleted_when_sent(outbox, database):
    (row,) = outbox.put(make_messages("a"))
    assert outbox.begin(row.outgoing_id, ME)
    assert not outbox.begin(row.outgoing_id, OTHER)
    outbox.settle(row.outgoing_id, OutgoingState.SENT, 77)
    (message,) = outbox.list_of_update(1)
    assert (message.state, message.tries, message.message_id) == (
        OutgoingState.SENT,
        1,
        77,
    )
    assert message.is_over
    assert database.sql("SELECT body FROM outgoing") == [("",)]


def test_message_unconfirmed_twice_is_settled_and_its_text_deleted(outbox, database):
    rows = outbox.put([*make_messages("a"), *make_messages("notice", update_id=None)])
    for _ in range(2):  # the process is killed twice while sending
        for row in rows:
            assert outbox.begin(row.outgoing_id, DEAD)
        outbox.list_of_update(1)
        again = outbox.list_unprompted(ME, 10)
    assert again == []
    assert database.sql("SELECT state, body FROM outgoing") == [("unknown", "")] * 2
    for key in ("c", "d"):
        (row,) = outbox.put(make_messages(key))
        for _ in range(2):  # the connection breaks while sending
            text = database.sql("SELECT body FROM outgoing WHERE key = ?", key)
            assert text != [("",)]
            assert outbox.begin(row.outgoing_id, ME)
            outbox.settle(row.outgoing_id, OutgoingState.UNKNOWN)
        assert not outbox.begin(row.outgoing_id, ME)
    assert all(row.is_over for row in outbox.list_of_update(1))
    assert database.sql(
        "SELECT COUNT(*) FROM outgoing WHERE body = '' AND settled_at <> ''"
    ) == [(4,)]


def test_message_being_sent_by_a_previous_owner_is_unconfirmed(outbox):
    first, _second = outbox.put(make_messages("a", "b"))
    outbox.begin(first.outgoing_id, DEAD)
    states = outbox.list_of_update(1)
    assert [row.state for row in states] == [
        OutgoingState.UNKNOWN,
        OutgoingState.PENDING,
    ]


def test_unprompted_messages_exclude_those_sent_by_live_processes(outbox):
    outbox.put(make_messages("answer"))
    rows = outbox.put(make_messages("notice", "mine", "theirs", "left", update_id=None))
    for row, owner in zip(rows[1:], (ME, OTHER, DEAD), strict=True):
        outbox.begin(row.outgoing_id, owner)
    loose = outbox.list_unprompted(ME, 10)
    assert [row.message.key for row in loose] == ["notice", "left"]
    assert [row.state for row in loose] == [
        OutgoingState.PENDING,
        OutgoingState.UNKNOWN,
    ]
    assert len(outbox.list_unprompted(ME, 1)) == 1


@pytest.mark.parametrize("state", [RequestState.DONE, RequestState.FAILED])
def test_result_of_a_request_waits_for_the_answer_to_its_press(
    outbox, database, clock, state
):
    """It edits the message that this answer shows."""
    waiting = WaitingRequests(database, BOT, clock)
    requests = Requests(database, clock)
    request_id = requests.ask(RequestKind.CANCEL, {"job": 1}, "user:5")
    waiting.add(
        WaitingRequest(request_id, chat_id=5, message_id=9, update_id=1, back="")
    )
    (press,) = outbox.put(make_messages("press"))
    outbox.put(make_messages("other", update_id=2))
    Outbox(database, BOT + 1, clock).put(make_messages("of another bot"))
    requests.claim([RequestKind.CANCEL])
    outbox.begin(press.outgoing_id, ME)
    outbox.settle(press.outgoing_id, OutgoingState.SENT, 9)
    assert waiting.list_finished() == [], "the request is at work"
    requests.finish(request_id, state, {})
    (again,) = outbox.put(make_messages("second part"))
    assert waiting.list_finished() == [], "pending"
    outbox.begin(again.outgoing_id, ME)
    assert waiting.list_finished() == [], "sending"
    outbox.settle(again.outgoing_id, OutgoingState.UNKNOWN)
    assert [each.request_id for each, _ in waiting.list_finished()] == [request_id]
    assert WaitingRequests(database, BOT + 1, clock).list_finished() == []


def test_waiting_messages_of_a_chat_are_dropped(outbox):
    outbox.put(make_messages("a", "b"))
    outbox.put(make_messages("c", chat_id=6, update_id=2))
    (sent,) = outbox.put(make_messages("sent", update_id=3))
    outbox.begin(sent.outgoing_id, ME)
    outbox.settle(sent.outgoing_id, OutgoingState.SENT, 77)
    assert Outbox(outbox.db, BOT + 1).drop(5) == 0
    assert outbox.drop(5) == 2
    assert {row.state for row in outbox.list_of_update(1)} == {OutgoingState.DROPPED}
    assert outbox.list_of_update(2)[0].state is OutgoingState.PENDING


def test_message_is_settled_by_its_own_bot_while_it_is_sent(outbox, database, clock):
    first, second = outbox.put(make_messages("a", "b", update_id=None))
    others = Outbox(database, BOT + 1, clock)
    outbox.settle(
        first.outgoing_id, OutgoingState.SENT, 77
    )  # of no effect: it was not being sent
    begun = [(others, ME), (outbox, ME), (outbox, ME)]
    assert [rows.begin(first.outgoing_id, who) for rows, who in begun] == [
        False,
        True,
        False,
    ]
    others.settle(first.outgoing_id, OutgoingState.SENT, 77)
    others.put_back(first)
    assert [row.outgoing_id for row in outbox.list_unprompted(ME, 10)] == [
        second.outgoing_id
    ]
    outbox.put_back(first)
    assert [row.tries for row in outbox.list_unprompted(ME, 10)] == [0, 0]
    assert others.list_unprompted(ME, 10) == outbox.list_unprompted(ME, 10, [5]) == []
    outbox.begin(second.outgoing_id, ME)
    outbox.settle(second.outgoing_id, OutgoingState.DROPPED)
    outbox.put_back(second)
    assert [row.message.key for row in outbox.list_unprompted(ME, 10)] == ["a"]


def test_message_of_another_host_is_in_doubt_once_it_takes_too_long(outbox, clock):
    (row,) = outbox.put(make_messages("a", update_id=None))
    outbox.begin(row.outgoing_id, OTHER)
    clock.move(MAX_TRANSIT.total_seconds() - 1)
    assert outbox.list_unprompted(ME, 10) == []
    clock.move(2)
    assert outbox.list_unprompted(ME, 10)[0].state is OutgoingState.UNKNOWN


@BACK_S
def test_message_of_another_host_is_in_doubt_once_the_clock_was_set_back(
    outbox, clock, back_s
):
    (row,) = outbox.put(make_messages("a", update_id=None))
    outbox.begin(row.outgoing_id, OTHER)
    clock.move(-back_s)
    assert outbox.list_unprompted(ME, 10)[0].state is OutgoingState.UNKNOWN


def test_chat_waits_at_the_message_that_shows_the_request(database, clock):
    waiting, others = (WaitingRequests(database, bot, clock) for bot in (BOT, BOT + 1))
    waiting.add(WaitingRequest(1, chat_id=5, message_id=9, update_id=1, back=""))
    places = [(waiting, 5, 9), (waiting, 5, 8), (waiting, 6, 9), (others, 5, 9)]
    assert [rows.has_request(*place) for rows, *place in places] == [
        True,
        False,
        False,
        False,
    ]
    assert [waiting.forget(2), others.forget(1), waiting.forget(1)] == [
        False,
        False,
        True,
    ]


def test_chat_has_one_open_session(sessions):
    first = sessions.open(ChatPlace(5, 5))
    assert sessions.open(ChatPlace(5, 5)) == first
    assert sessions.open(ChatPlace(6, 6)) != first
    second = sessions.renew(ChatPlace(5, 5))
    assert second.session_id != first.session_id
    assert sessions.open(ChatPlace(5, 5)) == second


@pytest.fixture
def session_id(sessions):
    return sessions.open(ChatPlace(5, 5)).session_id


def test_turn_moves_from_asked_to_answered_and_delivered(turns, session_id):
    assert turns.find(1) is None
    turn_asked = turns.ask(Question(session_id, 1, 5, "вопрос"), 77)
    assert turns.find(1) == turn_asked
    assert turn_asked.written is None
    written = StoredAnswer(
        "ответ", "сноска", UpdateState.ANSWERED, "p", "m", Usage(3, 4)
    )
    turns.write(1, written)
    turns.write(1, StoredAnswer("другой"))
    assert turns.find(1).written == written
    assert answering_model(turns.db, 1) is None
    turns.mark_delivered(1)
    assert turns.find(1).written == written
    assert answering_model(turns.db, 1) == "m"


@pytest.mark.parametrize(
    ("placeholder_id", "ends", "shown_in"),
    [
        (None, [(OutgoingState.SENT, 81), (OutgoingState.SENT, 82)], 82),
        (None, [(OutgoingState.SENT, 81), (OutgoingState.DROPPED, None)], 81),
        (77, [(OutgoingState.SENT, 81)], 81),
        (77, [(OutgoingState.DROPPED, None)], 77),
        (77, [], 77),
    ],
)
def test_delivered_turn_names_its_last_message(
    turns, outbox, session_id, placeholder_id, ends, shown_in
):
    turns.ask(Question(session_id, 1, 5, "вопрос"), placeholder_id)
    turns.write(1, StoredAnswer("ответ"))
    outbox_rows = outbox.put(make_messages(*map(str, range(len(ends)))))
    others = outbox.put(make_messages("other", update_id=2))
    ends = [*ends, (OutgoingState.SENT, 99)]
    for row, end in zip([*outbox_rows, *others], ends, strict=True):
        outbox.begin(row.outgoing_id, ME)
        outbox.settle(row.outgoing_id, *end)
    turns.mark_delivered(1)
    assert turns.find(1).placeholder_id == shown_in


def test_turn_is_found_by_its_number_and_by_who_asked_it(turns, session_id):
    turn = turns.ask(Question(session_id, 1, 5, "вопрос"), None)
    assert turns.get(turn.turn_id) == turns.get_own(turn.turn_id, 5) == turn
    assert turns.get_own(turn.turn_id, 6) is None
    assert turns.get(turn.turn_id + 1) is None
    turns.ask(Question(session_id, 2, 6, "вопрос"), None)
    assert turns.askers(session_id) == {5, 6}


def test_first_answer_is_dated_also_of_newer_models_alone(turns, session_id, clock):
    insert_live_model(turns.db, "ft:face")
    turns.ask(Question(session_id, 1, 5, "вопрос"), None)
    assert find_first_answer_time(turns.db) is None
    turns.write(1, StoredAnswer("ответ", model_id="ft:face"))
    assert find_first_answer_time(turns.db) == clock()
    before = AT - timedelta(seconds=1)
    assert find_first_answer_time(turns.db, newer_than=before) == clock()
    assert find_first_answer_time(turns.db, newer_than=AT) is None


def test_answer_of_a_lost_key_is_as_if_not_written(turns, session_id):
    turns.ask(Question(session_id, 1, 5, "вопрос"), None)
    turns.write(1, StoredAnswer("ответ"))
    turns.db.update(TURN, TURN.update_id == 1, answer="1.lost.text")
    assert turns.find(1).written is None


def test_question_with_document_text_replaces_the_caption(turns, session_id):
    turns.ask(Question(session_id, 1, 5, "подпись", 30, "document"), 78)
    question = Question(session_id, 1, 5, "подпись и документ", 30, "document")
    assert turns.ask(question, 78).question == question
    assert turns.find(1).question == question


def test_message_id_leads_to_the_newest_turn_of_its_author_in_its_chat(
    turns, session_id
):
    for number in (1, 2):
        turns.ask(Question(session_id, number, 5, f"в{number}", 30), None)
    assert turns.of_message(ChatPlace(5, 5), 30).question.text == "в2"
    assert turns.of_message(ChatPlace(5, 5), 31) is None
    assert turns.of_message(ChatPlace(5, 6), 30) is None
    assert turns.of_message(ChatPlace(6, 5), 30) is None


def test_history_contains_only_answered_turns_in_order(turns, session_id):
    for number in range(1, 5):
        turns.ask(Question(session_id, number, 5, f"в{number}"), None)
    for number in (1, 2, 4):
        turns.write(number, StoredAnswer(f"о{number}"))
    turns.write(3, StoredAnswer("", "слова", UpdateState.FAILED))
    messages = [
        (message.role, message.content) for message in turns.read_history(session_id, 2)
    ]
    assert messages == [
        ("user", "в2"),
        ("assistant", "о2"),
        ("user", "в4"),
        ("assistant", "о4"),
    ]


def test_turn_texts_are_encrypted(turns, session_id, database):
    turns.ask(Question(session_id, 1, 5, "тайна"), None)
    turns.write(1, StoredAnswer("ответ", "сноска"))
    for text in database.sql("SELECT question, answer, note FROM turn")[0]:
        assert text.startswith("1.k.")


@pytest.fixture
def three_sessions(sessions):
    """Open the sessions 1, 2 and 3 of a person."""
    for thread in (0, 7, 8):
        sessions.open(ChatPlace(1001, 1001, thread))


def store_turn(
    turns, number, micro=0, currency="", *, session=1, user=1001, tokens=0, **options
):
    """Store an answered question; return its turn."""
    turn = turns.ask(
        Question(session, number, user, f"вопрос {number}", number, **options), None
    )
    usage = Usage(tokens, tokens)
    turns.write(
        number,
        StoredAnswer(
            f"ответ {number}", usage=usage, cost_micro=micro, currency=currency
        ),
    )
    return turn


@pytest.mark.usefixtures("three_sessions")
def test_costs_are_summed_by_currency_per_session_and_day(turns, clock):
    since = clock()
    store_turn(turns, 1, 1500, "USD")
    store_turn(turns, 2, 500, "USD")
    store_turn(turns, 3, 90, "RUB")
    store_turn(turns, 4, 7, "USD", session=2)
    store_turn(turns, 5, 7, "USD", user=1002, session=3)
    store_turn(turns, 6)
    assert turns.session_costs(1) == [Cost(90, "RUB"), Cost(2000, "USD")]
    assert turns.costs_since(1001, since) == [Cost(90, "RUB"), Cost(2007, "USD")]
    assert turns.costs_since(1001, since + timedelta(days=1)) is None
    assert turns.session_costs(9) is None


@pytest.mark.usefixtures("three_sessions")
def test_newest_answered_turn_shows_its_usage(turns):
    assert turns.find_newest(1) is None
    store_turn(turns, 1, tokens=5)
    second = store_turn(turns, 2)
    turns.ask(Question(1, 3, 1001, "без ответа", 3), None)
    newest = turns.find_newest(1)
    assert (newest.turn_id, newest.written.usage) == (second.turn_id, Usage())
    assert turns.count(1) == 2
