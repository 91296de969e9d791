"""Flood limits per chat, on a clock that skips every wait."""

import asyncio
from datetime import timedelta

import pytest
from telegram.error import RetryAfter

from merlin.bot.transport import EditSkipped, RateLimiter, SendClass, TelegramLimits
from tests.bot.running_bot import advance_clock, run_jumping

pytestmark = pytest.mark.unit

ANNA = 1001
BORIS = 1002
GROUP = -5
FLOOD = (ANNA, 0, 12)
FREE = TelegramLimits(overall_per_s=0, private_per_s=0, group_per_min=0)


class RecordingTelegram:
    """Records the time of each request; answers 429 to the next of a chat that is flooded.

    `floods` are (chat_id, after_s, wait_s): how long a request takes, and is to wait then.
    """

    def __init__(self, *floods):
        self.floods = list(floods)
        self.came = []

    async def request(self, chat_id):
        self.came.append((round(asyncio.get_running_loop().time(), 3), chat_id))
        if self.floods and self.floods[0][0] == chat_id:
            _, after_s, wait_s = self.floods.pop(0)
            await advance_clock(after_s)
            raise RetryAfter(timedelta(seconds=wait_s))
        return True

    def times(self, chat_id):
        return [at for at, chat in self.came if chat == chat_id]


def send(limiter, telegram, chat_id, lane=None, endpoint="sendMessage"):
    data = {} if chat_id is None else {"chat_id": chat_id}
    return limiter.process_request(
        telegram.request, (chat_id,), {}, endpoint, data, lane
    )


def send_at_once(limits, *chats, telegram=None):
    """Let a limiter send a message to each of these chats at once; return what came."""
    telegram = telegram or RecordingTelegram()

    async def story():
        limiter = RateLimiter(limits)
        await asyncio.gather(*(send(limiter, telegram, chat) for chat in chats))

    run_jumping(story())
    return telegram


def test_private_chat_allows_a_burst_and_then_one_message_a_second():
    telegram = send_at_once(TelegramLimits(overall_per_s=0), *[ANNA] * 6)
    assert telegram.times(ANNA) == [0, 0, 0, 1, 2, 3]


def test_group_allows_twenty_messages_a_minute():
    telegram = send_at_once(TelegramLimits(overall_per_s=0), *[GROUP] * 23)
    assert telegram.times(GROUP)[:3] == [0, 0, 0]
    assert telegram.times(GROUP)[-1] == 60


def test_all_chats_together_allow_thirty_messages_a_second():
    telegram = send_at_once(TelegramLimits(private_per_s=0), *range(1, 301))
    last = telegram.came[-1][0]
    assert 295 / 30 - 0.1 <= last <= 10
    for second in range(9):
        assert sum(second <= at < second + 1 for at, _ in telegram.came) <= 36


def test_retry_after_delays_only_its_own_chat_for_the_exact_time():
    telegram = RecordingTelegram(FLOOD)
    send_at_once(TelegramLimits(), ANNA, BORIS, telegram=telegram)
    assert telegram.times(ANNA) == [0, 12]
    assert telegram.times(BORIS) == [0]


@pytest.mark.parametrize(
    ("waits", "until"),
    [
        pytest.param([(0, 12), (0, 3)], 12, id="a shorter one behind a longer one"),
        pytest.param(
            [(0, 5), (1, 12)], 13, id="a longer one while the first is waited out"
        ),
        pytest.param(
            [(0, 5), (1, 2)], 5, id="a shorter one while the first is waited out"
        ),
    ],
)
def test_two_retry_after_delays_of_one_chat_are_both_observed(waits, until):
    telegram = RecordingTelegram(*((ANNA, *wait) for wait in waits))
    send_at_once(FREE, ANNA, ANNA, telegram=telegram)
    assert telegram.times(ANNA) == [0, 0, until, until]


def test_replies_to_queries_never_wait():
    telegram = RecordingTelegram(FLOOD)

    async def story():
        limiter = RateLimiter(TelegramLimits(overall_per_s=1))
        crowd = [send(limiter, telegram, person) for person in (ANNA, *range(1, 20))]
        urgent = send(limiter, telegram, None, endpoint="answerPreCheckoutQuery")
        await asyncio.gather(*crowd, urgent)

    run_jumping(story())
    assert telegram.times(None) == [0]


def test_progress_edit_is_skipped_to_leave_room_for_required_messages():
    telegram = RecordingTelegram()

    async def story():
        limiter = RateLimiter(TelegramLimits(overall_per_s=0))
        await send(limiter, telegram, ANNA)
        await send(limiter, telegram, ANNA, SendClass.PROGRESS)
        with pytest.raises(EditSkipped):
            await send(limiter, telegram, ANNA, SendClass.PROGRESS)
        await send(limiter, telegram, ANNA)

    run_jumping(story())
    assert telegram.times(ANNA) == [0, 0, 0]


@pytest.mark.parametrize(
    ("send_class", "error"),
    [(SendClass.PROGRESS, EditSkipped), (SendClass.STORED, RetryAfter)],
)
def test_message_that_may_come_later_is_not_sent_to_a_rate_limited_chat(
    send_class, error
):
    telegram = RecordingTelegram(FLOOD)

    async def story():
        limiter = RateLimiter(FREE)
        for _ in range(2):
            with pytest.raises(error):
                await send(limiter, telegram, ANNA, send_class)

    run_jumping(story())
    assert telegram.times(ANNA) == [0]


def test_idle_chats_are_removed_from_the_limiter():
    async def story():
        limiter = RateLimiter(TelegramLimits(overall_per_s=0))
        for person in range(1, 5001):
            await send(limiter, RecordingTelegram(), person)
            await advance_clock(0.001)
        return len(limiter._buckets)

    assert run_jumping(story()) < 4096
