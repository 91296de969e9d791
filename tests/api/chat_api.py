"""An API with a provider stand-in: clients of /v1, and chat sessions as the bot stores them."""

import socket
from contextlib import contextmanager

import httpx
import openai

from merlin.account.api_keys import Scope
from merlin.app.personal_data import TRACES
from merlin.billing.quota import Allowance, Format
from merlin.chat.answer import RetryPolicy
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.messages import Usage
from tests.api.running_api import ANNA, run_api
from tests.support.plan_config import make_plan
from tests.support.process_settings import Provider
from tests.support.serving_models import insert_live_model
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import longest

MODEL = "stand-in-base"
TWO_A_DAY = make_plan("student", {"ru": "Студент"}, {Format.TEXT: Allowance(day=2)})


@contextmanager
def run_chat_api(folder, **settings):
    """Run an API whose course `algorithms` has a model; yield site and provider."""
    with ProviderStandIn() as provider:
        providers = (Provider("chat", provider.base_url, "sk-of-the-tests"),)
        retry_policy = RetryPolicy(first_pause_s=0.05, total_s=0.5)
        with run_api(
            folder, **{"providers": providers, "retry_policy": retry_policy, **settings}
        ) as site:
            insert_live_model(site.database, MODEL, dataset="algorithms")
            site.add_user(ANNA)
            yield site, provider


def chat_request(*texts, **fields):
    """Return the body of a chat request; `texts` alternate between user and assistant."""
    roles = ("user", "assistant")
    messages = [
        {"role": roles[position % 2], "content": text}
        for position, text in enumerate(texts)
    ]
    return {"model": "merlin/algorithms", "messages": messages, **fields}


def check_error(response, status, message="", **fields):
    """Check an error of /v1: its status, a part of its message, and other fields."""
    error = response.json()["error"]
    found = {name: error[name] for name in fields}
    assert (response.status_code, found) == (status, fields), error
    assert message in error["message"]


def chat_client(site, user_id=ANNA):
    """Return a client of /v1 with a key that may ask."""
    return httpx.Client(
        base_url=f"{site.address}/v1",
        headers=site.key_headers(user_id, Scope.CHAT_WRITE),
        timeout=longest(),
    )


def count_questions_by_state(site):
    """Return the number of questions in each quota state."""
    rows = site.database.sql("SELECT state, COUNT(*) FROM quota_use GROUP BY state")
    return dict(rows)


def send_raw_question(site, body, **headers):
    """Send a question over a plain socket; return the socket before anything is read from it."""
    host, port = site.address.removeprefix("http://").split(":")
    sent_headers = {**site.key_headers(ANNA, Scope.CHAT_WRITE), **headers, "Host": host}
    content = httpx.Request("POST", "http://x/", json=body).content
    lines = [
        f"{name}: {value}"
        for name, value in {**sent_headers, "Content-Length": len(content)}.items()
    ]
    head = "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, "", ""])
    connection = socket.create_connection((host, int(port)))
    connection.sendall(head.encode() + content)
    return connection


def package_client(site, user_id=ANNA, **headers):
    """Return a client of the openai package with a new key."""
    key = site.key_headers(user_id, Scope.CHAT_WRITE)["Authorization"].removeprefix(
        "Bearer "
    )
    return openai.OpenAI(
        base_url=f"{site.address}/v1",
        api_key=key,
        max_retries=0,
        default_headers=headers,
    )


def ask(client, *texts, **fields):
    """Return the answer to a question over plain HTTP."""
    return client.post("/chat/completions", json=chat_request(*texts, **fields))


BOT = 8700000001


class Conversation:
    """A session of one bot with a user, or in a group."""

    def __init__(self, site, user_id=ANNA, bot=BOT, chat_id=None, dataset=None):
        self._sessions = Sessions(site.database, bot)
        self._turns = Turns(site.database, bot)
        self.user_id = user_id
        self.session = self._sessions.open(
            ChatPlace(chat_id or user_id, user_id, dataset=dataset)
        )
        self.session_id = self.session.session_id

    def add_turn(
        self, update_id, question="Что такое граф?", answer="Вершины и рёбра.", **fields
    ):
        """Store a question and its answer; return the turn's id."""
        turn = self.add_question(update_id, question, **fields)
        self.add_answer(update_id, answer)
        self._sessions.touch(self.session_id, question)
        return turn.turn_id

    def add_question(self, update_id, question="Что такое граф?", **fields):
        """Store a question without an answer."""
        turn = Question(self.session_id, update_id, self.user_id, question, **fields)
        return self._turns.ask(turn, None)

    def add_answer(
        self,
        update_id,
        answer="Вершины и рёбра.",
        is_known=None,
        model_id="stand-in-base",
    ):
        """Store an answer whose first token came after 0.3 s."""
        origin = {
            "model_id": model_id,
            "provider": "chat",
            "model_role": "serving",
            "first_ms": 300,
        }
        cost = {"usage": Usage(10, 5), "cost_micro": 7, "currency": "USD"}
        self._turns.write(
            update_id, StoredAnswer(answer, **origin, **cost, known=is_known)
        )


def erase_everybody(site):
    """Delete all personal data, so that the next test starts clean; return the site."""
    with site.database.atomic():
        for data in TRACES:
            site.database.change(data.table.delete())
    return site
