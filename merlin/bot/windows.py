"""Windows: what providers list and how many tokens each model takes, asked of them now and then.

At the start, then every hour; a provider that did not answer is asked again after a minute, and so
is one that lacks a serving model, because a new model is listed when it has been made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from merlin.bot.services import BotServices
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger

log = get_logger(__name__)

EVERY_S = 3600.0
LOOK_S = 60.0
MOST_LISTED = 1000


class ModelLists:
    """Asks every provider of the bot for its list, and stores what is new."""

    def __init__(self, services: BotServices) -> None:
        self._services = services
        self._due: dict[str, float] = {}
        self._said: dict[str, Mapping[str, int | None]] = {}

    async def run(self) -> None:
        """Ask for as long as the bot runs."""
        while True:
            await self.round()
            await asyncio.sleep(LOOK_S)

    async def round(self) -> None:
        """Ask those whose time has come, side by side."""
        lacking = await self._services.store.read(self._lacking)
        now = asyncio.get_running_loop().time()
        due = [
            provider
            for provider in self._services.answerers
            if provider in lacking or self._due.get(provider, now) <= now
        ]
        await asyncio.gather(*map(self._ask, due))

    def _lacking(self) -> set[str]:
        """Return the providers whose list does not have a model that serves by now."""
        serving = [one.model for one in self._services.rows.showcase.all_serving()]
        said = self._said
        return {one.provider for one in serving if one.model_id not in said.get(one.provider, {})}

    async def _ask(self, provider: str) -> None:
        try:
            cards = await self._services.answerers[provider].models()
        except ProviderError as error:
            log.info("models are not listed", provider=provider, reason=str(error))
            return
        windows = {card.model_id: card.context_window for card in cards[:MOST_LISTED]}
        self._due[provider] = asyncio.get_running_loop().time() + EVERY_S
        # What a refusal told meanwhile is truer than the same list once more.
        if windows != self._said.get(provider):
            await self._services.store.do(
                lambda: self._services.rows.listed.relist(provider, windows)
            )
            self._said[provider] = windows
