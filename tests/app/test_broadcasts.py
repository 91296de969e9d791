"""Broadcasts and callbacks: each person gets a message once, in order, also after failures."""

from datetime import timedelta

import pytest

from merlin.account.users import User, Users
from merlin.app.broadcasts import EVERYBODY, Broadcasts, BroadcastState
from merlin.app.health import count_failures, list_queues
from merlin.app.inbox import read_owner
from merlin.app.outbox import OutgoingMessage, OutgoingState, WaitingRequest, WaitingRequests
from merlin.app.retention import delete_old_rows
from merlin.config.settings import Retention
from merlin.core.errors import Refused
from merlin.core.formatted_text import FormattedMessage
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import RequestKind, Requests, RequestState
from tests.db.pipeline_rows import BOT

pytestmark = pytest.mark.integration

VERA = 1003


@pytest.fixture
def users(database, clock):
    rows = Users(database, clock)
    rows.record_authors([User(number, "ru" if number % 2 else "en") for number in range(1, 11)])
    clock.move(1)
    return rows


@pytest.fixture
def broadcasts(database, clock, users):
    return Broadcasts(database, BOT, "ru", clock)


def start_broadcast(broadcasts, language=""):
    number = broadcasts.draft(VERA, "Здравствуйте")
    broadcasts.start(number, language)
    return number


def hand_over(broadcasts, outbox, number, limit):
    users = broadcasts.next(number, limit)
    cast = broadcasts.get(number)
    return outbox.put(
        [OutgoingMessage(f"{cast.prefix}{user}", user, FormattedMessage("x")) for user in users]
    )


def test_broadcast_text_is_encrypted_and_readable(broadcasts, database):
    number = broadcasts.draft(VERA, "Тайна")
    assert broadcasts.get(number).text == "Тайна"
    ((body,),) = database.sql("SELECT body FROM broadcast")
    assert "Тайна" not in body


def test_recipients_are_counted_by_language_without_unreachable_and_blocked_users(
    broadcasts, users
):
    users.mark_unreachable(1)
    users.block(2, "test")
    counts = {whom: broadcasts.count_recipients(whom) for whom in (EVERYBODY, "ru", "en", "de")}
    assert counts == {EVERYBODY: 8, "ru": 4, "en": 4, "de": 0}


def test_every_recipient_gets_one_message_in_order_one_batch_a_second(broadcasts, clock):
    number = start_broadcast(broadcasts)
    assert broadcasts.next(number, 4) == [1, 2, 3, 4]
    assert broadcasts.next(number, 4) == ()
    clock.move(1)
    assert broadcasts.next(number, 4) == [5, 6, 7, 8]
    assert not broadcasts.get(number).is_whole
    clock.move(1)
    assert broadcasts.next(number, 4) == [9, 10]
    assert broadcasts.get(number).is_whole


def test_users_who_join_after_the_start_are_excluded(broadcasts, users, clock):
    number = start_broadcast(broadcasts)
    clock.move(1)
    users.record_authors([User(11, "ru")])
    assert 11 not in broadcasts.next(number, 100)


def test_broadcast_starts_once_and_needs_at_least_one_recipient(broadcasts):
    number = start_broadcast(broadcasts)
    with pytest.raises(Refused, match="begun already"):
        broadcasts.start(number, "")
    with pytest.raises(Refused, match="nobody"):
        broadcasts.start(broadcasts.draft(VERA, "x"), "de")
    assert broadcasts.get(number).state is BroadcastState.RUNNING


def test_stopped_broadcast_withdraws_messages_not_yet_being_sent(broadcasts, outbox):
    number = start_broadcast(broadcasts)
    first, *_rest = hand_over(broadcasts, outbox, number, 4)
    outbox.begin(first.outgoing_id, read_owner())
    assert broadcasts.count_waiting() == 4
    assert broadcasts.stop(number)
    assert not broadcasts.stop(number)
    assert broadcasts.count_waiting() == 1
    assert broadcasts.next(number, 4) == ()
    assert broadcasts.count_deliveries(number) == {"waiting": 1}


def test_stopped_broadcast_is_continued_with_those_who_did_not_get_it(broadcasts, outbox, clock):
    """Messages are sent in any order: of four that were stored the second is sent."""
    number = start_broadcast(broadcasts)
    _, second, *_rest = hand_over(broadcasts, outbox, number, 4)
    outbox.begin(second.outgoing_id, read_owner())
    outbox.settle(second.outgoing_id, OutgoingState.SENT)
    assert not broadcasts.resume(number, "")
    assert broadcasts.stop(number)
    assert broadcasts.end(number)
    assert broadcasts.resume(number, "")
    assert [cast.broadcast_id for cast in broadcasts.open()] == [number]
    clock.move(1)
    # The outbox takes each key once, so that the second user gets no second message.
    messages = hand_over(broadcasts, outbox, number, 100)
    assert [(x.message.chat_id, x.state) for x in messages if x.message.chat_id < 4] == [
        (2, OutgoingState.SENT),
        (1, OutgoingState.PENDING),
        (3, OutgoingState.PENDING),
    ]
    assert broadcasts.count_deliveries(number) == {"sent": 1, "waiting": 9}
    assert broadcasts.stop(number)
    clock.move(2 * 86_400)
    assert not broadcasts.resume(number, "")


