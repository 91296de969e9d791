"""Queues per chat: in order within a chat, concurrent across chats, limited in length."""

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.account.users import User
from merlin.app.inbox import read_update
from merlin.bot.application import USES
from merlin.bot.context import ReceivedUpdate
from merlin.bot.processor import ChatProcessor
from merlin.core.clock import utc_now
from tests.bot.received import BOT, message_body, task
from tests.bot.running_bot import advance_clock, run_jumping

pytestmark = pytest.mark.unit


class LaneRecorder:
    """Lanes whose tasks take one second each; records what happened."""

    def __init__(self, **options):
        self.done = []
        self.refused = []
        self.most_at_once = 0
        self.lanes = ChatProcessor(self.work, self.refuse, USES, **options)

    def add(self, tasks):
        self.lanes.add(tasks)

    async def work(self, task):
        self.most_at_once = max(self.most_at_once, self.lanes.working)
        await advance_clock(1)
        self.done.append((task.stored.chat_id, task.update.update_id))

    async def refuse(self, tasks, is_news):
        self.refused.append(([task.stored.update_id for task in tasks], is_news))


def record(*batches, seconds=10, **options):
    """Return the record of lanes to which these tasks came together, batch by batch."""

    async def run():
        story = LaneRecorder(**options)
        for tasks in batches:
            story.add(tasks)
        await advance_clock(seconds)
        return story

    return run_jumping(run())


def messages(chat_id, *numbers):
    return [task(number, **message_body(chat_id, "лоб")) for number in numbers]


def urgent_query(chat_id, number):
    order = {"currency": "XTR", "total_amount": 1, "invoice_payload": "1"}
    sender = message_body(chat_id)["from"]
    return task(number, "pre_checkout_query", **{"id": "1", "from": sender, **order})


def membership(chat_id, number):
    body = message_body(chat_id)
    member = {"status": "member", "user": body["from"]}
    changes = {"old_chat_member": member, "new_chat_member": member}
    return task(number, "my_chat_member", **body, **changes)


def test_chat_keeps_its_order_and_chats_run_concurrently():
    story = record([*messages(1, 10, 12, 14), *messages(2, 11, 13)], seconds=3.5)
    assert [number for chat, number in story.done if chat == 1] == [10, 12, 14]
    assert [number for chat, number in story.done if chat == 2] == [11, 13]
    assert story.most_at_once == 2


def test_number_of_concurrent_chats_is_limited():
    many = [update for chat in range(1, 11) for update in messages(chat, chat)]
    story = record(many, seconds=5, at_once=3)
    assert story.most_at_once == 3
    assert len(story.done) == 10


def test_refusals_of_a_full_queue_are_told_at_once_and_those_since_when_it_is_empty():
    async def run():
        story = LaneRecorder()
        story.add(messages(1, *range(8)))
        story.add(messages(1, 8))
        story.add(messages(1, 9, 10))
        await advance_clock(10)
        story.add(messages(1, *range(20, 27)))
        await advance_clock(10)
        return story

    story = run_jumping(run())
    at_once = ([6, 7], True)
    at_the_end = ([8, 9, 10], True)
    assert story.refused == [
        at_once,
        ([8], False),
        ([9, 10], False),
        at_the_end,
        ([26], True),
    ]
    assert [number for _, number in story.done] == [*range(6), *range(20, 26)]


def test_resumed_updates_and_other_kinds_bypass_the_queue_limit():
    resumed = [replace(each, is_resumed=True) for each in messages(1, *range(8))]
    story = record(resumed, [membership(1, 8)])
    assert story.refused == []
    assert len(story.done) == 9


def test_updates_that_waited_at_telegram_are_no_flood():
    late = [replace(each, is_late=True) for each in messages(1, *range(30))]
    story = record(late, messages(1, 30), seconds=40)
    assert [number for _, number in story.done] == list(range(30))
    assert story.refused == [([30], True)]


