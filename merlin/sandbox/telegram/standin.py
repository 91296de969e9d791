"""A stand-in of Telegram in a thread, on a port of its own, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from merlin.sandbox.deadlines import DEADLINE_S, Deadline
from merlin.sandbox.faults import Faults
from merlin.sandbox.server import StandIn
from merlin.sandbox.telegram.chat_page import PipelineReader
from merlin.sandbox.telegram.keyboards import menu_for
from merlin.sandbox.telegram.server import TelegramApp, TelegramSettings
from merlin.sandbox.telegram.stars import balance
from merlin.sandbox.telegram.user_actions import UserActions
from merlin.sandbox.telegram.world import TOKEN, Call, Group, LoggedMessage, World

T = TypeVar("T")
LOOK_S = 0.02
P = ParamSpec("P")


def _by_people(
    act: Callable[Concatenate[UserActions, P], T],
) -> Callable[Concatenate[TelegramStandIn, P], T]:
    """Return an act of people's as the stand-in's own method, run in the server's thread."""

    def done(standin: TelegramStandIn, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return standin.act(lambda actions: act(actions, *args, **kwargs))

    done.__doc__ = act.__doc__
    return done


class TelegramStandIn(StandIn):
    """Telegram, as far as a bot can tell; `with TelegramStandIn() as telegram:`.

    `stop` and `start` again is Telegram down and back: same port, same state. A new stand-in
    over the same `folder` is Telegram's own restart. People are named anna, boris, vera; any
    positive number is one more person, who speaks English. All three and the bot are in the
    groups study and seminar (a forum); `anna@study` is anna there, `anna#12` is she in a topic.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        token: str = TOKEN,
        read_pipeline: PipelineReader | None = None,
    ) -> None:
        self.token = token
        self.faults = Faults()
        settings = TelegramSettings(folder, token, read_pipeline)
        self._world = World(folder)
        self._actions = UserActions(self._world)
        self._changed = threading.Condition()
        self._world.listeners.append(self._wake)
        super().__init__(lambda: TelegramApp(settings, self._world, self.faults))

    @property
    def page_url(self) -> str:
        """Return the address of the chat page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def base_url(self) -> str:
        """Return what python-telegram-bot takes as `base_url`."""
        return f"{self.page_url}bot"

    @property
    def base_file_url(self) -> str:
        """Return what python-telegram-bot takes as `base_file_url`."""
        return f"{self.page_url}file/bot"

    say = _by_people(UserActions.say)
    start_bot = _by_people(UserActions.start)
    paste = _by_people(UserActions.paste)
    edit = _by_people(UserActions.edit)
    forward = _by_people(UserActions.forward)
    forward_words = _by_people(UserActions.forward_words)
    send_file = _by_people(UserActions.send_file)
    send_album = _by_people(UserActions.send_album)
    press = _by_people(UserActions.press)
    react = _by_people(UserActions.react)
    block = _by_people(UserActions.block)
    ask_inline = _by_people(UserActions.ask_inline)
    inline_answer = _by_people(UserActions.inline_answer)
    choose = _by_people(UserActions.choose)
    set_bot = _by_people(UserActions.set_bot)
    migrate = _by_people(UserActions.migrate)
    make_topic = _by_people(UserActions.make_topic)
    close_topic = _by_people(UserActions.close_topic)
    switch = _by_people(UserActions.switch)
    pay = _by_people(UserActions.pay)
    renew = _by_people(UserActions.renew)
    take_back = _by_people(UserActions.take_back)

    def act(self, what: Callable[[UserActions], T]) -> T:
        """Let people do something, in the server's own thread."""
        return self._read(lambda: what(self._actions))

    def group(self, name: str) -> Group:
        """Return a group as it now is: its id, its members."""
        return self._read(lambda: self._world.group(name))

    def topics(self, chat: str | int) -> dict[int, str]:
        """Return the names of a chat's topics by their thread ids."""

        def read() -> dict[int, str]:
            topics = self._world.topics.get(self._actions.chat(chat).chat_id, {})
            return {thread: one["name"] for thread, one in topics.items()}

        return self._read(read)

    def menu(self, who: str | int) -> list[dict[str, Any]]:
        """Return the commands that a client offers somebody, in private or `anna@study`."""

        def read() -> list[dict[str, Any]]:
            place = self._actions.place(who)
            return menu_for(self._world, place.person, place.chat)

        return self._read(read)

    def downloaded(self, file_id: str) -> bytes:
        """Return the bytes of a file that somebody sent."""
        return self._read(lambda: self._world.content(file_id))

    def log(self, chat: str | int) -> list[LoggedMessage]:
        """Return every message of a chat, oldest first, deleted ones too.

        `chat` is a person's name or id, a group's, or `anna@study`; `…#12` is one topic alone.
        """

        def read() -> list[LoggedMessage]:
            name, _, thread = str(chat).partition("#")
            messages = self._world.messages.get(self._actions.chat(name).chat_id, {}).values()
            return [one for one in messages if not thread or one.thread == int(thread)]

        return self._read(read)

    def answers(self, chat: str | int) -> list[LoggedMessage]:
        """Return what the bot's messages in a chat now say, without deleted ones."""
        return [one for one in self.log(chat) if one.by_bot and not one.deleted_at]

    def stars(self, who: str | int) -> int:
        """Return how many Stars somebody has."""
        return self._read(lambda: balance(self._world, self._actions.person(who).person_id))

    def subscriptions(self) -> dict[str, dict[str, Any]]:
        """Return the subscriptions by their first charge."""
        return self._read(lambda: dict(self._world.subscriptions))

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

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = DEADLINE_S) -> T:
        """Return the first true value of `predicate`, asked after every change.

        `timeout_s` is for an idle machine. Raises TimeoutError that tells the bot's last calls.
        """
        deadline = Deadline(timeout_s)
        while not (value := predicate()):
            if deadline.is_over():
                last = [(call.method, call.status) for call in self.calls()[-8:]]
                raise TimeoutError(f"not within {deadline.allowed_s:.1f} s; last calls: {last}")
            with self._changed:
                # Conditions outside the stand-in change unheard, so look again soon.
                self._changed.wait(LOOK_S)
        return value

    def _wake(self, _kind: str, _change: Mapping[str, Any]) -> None:
        with self._changed:
            self._changed.notify_all()
