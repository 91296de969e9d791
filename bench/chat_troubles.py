"""Loads with trouble in them: a chat in a flood wait, and a storm of repeated updates."""

from __future__ import annotations

import asyncio
import random
import re
import statistics
import time
from contextlib import suppress

from bench.chat_loads import FIRST_CHAT, Loads
from bench.chat_meter import Figures
from bench.chat_model import question
from bench.chat_order import BUYER, PAYLOAD, PRICE

FLOODED = FIRST_CHAT - 1
# Chats of which nobody else asks.
CROWD = FIRST_CHAT + 1000
WAIT_S = 12
_QUERY = re.compile(rb"query-\d+")
_AGREED = re.compile(rb"ok=true", re.IGNORECASE)


class Troubles:
    """The loads that break something; each returns its figures."""

    def __init__(self, loads: Loads) -> None:
        self._loads = loads
        self._telegram = loads.telegram
        self._paid: dict[str, asyncio.Event] = {}

    async def flood(self, probes: int = 8) -> Figures:
        """Let others ask and pay while one chat has to wait; tell how long they waited."""
        self._telegram.called = self._called
        self._loads.begin()
        self._telegram.flood(FLOODED, WAIT_S)
        self._loads.ask(FLOODED)
        await asyncio.sleep(self._loads.provider.seconds + 0.5)
        waits = [await self._probe(number) for number in range(probes)]
        begun = time.monotonic()
        await self._loads.end()
        return {
            "pre_checkout_s": max(wait[0] for wait in waits),
            "others_s": max(wait[1] for wait in waits),
            "flooded_after_s": time.monotonic() - begun,
        }

    async def _probe(self, number: int) -> tuple[float, float]:
        """Return how long a payment and another chat's answer took beyond the model."""
        paying = asyncio.create_task(self._pay(number))
        answered = asyncio.create_task(self._loads.answered(FIRST_CHAT + number))
        return await paying, await answered

    async def _pay(self, number: int) -> float:
        """Return after how long the bot agreed to the payment of a real order."""
        person = {"id": BUYER, "is_bot": False, "first_name": "U", "language_code": "ru"}
        query_id = f"query-{number}"
        asked = {"id": query_id, "from": person, "currency": "XTR", "total_amount": PRICE}
        paid = self._paid[query_id] = asyncio.Event()
        begun = time.monotonic()
        self._telegram.happens({"pre_checkout_query": {**asked, "invoice_payload": PAYLOAD}})
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await paid.wait()
        return time.monotonic() - begun

    async def crowd(self, asking: int = 200, payments: int = 40) -> Figures:
        """Let somebody pay while a crowd is being answered and one chat has to wait."""
        self._telegram.called = self._called
        self._loads.begin()
        self._telegram.flood(FLOODED, WAIT_S)
        self._loads.ask(FLOODED)
        for place in range(asking):
            self._loads.ask(CROWD + place)
        waits = []
        for number in range(payments):
            await asyncio.sleep(self._loads.provider.seconds / payments)
            waits.append(await self._pay(number))
        await self._loads.end()
        return {"usual_s": statistics.median(waits), "worst_s": max(waits)}

    def _called(self, method: str, body: bytes) -> None:
        if method == "answerPreCheckoutQuery" and _AGREED.search(body):
            found = _QUERY.search(body)
            if found and found[0].decode() in self._paid:
                self._paid[found[0].decode()].set()

    async def storm(self, updates: int, chats: int, seed: int) -> Figures:
        """Put updates before the bot, each one to three times, in no order."""
        chance = random.Random(seed)  # noqa: S311 - the same storm for the same seed
        self._loads.begin()
        self._loads.whole.clear()
        made = [
            self._telegram.made(FIRST_CHAT + number % chats, question(number))
            for number in range(1, updates + 1)
        ]
        handed = [update for update in made for _ in range(chance.randint(1, 3))]
        chance.shuffle(handed)
        self._telegram.storm(handed)
        return {"deliveries": len(handed)}

    async def stormed(self) -> Figures:
        """Return how many deliveries are left, and how often each question was answered."""
        times = [len(messages) for messages in self._loads.whole.values()]
        return {
            "left": self._telegram.waiting,
            "answered": len(times),
            "doubled": sum(count > 1 for count in times),
        }