def test_deliveries_are_counted_by_their_outcome(broadcasts, outbox, users):
    number = start_broadcast(broadcasts)
    owner = read_owner()
    sent, blocked, failed, doubted, _waits = hand_over(broadcasts, outbox, number, 5)
    for letter in (sent, blocked, failed, doubted, doubted):
        outbox.begin(letter.outgoing_id, owner)
        outbox.settle(letter.outgoing_id, OutgoingState.UNKNOWN)
        outbox.begin(letter.outgoing_id, owner)
    outbox.settle(sent.outgoing_id, OutgoingState.SENT, 5)
    outbox.settle(blocked.outgoing_id, OutgoingState.DROPPED)
    users.mark_unreachable(blocked.message.chat_id)
    outbox.settle(failed.outgoing_id, OutgoingState.DROPPED)
    outbox.settle(doubted.outgoing_id, OutgoingState.UNKNOWN)
    assert broadcasts.count_deliveries(number) == {
        "sent": 1,
        "blocked": 1,
        "failed": 2,
        "waiting": 1,
    }


def test_result_of_a_broadcast_outlives_its_messages(broadcasts, outbox, database, clock):
    number = start_broadcast(broadcasts)
    first, second = hand_over(broadcasts, outbox, number, 2)
    for letter, state in ((first, OutgoingState.SENT), (second, OutgoingState.DROPPED)):
        outbox.begin(letter.outgoing_id, read_owner())
        outbox.settle(letter.outgoing_id, state)
    assert broadcasts.end(number)
    clock.move(40 * 86_400)
    delete_old_rows(database, Retention(), clock())
    assert database.sql("SELECT COUNT(*) FROM outgoing") == [(0,)]
    assert broadcasts.count_deliveries(number) == {"sent": 1, "failed": 1}


def test_broadcast_ends_once_and_is_invisible_to_another_bot(broadcasts, database, clock):
    number = start_broadcast(broadcasts)
    other_bot = Broadcasts(database, BOT + 1, "ru", clock)
    assert other_bot.get(number) is None
    assert other_bot.open() == []
    assert [cast.broadcast_id for cast in broadcasts.open()] == [number]
    assert broadcasts.end(number)
    assert not broadcasts.end(number)
    assert broadcasts.open() == []
    assert [cast.state for cast in broadcasts.list_started(5)] == [BroadcastState.ENDED]


def ask_for_broadcast(database, clock, update_id=50):
    requests, errands = Requests(database, clock), WaitingRequests(database, BOT)
    number = requests.ask(RequestKind.CANCEL, {"job": 1}, "user:1003")
    errands.add(WaitingRequest(number, VERA, 9, update_id, "a-job:1"))
    return requests, errands, number


def finish(requests, number):
    requests.claim([RequestKind.CANCEL])
    requests.finish(number, RequestState.DONE, {"job": 1})


def test_callback_is_listed_once_its_request_has_finished_and_forgotten_once(database, clock):
    requests, errands, number = ask_for_broadcast(database, clock)
    assert errands.has_request(VERA, 9)
    assert errands.list_finished() == []
    finish(requests, number)
    ((errand, request),) = errands.list_finished()
    assert (errand.back, request.result) == ("a-job:1", {"job": 1})
    assert errands.forget(number)
    assert not errands.forget(number)
    assert not errands.has_request(VERA, 9)


def test_result_is_listed_only_after_the_reply_to_the_button_was_sent(database, clock, outbox):
    requests, errands, number = ask_for_broadcast(database, clock)
    (answer,) = outbox.put([OutgoingMessage("update:50:0", VERA, FormattedMessage("x"), 50)])
    finish(requests, number)
    assert errands.list_finished() == []
    outbox.begin(answer.outgoing_id, read_owner())
    assert errands.list_finished() == []
    outbox.settle(answer.outgoing_id, OutgoingState.SENT, 9)
    assert len(errands.list_finished()) == 1


def test_repeated_admin_notices_of_one_key_wait_a_minute(database, clock):
    notices = Notices(database, clock)
    for number, key in enumerate(("notice-failed", "notice-serving")):
        assert notices.tell(ADMINS, key, {}, f"first:{number}")
    assert not notices.tell(ADMINS, "notice-failed", {}, "first:0")
    for notice in notices.list_waiting():
        notices.mark_handed_over(notice.notice_id)
    clock.move(10)
    for key in ("notice-failed", "notice-serving", "notice-disk"):
        notices.tell(ADMINS, key, {})
    notices.tell("1001", "notice-failed", {})
    minute = timedelta(seconds=60)
    waiting_keys = [notice.key for notice in notices.list_waiting(20, clock() - minute)]
    assert waiting_keys == ["notice-serving", "notice-disk", "notice-failed"]
    clock.move(60)
    assert len(notices.list_waiting(20, clock() - minute)) == 4
    assert [notice.key for notice in notices.list_newest(ADMINS, 2)] == [
        "notice-disk",
        "notice-serving",
    ]


def test_queue_gauges_show_the_oldest_entry_and_recent_failures(database, clock):
    requests = Requests(database, clock)
    assert not any(queue.waiting or queue.oldest for queue in list_queues(database))
    at = clock()
    number = requests.ask(RequestKind.CANCEL, {}, "x")
    clock.move(5)
    requests.ask(RequestKind.FETCH, {}, "x")
    waiting = {queue.name: (queue.waiting, queue.oldest) for queue in list_queues(database)}
    assert waiting.pop("requests") == (2, at)
    assert set(waiting.values()) == {(0, None)}
    requests.claim([RequestKind.CANCEL])
    requests.finish(number, RequestState.FAILED, {})
    assert count_failures(database, at) == {"updates": 0, "requests": 1, "jobs": 0}
    assert count_failures(database, clock()) == {"updates": 0, "requests": 0, "jobs": 0}
