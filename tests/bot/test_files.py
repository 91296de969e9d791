"""Files of users, downloaded over real HTTP: complete, limited in size, token never shown."""

import asyncio

import pytest
from telegram.error import NetworkError, TimedOut

from merlin.bot.bot_api import Files
from merlin.bot.transport import AiohttpRequest, NotSent
from merlin.config.settings import MEGABYTE
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.sandbox.telegram.arguments import Upload
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional
QUICK = {"longest_pause_s": 0.02}


def send_file(telegram, content, name="лекция.pdf"):
    """Let anna send a file; return its id."""
    telegram.send_file("anna", Upload(name, "application/octet-stream", content))
    return telegram.log("anna")[-1].message["document"]["file_id"]


def fetch_file(telegram, file_id, limit=MEGABYTE, *, patience=QUICK):
    async def run():
        transport = AiohttpRequest()
        await transport.initialize()
        try:
            files = Files(transport, telegram.token, telegram.base_url, **patience)
            return await files.fetch(file_id, limit)
        finally:
            await transport.shutdown()

    return asyncio.run(run())


def fetch_error(telegram, file_id, limit=MEGABYTE):
    with pytest.raises(Refused) as caught:
        fetch_file(telegram, file_id, limit)
    assert telegram.token not in repr(caught.value)
    return caught.value


def test_file_is_downloaded_whole(telegram):
    content = bytes(range(256)) * 2000
    assert fetch_file(telegram, send_file(telegram, content)) == content


def test_file_over_the_limit_is_refused(telegram):
    error = fetch_error(telegram, send_file(telegram, b"a" * (MEGABYTE + 1)))
    assert error.key == "media-too-large"
    assert text("en", error.key, **error.arguments).startswith("The file is too large: I take")


def test_file_over_telegrams_own_limit_is_refused_with_that_limit(telegram):
    error = fetch_error(telegram, send_file(telegram, bytes(20 * MEGABYTE + 1)), 50 * MEGABYTE)
    assert (error.key, error.arguments["megabytes"]) == ("media-too-large", 20)


def test_missing_file_is_reported(telegram):
    assert fetch_error(telegram, "no-such-id").key == "media-not-found"


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.CUT])
def test_download_is_retried_after_a_network_error(telegram, kind):
    file_id = send_file(telegram, b"whole")
    telegram.faults.add(Fault("getFile", kind, times=2))
    assert fetch_file(telegram, file_id) == b"whole"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("getFile", FaultKind.DROP, times=None), NetworkError),
        (Fault("getFile", FaultKind.STATUS, times=None, status=502), NetworkError),
        (Fault("getFile", FaultKind.STATUS, times=None, status=429, retry_after_s=1), NetworkError),
        (Fault("getFile", FaultKind.HANG, times=None), TimedOut),
    ],
    ids=lambda value: getattr(value, "kind", getattr(value, "__name__", "")),
)
def test_persistent_network_error_is_reported_without_the_token(telegram, fault, error):
    file_id = send_file(telegram, b"a")
    telegram.faults.add(fault)
    # Short only where no server answers.
    hasty = {**QUICK, "read_s": 0.2}
    with pytest.raises(error) as caught:
        fetch_file(telegram, file_id, patience=hasty if error is TimedOut else QUICK)
    assert telegram.token not in repr(caught.value)
    assert telegram.token not in repr(caught.value.__cause__)


def test_closed_port_is_reported_without_the_token(telegram):
    telegram.stop()
    with pytest.raises(NotSent) as caught:
        fetch_file(telegram, "any")
    assert telegram.token not in repr(caught.value)
    telegram.start()


def test_too_slow_download_is_given_up(telegram):
    file_id = send_file(telegram, b"a")
    telegram.faults.add(Fault("getFile", FaultKind.HANG, times=None))
    with pytest.raises(TimedOut):
        fetch_file(
            telegram, file_id, patience={"total_s": 0.1, "longest_pause_s": 0.01, "tries": 2}
        )


def test_log_contains_no_token(telegram, logs):
    telegram.faults.add(Fault("getFile", FaultKind.DROP, times=1))
    fetch_file(telegram, send_file(telegram, b"a"))
    assert logs
    assert telegram.token not in repr(logs)


class ScriptedBotApi:
    """A Bot API that sends the given responses, call by call."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        size = int((head.lower().partition(b"content-length: ")[2].split(b"\r") or [b"0"])[0] or 0)
        await reader.readexactly(size)
        self.asked.append(head.split()[1].decode())
        writer.write(self.answers.pop(0))
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def http_response(body, status="200 OK", length=None):
    length = len(body) if length is None else length
    length_header = f"Content-Length: {length}\r\n" if length >= 0 else ""
    return f"HTTP/1.1 {status}\r\n{length_header}Connection: close\r\n\r\n".encode() + body


def fetch_scripted(*answers, limit=100):
    """Return the content and the requests of a download with these responses."""
    odd = ScriptedBotApi(*answers)

    async def run():
        server = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = AiohttpRequest()
        await transport.initialize()
        files = Files(transport, "1:token", f"http://127.0.0.1:{port}/bot", **QUICK, tries=1)
        try:
            return await files.fetch("id", limit), odd.asked
        finally:
            await transport.shutdown()
            server.close()
            await server.wait_closed()

    return asyncio.run(run())


PATH = http_response(b'{"ok": true, "result": {"file_path": "d/\xd1\x91 #1.pdf"}}')


def test_file_path_is_url_encoded():
    content, requests = fetch_scripted(PATH, http_response(b"abc"))
    assert content == b"abc"
    assert requests == ["/bot1:token/getFile?file_id=id", "/file/bot1:token/d/%D1%91%20%231.pdf"]


@pytest.mark.parametrize(
    ("answers", "key"),
    [
        ([PATH, http_response(b"a" * 101, length=-1)], "media-too-large"),
        ([PATH, http_response(b"a" * 101)], "media-too-large"),
        ([PATH, http_response(b"", "404 Not Found")], "media-not-found"),
        ([http_response(b'{"ok": true, "result": {}}')], "media-not-found"),
        ([http_response(b'{"ok": true, "result": null}')], "media-not-found"),
    ],
)
def test_invalid_responses_end_in_a_clear_error(answers, key):
    with pytest.raises(Refused) as caught:
        fetch_scripted(*answers)
    assert caught.value.key == key


@pytest.mark.parametrize(
    "answers",
    [
        [http_response(b"<html>")],
        [http_response(b"[1]")],
        [http_response(b"{}", "401 Unauthorized")],
        [PATH, http_response(b"", "302 Found")],
        [PATH, http_response(b"abc", length=50)],
        [b"no http at all\r\n\r\n"],
    ],
)
def test_invalid_responses_that_may_be_temporary_are_network_errors(answers):
    with pytest.raises(NetworkError) as caught:
        fetch_scripted(*answers)
    assert "token" not in repr(caught.value)
