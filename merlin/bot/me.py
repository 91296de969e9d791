"""Me: what the bot knows of itself: who it is, and whether groups show it everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from merlin.chat.setting import BOT_ID, BOT_NAME, Settings

# How long an answer about who somebody is in a chat is good for.
KNOWN_S = 60.0
_LEADING = frozenset({"creator", "administrator"})
_MOST_KNOWN = 1024
# Who wrote these settings.
BY = "bot"


class Asking(Protocol):
    """The one call that is needed here."""

    async def ask(self, method: str, fields: Mapping[str, Any]) -> Any:
        """Return what a call brings, tried once; None where Telegram does not take it."""


class Me:
    """The bot as Telegram knows it; learnt at the start, or later where Telegram was down.

    `user_id` is 0 and `name` "" until then; `hears_all`: privacy mode is switched off.
    """

    def __init__(self, link_url: str = "https://t.me") -> None:
        self.user_id = 0
        self.name = ""
        self._link_url = link_url.rstrip("/")
        self.hears_all = False
        self._leads: dict[tuple[int, int], tuple[float, bool]] = {}

    async def learn(self, calls: Asking, *, again: bool = False) -> None:
        """Ask Telegram, unless it is known; `again`: ask in any case."""
        if self.name and not again:
            return
        told = await calls.ask("getMe", {})
        if isinstance(told, Mapping):
            self.knows(told)

    def knows(self, told: Mapping[str, Any]) -> None:
        """Take what getMe said."""
        self.user_id = int(told.get("id", 0))
        self.name = str(told.get("username", ""))
        self.hears_all = told.get("can_read_all_group_messages") is True

    def leave_word(self, settings: Settings) -> None:
        """Store who the bot is, for the api, which knows no token; within the store's work."""
        settings.put(BOT_ID, str(self.user_id), BY)
        settings.put(BOT_NAME, self.name, BY)

    def link(self, payload: str) -> str:
        """Return the address that opens the private chat with these words for /start."""
        return f"{self._link_url}/{self.name}?start={payload}"

    async def leads(self, calls: Asking, chat_id: int, user_id: int) -> bool:
        """Return whether somebody administers a chat, as Telegram said within a minute."""
        now = asyncio.get_running_loop().time()
        until, leads = self._leads.get((chat_id, user_id), (0.0, False))
        if until > now:
            return leads
        who = {"chat_id": chat_id, "user_id": user_id}
        told = await calls.ask("getChatMember", who)
        if not isinstance(told, Mapping):
            return False
        if len(self._leads) >= _MOST_KNOWN:
            self._leads.clear()
        leads = told.get("status") in _LEADING
        self._leads[(chat_id, user_id)] = (now + KNOWN_S, leads)
        return leads
