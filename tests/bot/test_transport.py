"""The transport of python-telegram-bot, over real HTTP: delivery, and what may be retried."""

import asyncio

import pytest
from telegram import Bot
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut

from merlin.bot.transport import DOWN_AFTER, AiohttpRequest, NotSent
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


def run_with_bot(telegram, story, **options):
    """Run `story(bot)` with a bot on our transport; return its result."""

    async def run():
        transport = AiohttpRequest(**options)
        bot = Bot(
            telegram.token,
            telegram.base_url,
            request=transport,
            get_updates_request=transport,
        )
        await transport.initialize()
        try:
            return await story(bot)
        finally:
            await transport.shutdown()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("sendMessage", FaultKind.DROP), NetworkError),
        (Fault("sendMessage", FaultKind.REFUSE), NetworkError),
        (Fault("sendMessage", FaultKind.CUT), NetworkError),
        (Fault("sendMessage", FaultKind.HANG), TimedOut),
        (Fault("sendMessage", FaultKind.STATUS, status=502), NetworkError),
        (
            Fault("sendMessage", FaultKind.STATUS, status=429, retry_after_s=7),
            RetryAfter,
        ),
        (Fault("sendMessage", FaultKind.STATUS, status=400), BadRequest),
    ],
    ids=lambda value: getattr(value, "kind", getattr(value, "__name__", "")),
)
def test_failed_request_raises_its_error_and_is_sent_once(telegram, fault, error):
    telegram.faults.add(fault)
    # Short only where no server answers.
    hasty = {"read_s": 0.3} if error is TimedOut else {}
    with pytest.raises(error) as caught:
        run_with_bot(telegram, lambda bot: bot.send_message(1001, "раз"), **hasty)
    assert not isinstance(caught.value, NotSent)
    assert telegram.token not in repr(caught.value)
    assert len(telegram.answers("anna")) <= 1


def test_closed_port_means_that_nothing_was_sent(telegram):
    telegram.stop()
    with pytest.raises(NotSent) as caught:
        run_with_bot(telegram, lambda bot: bot.send_message(1001, "раз"))
    assert telegram.token not in repr(caught.value)
    telegram.start()


def test_page_of_a_proxy_is_no_answer_of_telegram(server, reply):
    page = reply(
        b"<html>Pay your bill</html>", headers=(("Content-Type", "text/html"),)
    )
    server.will(
        *[reply(b"{}", 502)] * DOWN_AFTER, page, reply({"ok": True, "result": []})
    )

    async def run():
        transport = AiohttpRequest()
        await transport.initialize()
        down = []
        try:
            for _ in range(DOWN_AFTER + 2):
                await transport.do_request(f"{server.base_url}/getUpdates", "GET")
                down.append(transport.is_down)
        finally:
            await transport.shutdown()
        return down

    assert asyncio.run(run())[-3:] == [True, True, False]