@pytest.mark.parametrize(
    ("age_s", "away_s", "is_late"),
    [(0, 0, False), (1, 0, False), (10, 0, True), (1, 0.5, True), (1, 2, False)],
    ids=[
        "now",
        "just now",
        "before a freeze",
        "while the bot was away",
        "since it is back",
    ],
)
def test_message_is_late_by_its_own_date(age_s, away_s, is_late):
    now = utc_now()
    body = message_body(1) | {"date": int(now.timestamp()) - age_s}
    stored = read_update({"update_id": 1, "message": body})
    back_at = {"back_at": now - timedelta(seconds=away_s)} if away_s else {}
    assert ReceivedUpdate.parse(stored, BOT, **back_at).is_late is is_late


def button_presses(chat_id, verb, *numbers):
    message = message_body(chat_id)
    press = {
        "id": "1",
        "from": message["from"],
        "chat_instance": "1",
        "message": message,
    }
    return [
        task(number, "callback_query", **press, data=f"{verb}:1") for number in numbers
    ]


def test_presses_that_ask_count_towards_the_queue_limit_and_erasure_does_not():
    asking = button_presses(1, "again", *range(8))
    story = record(asking, button_presses(1, "forget", 8))
    assert story.refused == [([6, 7], True)]
    assert (1, 8) in story.done


def test_payments_and_stops_do_not_wait_for_answers_or_buttons():
    several = button_presses(1, "sessions", 2, 3)
    stop = button_presses(1, "stop", 4)
    tasks = [*messages(1, 1), *several, *stop, urgent_query(1, 5)]
    assert sorted(record(tasks, seconds=1.5).done) == [(1, 1), (1, 2), (1, 4)]


def test_report_of_a_subscription_does_not_wait_for_an_answer():
    user = {"id": 1, "is_bot": False, "first_name": "A"}
    report = task(2, "subscription", user=user, invoice_payload="order", state="failed")
    assert (report.stored.chat_id, report.stored.user_id) == (1, 1)
    tasks = [*messages(1, 1), report]
    assert sorted(record(tasks, seconds=1.5).done) == [(1, 1), (1, 2)]


def test_update_in_progress_is_not_queued_again_until_done():
    async def run():
        story = LaneRecorder(most_waiting=1)
        story.add(messages(1, 1, 2, 3))
        assert story.lanes.unfinished == {1, 2, 3}
        story.add([replace(each, is_resumed=True) for each in messages(1, 2)])
        await advance_clock(3)
        assert story.lanes.unfinished == frozenset()
        story.add(messages(1, 1))
        await advance_clock(3)
        return story

    assert [number for _, number in run_jumping(run()).done] == [1, 2, 1]


@pytest.mark.parametrize(("within_s", "done"), [(5, [(1, 1)]), (0.2, [])])
def test_closing_waits_a_while_for_running_work_and_leaves_the_rest(within_s, done):
    async def run():
        story = LaneRecorder()
        story.add(messages(1, 1, 2))
        await advance_clock(0.5)
        await story.lanes.close(within_s=within_s)
        return story

    assert run_jumping(run()).done == done


def with_known_user(task):
    return replace(task, known=(User(task.stored.user_id), None))


def test_prefetched_user_is_read_again_if_the_update_had_to_wait():
    """A user who waits for the rest of a paste, or for a slot, may have been blocked meanwhile."""

    async def run():
        contexts = {}

        async def work(task):
            contexts[task.update.update_id] = task.known
            await advance_clock(1)

        lanes = ChatProcessor(work, no_refusal, USES, at_once=1)
        paste = task(1, **message_body(1, "а" * 4096))
        lanes.add(map(with_known_user, [paste, *messages(2, 2)]))
        await advance_clock(10)
        return contexts

    assert run_jumping(run()) == {1: None, 2: None}


async def no_refusal(_updates, _is_news):
    raise AssertionError
