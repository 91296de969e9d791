"""Loads with faults: a chat in a flood wait, and repeated updates in random order."""

import asyncio
import random
import re
import statistics
import time

from bench.chat_loads import FIRST_CHAT, Loads
from bench.chat_meter import Figures
from bench.chat_model import question
from bench.chat_order import BUYER, PAYLOAD, PRICE

FLOODED = FIRST_CHAT - 1
# The first of the chats that only `measure_crowd` uses.
CROWD = FIRST_CHAT + 1000
WAIT_S = 12
_QUERY = re.compile(rb"query-\d+")
_AGREED = re.compile(rb"ok=true", re.IGNORECASE)


class Troubles:
    """The loads with faults; each returns its figures."""

    def __init__(self, loads: Loads) -> None:
        self._loads = loads
        self._telegram = loads.telegram
        self._paid: dict[str, asyncio.Event] = {}

    async def measure_flood(self, probes: int = 8) -> Figures:
        """Measure questions and payments of others while one chat is in a flood wait."""
        self._telegram.on_call = self._on_call
        self._loads.reset()
        self._telegram.flood(FLOODED, WAIT_S)
        self._loads.ask(FLOODED)
        await asyncio.sleep(self._loads.provider.seconds + 0.5)
        waits = [await self._probe(number) for number in range(probes)]
        started_at = time.monotonic()
        await self._loads.wait_for_answers()
        return {
            "pre_checkout_s": max(wait[0] for wait in waits),
            "others_s": max(wait[1] for wait in waits),
            "flooded_after_s": time.monotonic() - started_at,
        }

    async def _probe(self, number: int) -> tuple[float, float]:
        """Return the seconds of a payment, and of another chat's answer beyond the model's time."""
        paying = asyncio.create_task(self._pay(number))
        answer_task = asyncio.create_task(self._loads.measure_answer(FIRST_CHAT + number))
        return await paying, await answer_task

    async def _pay(self, number: int) -> float:
        """Return the seconds until the bot accepted the payment of a real order.

        Raises TimeoutError if it refuses, or accepts after more than WAIT_S.
        """
        person = {"id": BUYER, "is_bot": False, "first_name": "U", "language_code": "ru"}
        query_id = f"query-{number}"
        query = {"id": query_id, "from": person, "currency": "XTR", "total_amount": PRICE}
        paid = self._paid[query_id] = asyncio.Event()
        started_at = time.monotonic()
        self._telegram.add_event({"pre_checkout_query": {**query, "invoice_payload": PAYLOAD}})
        async with asyncio.timeout(WAIT_S):
            await paid.wait()
        return time.monotonic() - started_at

    async def measure_crowd(self, asking: int = 200, payments: int = 40) -> Figures:
        """Measure payments while many questions are answered and one chat is in a flood wait."""
        self._telegram.on_call = self._on_call
        self._loads.reset()
        self._telegram.flood(FLOODED, WAIT_S)
        self._loads.ask(FLOODED)
        for number in range(asking):
            self._loads.ask(CROWD + number)
        waits = []
        for number in range(payments):
            await asyncio.sleep(self._loads.provider.seconds / payments)
            waits.append(await self._pay(number))
        await self._loads.wait_for_answers()
        return {"usual_s": statistics.median(waits), "worst_s": max(waits)}

    def _on_call(self, method: str, body: bytes) -> None:
        if method == "answerPreCheckoutQuery" and _AGREED.search(body):
            match = _QUERY.search(body)
            if match and match[0].decode() in self._paid:
                self._paid[match[0].decode()].set()

    async def deliver_storm(self, updates: int, chats: int, seed: int) -> Figures:
        """Deliver updates to the bot in random order, each one to three times."""
        rng = random.Random(seed)  # noqa: S311 - repeatable
        self._loads.reset()
        self._loads.messages_by_key.clear()
        distinct = [
            self._telegram.make_message_update(FIRST_CHAT + number % chats, question(number))
            for number in range(1, updates + 1)
        ]
        deliveries = [update for update in distinct for _ in range(rng.randint(1, 3))]
        rng.shuffle(deliveries)
        self._telegram.replay(deliveries)
        return {"deliveries": len(deliveries)}

    async def count_storm_answers(self) -> Figures:
        """Return how many deliveries are unconfirmed, and how many questions were answered."""
        counts = [len(messages) for messages in self._loads.messages_by_key.values()]
        return {
            "left": self._telegram.count_unconfirmed(),
            "answered": len(counts),
            "doubled": sum(count > 1 for count in counts),
        }
