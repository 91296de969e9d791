"""Promotions while people ask: every answer comes whole, from one model under its own system text.

`ask_while_promoting(folder, questions, every, pace_s)` asks over HTTP at /v1, every other question
streamed, and lets another model serve after each so many; the next one is tried on half of the
people meanwhile. Used by a test with few and by `bench/promotions.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from itertools import count

import httpx

from merlin.account.api_keys import Scope
from merlin.db.tables import BUILD, CANARY
from merlin.training.promote import Promotions, promote_by_hand
from tests.api.chat_api import talk
from tests.api.running_api import running
from tests.support.http_servers import Handler, Server, serve_http
from tests.support.process_settings import Provider
from tests.support.serving_models import insert_live_model
from tests.support.waiting import longest

DATASET, BUILDS, PEOPLE, AT_ONCE = "algorithms", 5, 20, 16
THINKS_S = 0.1


class Echo(Server):
    """A provider whose models answer with their own name and the system text that they heard."""

    def __init__(self):
        self.dice = random.Random(20)  # noqa: S311 - a repeatable sample
        super().__init__(_Echo)


class _Echo(Handler):
    def get(self):
        self.answer(200, b'{"data": []}')

    def post(self):
        document = json.loads(self.body())
        heard = [
            message["content"] for message in document["messages"] if message["role"] == "system"
        ]
        time.sleep(self.server.dice.uniform(0, THINKS_S))  # as a model thinks, so as to overlap
        pieces = [{"delta": {"content": each}} for each in (document["model"], f" heard {heard}")]
        pieces.append({"delta": {}, "finish_reason": "stop"})
        told = [f"data: {json.dumps({'choices': [piece]})}\n\n" for piece in pieces]
        self.answer(200, "".join([*told, "data: [DONE]\n\n"]).encode(), "text/event-stream")


def ask_while_promoting(folder, questions, every, pace_s=0.0):
    """Return how often each ended (see `_ask`) and promotions; seconds of each, and of all."""
    with serve_http(Echo()) as echo:
        said = (Provider("chat", f"{echo.url}/v1", "sk-of-the-tests"),)
        with running(folder, providers=said) as site:
            for number in range(1, BUILDS + 1):
                insert_live_model(site.database, f"ft:{number}", number=number, dataset=DATASET)
                heard = BUILD.update({"system": f"Text of {number}."})
                site.database.change(heard.where(BUILD.number == number))
            people = range(5001, 5001 + PEOPLE)
            for user_id in people:
                site.person(user_id)
            keys = [site.key(user_id, Scope.CHAT_WRITE) for user_id in people]
            return asyncio.run(_run(site, keys, questions, every, pace_s))


async def _run(site, keys, questions, every, pace_s):
    seen, seconds, numbers, gate = Counter(), [], count(), asyncio.Semaphore(AT_ONCE)
    limits, started = httpx.Limits(max_connections=AT_ONCE), time.monotonic()

    async def one(number):
        async with gate:
            begun = time.monotonic()
            seen[await _ask(client, keys[number % PEOPLE], number)] += 1
            seconds.append(time.monotonic() - begun)

    async with httpx.AsyncClient(base_url=site.address, timeout=longest(), limits=limits) as client:
        tasks = []
        for number in range(questions):
            if number and number % every == 0:
                await asyncio.to_thread(_promote, site.database, next(numbers))
                seen["promotions"] += 1
            async with gate:  # no more wait than may be asked at once
                tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(started + (number + 1) * pace_s - time.monotonic())
        await asyncio.gather(*tasks)
    return seen, seconds, time.monotonic() - started


def _promote(database, number):
    """Let the next build serve, and try the one after it on half of the people."""
    names = [f"ft:{(number + step) % BUILDS + 1}" for step in (0, 1)]
    rows = Promotions(database)
    promote_by_hand(rows, names[0], "cli:bench")
    row = rows.model(names[1]).model_row
    tried = {"model_row": row, "share": 0.5, "least": 1, "since": "", "until": ""}
    counts = dict.fromkeys(("answers", "failures", "serving_answers", "serving_failures"), 0)
    database.change(CANARY.delete())
    database.put(CANARY.insert({"dataset": DATASET, **tried, **counts}))


async def _ask(client, key, number):
    """Return how a question ended: serving, canary, failed or mixed."""
    body = talk(f"Вопрос {number}", stream=bool(number % 2))
    response = await client.post("/v1/chat/completions", json=body, headers=key)
    if response.status_code != httpx.codes.OK:
        return "failed"
    events = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    said = [json.loads(event) for event in events if event != "[DONE]"]
    parts = [part.get("delta", part.get("message")) for each in said for part in each["choices"]]
    words = "".join(part.get("content") or "" for part in parts)
    build, model = response.headers["merlin-build"], response.headers["merlin-model"]
    version = build.removeprefix(f"{DATASET}-")
    extension = said[-1]["merlin"]
    named = {each["system_fingerprint"] for each in said} | {build, extension["build"]}
    is_one = named == {f"{DATASET}-{version}"} and {model, extension["model"]} == {f"ft:{version}"}
    if not is_one or words != f"ft:{version} heard {[f'Text of {version}.']}":
        return "mixed"
    is_as_wished = extension["note"] == "" and extension["standing"] in {"serving", "canary"}
    return extension["standing"] if is_as_wished else "failed"
