"""The transport of python-telegram-bot, over real HTTP: delivery, and what may be retried."""

import asyncio

import pytest
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut

from merlin.bot.transport import DOWN_AFTER, AiohttpRequest, NotSent
from tests.bot.running_bot import run_jumping, run_with_bot
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


def send(telegram, **options):
    """Send a message to anna by our transport."""
    return run_with_bot(
        telegram.base_url,
        telegram.token,
        lambda bot: bot.send_message(1001, "раз"),
        **options,
    )


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
        send(telegram, **hasty)
    assert not isinstance(caught.value, NotSent)
    assert telegram.token not in repr(caught.value)
    assert len(telegram.answers("anna")) <= 1


def test_closed_port_means_that_nothing_was_sent(telegram):
    telegram.stop()
    with pytest.raises(NotSent) as caught:
        send(telegram)
    assert telegram.token not in repr(caught.value)
    telegram.start()


def test_request_before_the_transport_is_open_was_not_sent():
    with pytest.raises(NotSent):
        asyncio.run(AiohttpRequest().do_request("http://127.0.0.1:1/getMe", "GET"))


def test_library_adds_the_wait_for_updates_to_this_read_timeout():
    assert AiohttpRequest(read_s=7).read_timeout == 7


def test_pause_after_a_flood_is_as_long_as_telegram_demands():
    async def story():
        await AiohttpRequest().pause(0, RetryAfter(12))
        return asyncio.get_running_loop().time()

    assert run_jumping(story()) == 12


def test_call_is_repeated_until_telegram_accepts_or_refuses_it():
    answers = [NetworkError("down"), TimedOut(), None, BadRequest("no such command")]

    async def call():
        if (error := answers.pop(0)) is not None:
            raise error

    async def story():
        transport = AiohttpRequest()
        await transport.retry_until_accepted(call)
        assert len(answers) == 1
        with pytest.raises(BadRequest):
            await transport.retry_until_accepted(call)

    run_jumping(story())
    assert answers == []


@pytest.mark.parametrize("status", [401, 502])
def test_page_of_a_proxy_is_no_answer_of_telegram(server, reply, status):
    page = reply(
        b"<html>Pay your bill</html>", headers=(("Content-Type", "text/html"),)
    )
    server.will(
        *[reply(b"{}", status)] * DOWN_AFTER, page, reply({"ok": True, "result": []})
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
