"""Telegram through a proxy, over real sockets: what arrives, and what may be retried."""

import json
import os
import re
import ssl
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest

from merlin.bot.transport import NotSent, ProxyRefused
from merlin.core.heartbeat import TELEGRAM_DOWN
from tests.bot.running_bot import RunningBot, answer_texts, run_with_bot, select_rows
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.forward_proxy import ForwardProxy
from tests.support.http_servers import Handler, Server, serve_http
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional
SCHEMES = ("http", "socks5")
TOKEN = f"{123456789}:AA-the-token-that-no-error-shows"
LOGIN = "merlin:pass@word/1"
QUOTED = "merlin:pass%40word%2F1"


def with_login(proxy, login=QUOTED):
    return proxy.url.replace("://", f"://{login}@")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_calls_and_downloads_go_through_the_proxy(telegram, scheme):
    async def story(bot):
        message = await bot.send_document(1001, b"%PDF-1", filename="a.pdf")
        file = await bot.get_file(message.document.file_id)
        return bytes(await file.download_as_bytearray())

    with ForwardProxy(scheme, LOGIN).run() as proxy:
        content = run_with_bot(
            telegram.base_url, telegram.token, story, proxy=with_login(proxy)
        )
    assert content == b"%PDF-1"
    assert {target for _, target in proxy.targets} == {f"127.0.0.1:{telegram.port}"}
    assert telegram.calls("sendDocument")


class SecureTelegram(Handler):
    """Answers every call over TLS."""

    def post(self):
        self.answer(200, json.dumps({"ok": True, "result": True}).encode())


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """Return a server over TLS, its context, and the certificate that is to be trusted."""
    folder = tmp_path_factory.mktemp("tls")
    key = generate_key()
    private = folder / "key.pem"
    public = folder / "certificate.pem"
    private.write_bytes(encode_key(key))
    public.write_bytes(create_certificate(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    server = Server(SecureTelegram)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serve_http(server):
        yield server, context, public


CALL = """
import asyncio, sys, uvloop
from telegram import Bot
from merlin.bot.transport import AiohttpRequest

async def call(base_url, proxy):
    request = AiohttpRequest(proxy=proxy)
    await request.initialize()
    print(await Bot("1:token", base_url, request=request).log_out())
    await request.shutdown()

uvloop.run(call(*sys.argv[1:]))
"""


@pytest.mark.parametrize("scheme", [*SCHEMES, "https"])
def test_proxy_carries_tls_to_telegram(secure, scheme):
    server, context, certificate = secure
    tls = context if scheme == "https" else None
    with ForwardProxy(scheme, LOGIN, tls).run() as proxy:
        process = subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                CALL,
                f"{server.url}/bot",
                with_login(proxy),
            ],
            env={**os.environ, "SSL_CERT_FILE": str(certificate)},
            capture_output=True,
            text=True,
        )
    assert (process.stdout, process.stderr) == ("True\n", "")
    method = "SOCKS" if scheme == "socks5" else "CONNECT"
    assert proxy.targets == [(method, server.url.removeprefix("https://"))]


FAR = "https://127.0.0.1:9/bot"


def fail(address, **options):
    """Return the error of a call to a server over TLS."""
    with pytest.raises(NotSent) as caught:
        run_with_bot(FAR, TOKEN, lambda bot: bot.log_out(), proxy=address, **options)
    assert caught.value.__cause__ is None
    assert not any(secret in repr(caught.value) for secret in (TOKEN, "pass"))
    return caught.value


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("trouble", ["silent", "closed", "unreachable"])
def test_call_that_the_proxy_does_not_pass_on_was_surely_not_sent(scheme, trouble):
    with ForwardProxy(scheme, LOGIN).run() as proxy:
        proxy.trouble = trouble
        # Short only where no server answers.
        hasty = {"connect_s": longest(0.5)} if trouble == "silent" else {}
        assert not isinstance(fail(with_login(proxy), **hasty), ProxyRefused)
    assert len(proxy.targets) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("login", ["merlin:wrong", ""])
def test_refused_login_is_told_from_a_proxy_that_is_down(scheme, login):
    with ForwardProxy(scheme, LOGIN).run() as proxy:
        address = with_login(proxy, login) if login else proxy.url
        assert isinstance(fail(address), ProxyRefused)
    assert not isinstance(fail(address), ProxyRefused)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_refused_login_over_plain_http_is_no_answer_of_telegram(telegram, scheme):
    with ForwardProxy(scheme, LOGIN).run() as proxy, pytest.raises(ProxyRefused):
        run_with_bot(
            telegram.base_url, TOKEN, lambda bot: bot.get_me(), proxy=proxy.url
        )


PEOPLE = ("anna", "boris", "vera")


def answered_questions(telegram, who):
    """Return the question that each message of the bot answers, in order."""
    found = (re.search("«(.*)»", text) for text in answer_texts(telegram, who))
    return [match and match[1] for match in found]


@pytest.mark.parametrize(("scheme", "wall"), [("socks5", "closed"), ("http", "silent")])
def test_what_waits_at_a_wall_is_answered_once_and_in_order(
    telegram, provider, settings, scheme, wall
):
    proxy = ForwardProxy(scheme, LOGIN)
    questions = [f"Вопрос {number}" for number in range(1, 11)]

    def ask_all(several):
        for question in several:
            for who in PEOPLE:
                telegram.say(who, question)

    def are_placeholders_known():
        # A lost answer to sendMessage would end the question: it is asked again after the wall.
        known = "SELECT COUNT(*) FROM turn WHERE placeholder_id > 0"
        return select_rows(settings, known) == [(len(PEOPLE),)]

    def are_answers_held_back():
        (turns,) = select_rows(
            settings, "SELECT COUNT(*) FROM turn WHERE written_at > ''"
        )
        steps = select_rows(settings, "SELECT step FROM heartbeat")
        return turns == (len(PEOPLE),) and steps == [(TELEGRAM_DOWN,)]

    # No answer ends before the wall.
    provider.behave(piece_s=3600)
    hasty = {"grace_s": longest(1), "read_s": longest(1)} if wall == "silent" else {}
    pace = replace(settings.pace, poll_s=1, **hasty)
    with ExitStack() as walls:
        walls.enter_context(proxy.run())
        behind = replace(settings, proxy=proxy.url, proxy_login=LOGIN, pace=pace)
        walls.enter_context(RunningBot(behind))
        ask_all(questions[:1])
        wait_until(are_placeholders_known)
        proxy.trouble = wall
        provider.behave(piece_s=0)
        ask_all(questions[1:])
        telegram.wait_for(are_answers_held_back)
        assert all(len(answer_texts(telegram, who)) == 1 for who in PEOPLE)
        proxy.trouble = ""
        telegram.wait_for(
            lambda: all(
                answered_questions(telegram, who) == questions for who in PEOPLE
            )
        )
