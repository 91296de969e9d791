"""Queues per chat: order within, side by side without, and room for a few."""

from __future__ import annotations

import asyncio

import pytest
from bot_world import run_jumping

from merlin.bot.lanes import Lanes
from merlin.inbox.update import Update

pytestmark = pytest.mark.unit


class Story:
    """Lanes whose work takes one second each, and what happened in them."""

    def __init__(self, **more):
        self.done = []
        self.refused = []
        self.most_at_once = 0
        self.lanes = Lanes(self.work, self.refuse, **more)

    async def work(self, task):
        self.most_at_once = max(self.most_at_once, self.lanes.working)
        await asyncio.sleep(1)
        self.done.append((task.update.chat_id, task.update.update_id))

    async def refuse(self, updates, is_news):
        self.refused.append(([update.update_id for update in updates], is_news))


def messages(chat_id, *numbers, kind="message"):
    return [Update(number, kind, chat_id, chat_id) for number in numbers]


def test_a_chat_keeps_its_order_and_chats_run_side_by_side():
    async def run():
        story = Story()
        story.lanes.add([*messages(1, 10, 12, 14), *messages(2, 11, 13)])
        await asyncio.sleep(3.5)
        return story, asyncio.get_running_loop().time()

    story, took_s = run_jumping(run())
    assert [number for chat, number in story.done if chat == 1] == [10, 12, 14]
    assert [number for chat, number in story.done if chat == 2] == [11, 13]
    assert story.most_at_once == 2
    assert took_s == 3.5


def test_no_more_than_so_many_chats_are_worked_on_at_once():
    async def run():
        story = Story(at_once=3)
        story.lanes.add([update for chat in range(10) for update in messages(chat, chat)])
        await asyncio.sleep(5)
        return story

    story = run_jumping(run())
    assert story.most_at_once == 3
    assert len(story.done) == 10


def test_one_is_worked_on_five_wait_and_the_rest_is_refused_and_told_once():
    async def run():
        story = Story()
        story.lanes.add(messages(1, *range(8)))
        story.lanes.add(messages(1, 8))
        await asyncio.sleep(10)
        story.lanes.add(messages(1, *range(20, 27)))
        await asyncio.sleep(10)
        return story

    story = run_jumping(run())
    assert story.refused == [([6, 7], True), ([8], False), ([26], True)]
    assert [number for _, number in story.done] == [*range(6), *range(20, 26)]


def test_resumed_updates_and_other_kinds_have_their_room():
    async def run():
        story = Story()
        story.lanes.add(messages(1, *range(8)), is_resumed=True)
        story.lanes.add(messages(1, 8, kind="my_chat_member"))
        await asyncio.sleep(10)
        return story

    story = run_jumping(run())
    assert story.refused == []
    assert len(story.done) == 9


def test_closing_lets_running_work_end_and_leaves_the_rest():
    async def run():
        story = Story()
        story.lanes.add(messages(1, 1, 2))
        await asyncio.sleep(0.5)
        await story.lanes.close(within_s=5)
        return story

    assert run_jumping(run()).done == [(1, 1)]


def test_closing_stops_what_takes_too_long():
    async def run():
        story = Story()
        story.lanes.add(messages(1, 1))
        await asyncio.sleep(0.1)
        await story.lanes.close(within_s=0.2)
        return story

    assert run_jumping(run()).done == []
