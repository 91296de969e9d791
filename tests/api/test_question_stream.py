"""Callers that disconnect, concurrent questions, and repeated requests at `/v1`."""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.api.app import create_app
from merlin.api.question_stream import next_piece
from merlin.billing.quota import Allowance, Format, Quotas
from merlin.config.settings import AnswerBudget
from merlin.core.clock import utc_now
from tests.api.chat_api import (
    MODEL,
    TWO_A_DAY,
    ask,
    chat_client,
    chat_request,
    check_error,
    count_questions_by_state,
    run_chat_api,
    send_raw_question,
)
from tests.api.running_api import ANNA
from tests.support.config import make_priced_config
from tests.support.http_servers import serve_app
from tests.support.plan_config import make_plan
from tests.support.process_settings import Provider
from tests.support.waiting import longest, wait_until

functional = pytest.mark.functional
unit = pytest.mark.unit
QUESTION = "Что такое граф?"
DEAR = make_priced_config(MODEL, input=1, output=1)


def silent_until_left(listener, has_called, has_left, response):
    """Accept one call, send only `response`; set the events of a call and of its disconnect."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        has_called.set()
        connection.sendall(response)
        while connection.recv(65536):
            pass
    has_left.set()


@contextmanager
def provider_that_falls_silent(response=b""):
    """Serve one model call; yield API settings with this provider, and the events of the call."""
    events = threading.Event(), threading.Event()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor() as threads,
    ):
        # Without a call the test fails instead of waiting for one forever.
        listener.settimeout(longest())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        call = threads.submit(silent_until_left, listener, *events, response)
        yield (
            {"providers": (Provider("chat", url, "sk"),), "plans": (TWO_A_DAY,)},
            *events,
        )
        call.result()


FIRST_WORD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    b'data: {"choices": [{"delta": {"content": "one"}}]}\n\n'
)


@functional
@pytest.mark.parametrize("stream", [False, True])
def test_caller_who_leaves_before_the_first_word_is_not_charged(tmp_path, stream):
    budget = {"caps": AnswerBudget(per_day=1), "config": DEAR}
    with (
        provider_that_falls_silent() as (settings, has_called, has_left),
        run_chat_api(tmp_path, **settings, **budget) as (site, _),
    ):
        with send_raw_question(site, chat_request(QUESTION, stream=stream)):
            assert has_called.wait(longest())
            assert count_questions_by_state(site) == {"reserved": 1}
        wait_until(lambda: count_questions_by_state(site) == {"returned": 1})
        assert has_left.wait(longest())
        # The provider has read the question, so it counts against the spending limit.
        ((micro,),) = site.database.sql("SELECT micro FROM answer_cost")
        assert micro > len(QUESTION) // 4


@functional
def test_caller_who_leaves_in_mid_stream_is_charged_and_the_provider_call_ends(
    tmp_path,
):
    silent = provider_that_falls_silent(FIRST_WORD)
    budget = {"caps": AnswerBudget(per_day=1), "config": DEAR}
    with (
        silent as (settings, _, has_left),
        run_chat_api(tmp_path, **settings, **budget) as (site, _),
    ):
        with send_raw_question(site, chat_request(QUESTION, stream=True)) as connection:
            wait_until(lambda: b"one" in connection.recv(65536))
        wait_until(lambda: count_questions_by_state(site) == {"charged": 1})
        assert has_left.wait(longest())
        # The provider counts tokens at the end of an answer, but charges for this one too.
        ((micro,),) = site.database.sql("SELECT micro FROM answer_cost")
        assert micro > len(QUESTION) // 4


@functional
def test_running_api_returns_abandoned_reservations(tmp_path):
    later = replace_clock(minutes=11)
    with run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, _):
        Quotas(site.db, site.bot_id).reserve(
            ANNA, 1, Format.TEXT, TWO_A_DAY, utc_now().tzinfo
        )
        with serve_app(create_app(replace(site.services, clock=later))):
            wait_until(lambda: count_questions_by_state(site) == {"returned": 1})


@functional
def test_answer_after_thoughts_that_were_sent_already_follows_them_whole(tmp_path):
    with run_chat_api(tmp_path) as (site, provider), chat_client(site) as client:
        answer = "A secret plan of many words. </think> Hold the button."
        provider.behave(fixed_answer=answer, piece_s=0.02)
        streamed = ask(client, QUESTION, stream=True).text
    sent = "".join(re.findall('"content": ?"([^"]*)"', streamed))
    assert sent.endswith("Hold the button.")


@functional
def test_reached_spending_limit_and_a_plan_without_questions_refuse_a_question(
    tmp_path,
):
    closed = make_plan("closed", {"ru": "Закрытый"}, {Format.TEXT: Allowance(day=0)})
    spent = {"caps": AnswerBudget(per_day=0.000001), "config": DEAR}
    for name, settings, said in (
        ("closed", {"plans": (closed,)}, "не входят"),
        ("spent", spent, "исчерпал дневной лимит"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with run_chat_api(folder, **settings) as (site, _), chat_client(site) as client:
            ask(client, QUESTION)
            refused = ask(client, QUESTION)
        check_error(refused, 429, said, code="insufficient_quota")


def replace_clock(**ahead):
    return lambda: utc_now() + timedelta(**ahead)


@unit
@pytest.mark.parametrize(
    ("text", "sent", "piece", "then"),
    [
        ("  раз", 0, "раз", 5),
        ("раз  ", 0, "раз", 3),
        ("раз  два", 3, "  два", 8),
        ("раз  ", 3, "", 3),
        ("  ", 0, "", 0),
        ("да\ud83d", 0, "да", 2),
        ("да\ud83d\ude00", 2, "😀", 4),
        ("", 0, "", 0),
    ],
)
def test_incomplete_words_are_held_back_from_the_stream(text, sent, piece, then):
    assert next_piece(text, sent) == (piece, then)
