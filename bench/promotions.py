"""Promote models under 50 questions per second at /v1; count failed and mixed answers.

Every answer must be complete and from one model with its own system text. Every second question is
streamed; after each `EVERY` questions another model is promoted.
"""

import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from bench.figures import line
from merlin.account.api_keys import Scope
from merlin.db.tables import BUILD
from merlin.training.promote import Promotions, promote_by_hand
from tests.api.chat_api import chat_request
from tests.api.running_api import run_api
from tests.support.http_servers import Handler, Server, serve_http
from tests.support.process_settings import Provider
from tests.support.serving_models import insert_live_model
from tests.support.waiting import longest

QUESTIONS = 2525
EVERY = 25
PACE_S = 1 / 50
DATASET = "algorithms"
BUILDS = 5
PEOPLE = 20
AT_ONCE = 16
THINKING_S = 0.1


class EchoProvider(Server):  # type: ignore[misc]
    """A provider whose models answer with their own name and the system text they received."""

    def __init__(self) -> None:
        self.dice = random.Random(20)  # noqa: S311 - a repeatable sample
        super().__init__(_Echo)


class _Echo(Handler):  # type: ignore[misc]
    def get(self) -> None:
        self.answer(200, b'{"data": []}')

    def post(self) -> None:
        document = json.loads(self.body())
        system_texts = [
            message["content"]
            for message in document["messages"]
            if message["role"] == "system"
        ]
        time.sleep(self.server.dice.uniform(0, THINKING_S))  # so that questions overlap
        pieces: list[Any] = [
            {"delta": {"content": content}}
            for content in (document["model"], f" received {system_texts}")
        ]
        pieces.append({"delta": {}, "finish_reason": "stop"})
        events = [f"data: {json.dumps({'choices': [piece]})}\n\n" for piece in pieces]
        self.answer(
            200, "".join([*events, "data: [DONE]\n\n"]).encode(), "text/event-stream"
        )


def ask_while_promoting(folder: Path) -> tuple[Counter[str], list[float], float]:
    """Return outcome counts (see `_ask`) with promotions; seconds of each question and of all."""
    with serve_http(EchoProvider()) as echo:
        providers = (Provider("chat", f"{echo.url}/v1", "sk-of-the-tests"),)
        with run_api(folder, providers=providers) as site:
            for number in range(1, BUILDS + 1):
                insert_live_model(
                    site.database, f"ft:{number}", number=number, dataset=DATASET
                )
                query = BUILD.update({"system": f"Text of {number}."})
                site.database.change(query.where(BUILD.number == number))
            people = range(5001, 5001 + PEOPLE)
            for user_id in people:
                site.add_user(user_id)
            keys = [site.key_headers(user_id, Scope.CHAT_WRITE) for user_id in people]
            return asyncio.run(_run(site, keys))


async def _run(site: Any, keys: list[Any]) -> tuple[Counter[str], list[float], float]:
    outcomes = Counter[str]()
    seconds = list[float]()
    numbers = count()
    gate = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE)
    started = time.monotonic()

    async def one(number: int) -> None:
        async with gate:
            asked_at = time.monotonic()
            outcomes[await _ask(client, keys[number % PEOPLE], number)] += 1
            seconds.append(time.monotonic() - asked_at)

    async with httpx.AsyncClient(
        base_url=site.address, timeout=longest(), limits=limits
    ) as client:
        tasks = []
        for number in range(QUESTIONS):
            if number and number % EVERY == 0:
                model = f"ft:{next(numbers) % BUILDS + 1}"
                promotions = Promotions(site.database)
                await asyncio.to_thread(promote_by_hand, promotions, model, "cli:bench")
                outcomes["promotions"] += 1
            async with gate:  # no more tasks wait than may run at once
                tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(started + (number + 1) * PACE_S - time.monotonic())
        await asyncio.gather(*tasks)
    return outcomes, seconds, time.monotonic() - started


async def _ask(client: httpx.AsyncClient, key: Any, number: int) -> str:
    """Return the outcome of a question: serving, failed or mixed."""
    body = chat_request(f"Вопрос {number}", stream=bool(number % 2))
    response = await client.post("/v1/chat/completions", json=body, headers=key)
    if response.status_code != httpx.codes.OK:
        return "failed"
    events = [
        line.removeprefix("data: ") for line in response.text.splitlines() if line
    ]
    chunks = [json.loads(event) for event in events if event != "[DONE]"]
    parts = [
        part.get("delta", part.get("message"))
        for chunk in chunks
        for part in chunk["choices"]
    ]
    answer = "".join(part.get("content") or "" for part in parts)
    extension = chunks[-1]["merlin"]
    version = extension["model"].removeprefix("ft:")
    names = {chunk["system_fingerprint"] for chunk in chunks} | {extension["build"]}
    is_one = names == {f"{DATASET}-{version}"}
    if not is_one or answer != f"ft:{version} received {[f'Text of {version}.']}":
        return "mixed"
    is_serving = (extension["note"], extension["model_role"]) == ("", "serving")
    return "serving" if is_serving else "failed"


def run() -> None:
    """Print the results of the questions, and the times of answers."""
    with tempfile.TemporaryDirectory() as folder:
        counts, seconds, total_s = ask_while_promoting(Path(folder))
    print(f"{counts['promotions']} promotions, {QUESTIONS} questions")
    print(
        f"whole: {counts['serving']}; failed {counts['failed']}; mixed {counts['mixed']}"
    )
    print(f"{QUESTIONS / total_s:.1f} questions/s; {line('an answer', seconds)}")
