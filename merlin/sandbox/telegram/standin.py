"""The door for tests: a stand-in of Telegram in a thread, on a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from merlin.sandbox.faults import Faults
from merlin.sandbox.standin import StandIn
from merlin.sandbox.telegram.acting import Acting
from merlin.sandbox.telegram.app import TelegramApp, TelegramSettings
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.logged import Call, LoggedMessage
from merlin.sandbox.telegram.people import TOKEN
from merlin.sandbox.telegram.world import World

T = TypeVar("T")


class TelegramStandIn(StandIn):
    """Telegram, as far as a bot can tell; `with TelegramStandIn() as telegram:`.

    `stop` and `start` again is Telegram down and back: same port, same state. A new stand-in
    over the same `folder` is Telegram's own restart. People are named anna, boris, vera; any
    positive number is one more person, who speaks English.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        token: str = TOKEN,
        port: int = 0,
        seed: int = 0,
        pipeline_url: str = "",
    ) -> None:
        self.token = token
        self.faults = Faults(seed=seed)
        settings = TelegramSettings(folder, token, pipeline_url)
        self._world = World(folder)
        self._acting = Acting(self._world)
        self._changed = threading.Condition()
        self._world.listeners.append(self._wake)
        super().__init__(lambda: TelegramApp(settings, self._world, self.faults), port)

    @property
    def page_url(self) -> str:
        """Return the address of the chat page."""
        return f"http://127.0.0.1:{self._server.port}/"

    @property
    def base_url(self) -> str:
        """Return what python-telegram-bot takes as `base_url`."""
        return f"{self.page_url}bot"

    @property
    def base_file_url(self) -> str:
        """Return what python-telegram-bot takes as `base_file_url`."""
        return f"{self.page_url}file/bot"

    def say(self, person: str | int, text: str, *, reply_to: int = 0) -> int:
        """Let somebody write; return the update_id."""
        return self._server.call(lambda: self._acting.say(person, text, reply_to))

    def edit(self, person: str | int, message_id: int, text: str) -> int:
        """Let somebody correct an own message; return the update_id."""
        return self._server.call(lambda: self._acting.edit(person, message_id, text))

    def press(
        self, person: str | int, wanted: str, message_id: int = 0, *, forged: bool = False
    ) -> int:
        """Let somebody press the key with this data or label; return the update_id."""
        return self._server.call(
            lambda: self._acting.press(person, wanted, message_id, forged=forged)
        )

    def send_file(
        self,
        person: str | int,
        upload: Upload,
        *,
        kind: str = "document",
        caption: str = "",
        seconds: int = 0,
    ) -> int:
        """Let somebody send a document, photo or voice; return the update_id."""
        return self._server.call(
            lambda: self._acting.send_file(person, kind, upload, caption, seconds)
        )

    def block(self, person: str | int, *, blocked: bool = True) -> int:
        """Let somebody block the bot, or let it in again; return the update_id."""
        return self._server.call(lambda: self._acting.block(person, blocked=blocked))

    def log(self, chat: str | int) -> list[LoggedMessage]:
        """Return every message of somebody's chat, oldest first, deleted ones too."""

        def read() -> list[LoggedMessage]:
            person = self._acting.person(chat)
            return list(self._world.messages.get(person.person_id, {}).values())

        return self._read(read)

    def answers(self, chat: str | int) -> list[LoggedMessage]:
        """Return what the bot's messages in somebody's chat now say, without deleted ones."""
        return [one for one in self.log(chat) if one.by_bot and not one.deleted_at]

    def calls(self, method: str = "") -> list[Call]:
        """Return the bot's calls, oldest first; all, or those of one method."""
        return self._read(
            lambda: [call for call in self._world.calls if method in {"", call.method}]
        )

    def pending(self) -> list[Mapping[str, Any]]:
        """Return the updates that the bot has not confirmed."""
        return self._read(lambda: list(self._world.updates.values()))

    def is_polled(self) -> bool:
        """Return whether a bot waits in getUpdates now."""
        return self._world.pollers > 0

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = 10.0) -> T:
        """Return the first true value of `predicate`, asked after every change.

        Raises TimeoutError that tells the bot's last calls.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if value := predicate():
                return value
            left = deadline - time.monotonic()
            if left <= 0:
                last = [(call.method, call.status) for call in self.calls()[-8:]]
                raise TimeoutError(f"not within {timeout_s} s; last calls: {last}")
            with self._changed:
                # Conditions outside the stand-in change unheard, so look again soon.
                self._changed.wait(min(left, 0.02))

    def _wake(self, _kind: str, _change: Mapping[str, Any]) -> None:
        with self._changed:
            self._changed.notify_all()
