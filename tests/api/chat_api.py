"""An api before a provider's stand-in: programs that ask, and talks as the bot leaves them."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import httpx
import openai

from merlin.account.api_keys import Scope
from merlin.billing.quota import Allowance, Format
from merlin.chat.answer import RetryPolicy
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.messages import Usage
from merlin.db.personal_data import TRACES
from merlin.sandbox.provider.app import ProviderStandIn
from tests.api.running_api import ANNA, running
from tests.support.plan_config import make_plan
from tests.support.process_settings import Provider
from tests.support.serving_models import insert_live_model
from tests.support.waiting import longest

MODEL = "stand-in-base"
TWO_A_DAY = make_plan("student", {"ru": "Студент"}, {Format.TEXT: Allowance(day=2)})


@contextmanager
def run_asking_site(folder, **settings):
    """Run an api whose course `algorithms` has a model; yield site and provider."""
    with ProviderStandIn() as provider:
        said = (Provider("chat", provider.base_url, "sk-of-the-tests"),)
        patience = RetryPolicy(first_pause_s=0.05, total_s=0.5)
        with running(folder, **{"providers": said, "patience": patience, **settings}) as site:
            insert_live_model(site.database, MODEL, dataset="algorithms")
            site.person(ANNA)
            yield site, provider


def talk(*said, **more):
    """Return the body of a question, `said` by user and assistant in turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": each} for place, each in enumerate(said)]
    return {"model": "merlin/algorithms", "messages": messages, **more}


def asker(site, user_id=ANNA):
    """Return a program that may ask."""
    return httpx.Client(
        base_url=f"{site.address}/v1",
        headers=site.key(user_id, Scope.CHAT_WRITE),
        timeout=longest(),
    )


def uses(site):
    """Return how many questions stand in which state."""
    rows = site.database.sql("SELECT state, COUNT(*) FROM quota_use GROUP BY state")
    return dict(rows)


def raw_call(site, body, **headers):
    """Send a question over a bare socket and return it, nothing read."""
    host, port = site.address.removeprefix("http://").split(":")
    named = {**site.key(ANNA, Scope.CHAT_WRITE), **headers, "Host": host}
    said = httpx.Request("POST", "http://x/", json=body).content
    lines = [f"{name}: {value}" for name, value in {**named, "Content-Length": len(said)}.items()]
    head = "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, "", ""])
    connection = socket.create_connection((host, int(port)))
    connection.sendall(head.encode() + said)
    return connection


def package(site, user_id=ANNA, **headers):
    """Return a client of the real package with a new key."""
    key = site.key(user_id, Scope.CHAT_WRITE)["Authorization"].removeprefix("Bearer ")
    return openai.OpenAI(
        base_url=f"{site.address}/v1", api_key=key, max_retries=0, default_headers=headers
    )


def ask(client, *said, **more):
    """Return the answer to a question over plain HTTP."""
    return client.post("/chat/completions", json=talk(*said, **more))


BOT = 8700000001


class Talk:
    """One bot's chat with a person, or in a group."""

    def __init__(self, site, user_id=ANNA, bot=BOT, chat_id=None):
        self._sessions = Sessions(site.database, bot)
        self._turns = Turns(site.database, bot)
        self.user_id = user_id
        self.session = self._sessions.open(ChatPlace(chat_id or user_id, user_id))
        self.session_id = self.session.session_id

    def ask(self, update_id, words="Что такое граф?", answer="Вершины и рёбра.", **more):
        """Ask and answer; return the turn's number."""
        turn = self.begin(update_id, words, **more)
        self.end(update_id, answer)
        self._sessions.touch(self.session_id, words)
        return turn.turn_id

    def begin(self, update_id, words="Что такое граф?", **more):
        """Ask only."""
        question = Question(self.session_id, update_id, self.user_id, words, **more)
        return self._turns.ask(question, None)

    def end(self, update_id, answer="Вершины и рёбра.", known=None, model_id="stand-in-base"):
        """Answer what was asked, with a first word after 0.3 s."""
        told = {"model_id": model_id, "provider": "chat", "standing": "serving", "first_ms": 300}
        spent = {"usage": Usage(10, 5), "cost_micro": 7, "currency": "USD"}
        self._turns.write(update_id, StoredAnswer(answer, **told, **spent, known=known))


def forgotten(site):
    """Return the site with nothing kept of any person, so that the next test begins anew."""
    with site.database.atomic():
        for traces in TRACES:
            site.database.change(traces.table.delete())
    return site
