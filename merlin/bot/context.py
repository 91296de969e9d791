"""What a handler works with: the update as it reads it, the person, the services; how it is added.

An update is read by hand and leniently, because Telegram adds fields and kinds without notice.

A pressed button gets its answer at once, beside the message that changes: until then Telegram
shows a spinning button. The answer is not worth a repeat: who sees nothing presses again, and what
the press did is stored by then.

A command's, a button's or a step's function runs in the transaction that stores its answer, so
that it is carried out once, whatever happens.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Self, TypeAlias

import telegram
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    CallbackContext,
    CallbackQueryHandler,
    CommandHandler,
    ExtBot,
    MessageHandler,
    TypeHandler,
    filters,
)

from merlin.account.users import User
from merlin.app.dialogs import Dialog
from merlin.app.inbox import Outcome, Update, UpdateState
from merlin.app.outbox import OutgoingMessage, QueuedMessage, Target
from merlin.app.texts import BOT_ID, BOT_NAME, Settings
from merlin.bot.bot_api import BotApi
from merlin.bot.files import Files, Sent, sent_of
from merlin.bot.markdown.entities import split
from merlin.bot.menu import Screen
from merlin.bot.outbox import LiveMessages, OnSent, OutboxSender
from merlin.bot.rate_limiter import SendClass
from merlin.bot.services import BotServices, Rows
from merlin.bot.streaming import BackgroundTask
from merlin.chat.answer import AnswerService, StopButtons
from merlin.chat.sessions import ChatPlace
from merlin.core.formatted_text import FormattedMessage, join_surrogates
from merlin.core.i18n import language_of
from merlin.db.writer import Store

NOBODY = User(0)
_AT_START = ("bot_command", 0)
_SEPARATOR = ":"
# Telegram marks no command in other letters, and a slash alone was sent by mistake.
_MISTYPED = re.compile(r"/\s*(\w*)\s*/?", re.UNICODE)
_FILES = frozenset({"voice", "photo", "document"})


@dataclass(frozen=True, slots=True)
class Event:
    """One update as a handler sees it.

    `text` is a message's text or a file's caption, "" for none; `command` its command without
    the slash, in lower case, "" for none, and `words` what stands behind it. `sent` is what else
    was sent, None for nothing. `verb` and `args` are a pressed button's; `message_id` is the
    message itself, or the one that the button stood under. `quoted` is the text of the message
    replied to, or what of it was picked. `is_resumed`: it may have been worked on before. `joined`
    are the updates whose words are part of `text`. `dialog` is what the bot waits to hear from
    this person, `user` who they are.
    """

    update: Update
    language: str
    is_private: bool
    text: str = ""
    command: str = ""
    words: str = ""
    sent: Sent | None = None
    verb: str = ""
    args: tuple[str, ...] = ()
    message_id: int = 0
    thread_id: int = 0
    quoted: str = ""
    is_forwarded: bool = False
    is_service: bool = False
    is_resumed: bool = False
    joined: tuple[Update, ...] = ()
    dialog: Dialog | None = None
    user: User = NOBODY

    @property
    def chat_id(self) -> int:
        """Return the chat that it belongs to."""
        return self.update.chat_id

    @property
    def user_id(self) -> int:
        """Return whose it is."""
        return self.update.user_id

    @property
    def update_id(self) -> int:
        """Return the update's id."""
        return self.update.update_id

    @property
    def format(self) -> str:
        """Return what a plan counts it as: text, voice, photo or document."""
        return self.sent.kind if self.sent is not None and self.sent.kind in _FILES else "text"

    @property
    def files(self) -> tuple[Sent, ...]:
        """Return what was sent with it and with the messages that belong to it."""
        others = (sent_of(_object(other.body, other.kind)) for other in self.joined)
        return tuple(each for each in (self.sent, *others) if each is not None)

    def with_replied(self) -> Event:
        """Return the event as if the file that it replies to had been sent with it.

        In a private chat only a photo: of a recording or a document the talk knows the words.
        """
        replied = _object(_object(self.update.body, self.update.kind), "reply_to_message")
        is_ours = _object(replied, "from").get("is_bot") is True
        found = sent_of(replied) if self.sent is None and not is_ours else None
        if found is None or found.kind not in ({"photo"} if self.is_private else _FILES):
            return self
        return replace(self, sent=found)

    @property
    def place(self) -> ChatPlace:
        """Return where its session lives."""
        return ChatPlace(self.chat_id, self.user_id, self.thread_id)

    @property
    def query_id(self) -> str:
        """Return the id of the query that waits for an answer, "" for none."""
        found = _object(self.update.body, self.update.kind).get("id")
        return found if isinstance(found, str) else ""

    @property
    def sender_name(self) -> str:
        """Return the name that the person shows, "" for none."""
        sender = _object(_object(self.update.body, self.update.kind), "from")
        named = (sender.get(word) for word in ("first_name", "last_name"))
        return " ".join(word for word in named if isinstance(word, str) and word)


def read_event(update: Update, language: str, *, is_resumed: bool = False) -> Event:
    """Return the update as a handler sees it; what cannot be read is as if it were not there.

    `language` is the person's own, or the bot's where they have none.
    """
    content = _object(update.body, update.kind)
    message = _object(content, "message") if update.kind == "callback_query" else content
    text = _text(content, "text") or _text(content, "caption")
    is_private = _object(message, "chat").get("type") == "private"
    command, words = _command(content, text, is_private=is_private)
    verb, args = pressed(update)
    quoted = _object(message, "reply_to_message")
    marked = _text(_object(message, "quote"), "text")
    return Event(
        update=update,
        language=language_of(update.language_code, language),
        is_private=is_private,
        text=text,
        command=command,
        words=words,
        sent=sent_of(content),
        verb=verb,
        args=args,
        message_id=_number(message, "message_id"),
        thread_id=_number(message, "message_thread_id") if message.get("is_topic_message") else 0,
        quoted=marked or _text(quoted, "text") or _text(quoted, "caption"),
        is_forwarded="forward_origin" in content,
        is_service=not text and sent_of(content) is None,
        is_resumed=is_resumed,
    )


def pressed(update: Update) -> tuple[str, tuple[str, ...]]:
    """Return the verb and arguments of a pressed button, "" and none for anything else."""
    if update.kind != "callback_query":
        return "", ()
    verb, *args = _text(_object(update.body, update.kind), "data").split(_SEPARATOR)
    return verb, tuple(args)


def _command(message: Mapping[str, Any], text: str, *, is_private: bool) -> tuple[str, str]:
    """Return the command that a message begins with; a forwarded message commands nothing.

    In a private chat a word behind a slash was meant as one too, and a slash alone as /help.
    """
    if "forward_origin" in message:
        return "", ""
    marks = message.get("entities")
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, Mapping) and (mark.get("type"), mark.get("offset")) == _AT_START:
            # Telegram's commands are ASCII, so units are characters here.
            length = _number(mark, "length")
            return text[1:length].partition("@")[0].lower(), text[length:].strip()
    found = _MISTYPED.fullmatch(text.strip()) if is_private and "text" in message else None
    return (found.group(1).lower() or "help", "") if found else ("", "")


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(within: Mapping[str, Any], name: str) -> str:
    found = within.get(name)
    return join_surrogates(found) if isinstance(found, str) else ""


def _number(within: Mapping[str, Any], name: str) -> int:
    found = within.get(name)
    return found if isinstance(found, int) else 0


@dataclass(frozen=True, slots=True)
class UpdateContext:
    """Who wrote, and the dialog that they are in."""

    user: User
    dialog: Dialog | None = None


def update_context_of(rows: Rows, update: Update) -> UpdateContext:
    """Return what is known now; to be called within the store's work."""
    user = rows.users.get(update.user_id) or User(update.user_id)
    return UpdateContext(user, rows.dialogs.get(update.chat_id, update.user_id))


# How long an answer about who somebody is in a chat is good for.
KNOWN_S = 60.0
_LEADING = frozenset({"creator", "administrator"})
_MOST_KNOWN = 1024
# Who wrote these settings.
BY = "bot"


class BotIdentity:
    """The bot as Telegram knows it; learnt at the start, or by the first group that speaks to it.

    `user_id` is 0 and `name` "" until then; `hears_all`: privacy mode is switched off.
    """

    def __init__(self, link_url: str = "https://t.me") -> None:
        self.user_id = 0
        self.name = ""
        self._link_url = link_url.rstrip("/")
        self.hears_all = False
        self._leads: dict[tuple[int, int], tuple[float, bool]] = {}

    async def learn(self, calls: BotApi) -> None:
        """Ask Telegram where it has not been reached by now."""
        if not self.name:
            await self.refresh(calls)

    async def refresh(self, calls: BotApi) -> None:
        """Ask Telegram again: its settings may have changed."""
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

    async def leads(self, calls: BotApi, chat_id: int, user_id: int) -> bool:
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


# Telegram's limit of an alert. Source: the Bot API, answerCallbackQuery.
ALERT_LENGTH = 200


class CallbackAnswer(BackgroundTask):
    """Answers the query of one event within `async with`, once the screen is known."""

    def __init__(self, calls: BotApi, event: Event) -> None:
        super().__init__()
        self._calls = calls
        self._query_id = event.query_id if event.update.kind == "callback_query" else ""
        self._known: asyncio.Future[Screen] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()

    def knows(self, screen: Screen) -> None:
        """Take the screen; called by the thread that writes to the database."""
        if self._query_id:
            self._loop.call_soon_threadsafe(self._take, screen)

    def _take(self, screen: Screen) -> None:
        if not self._known.done():
            self._known.set_result(screen)

    async def __aenter__(self) -> Self:
        return await super().__aenter__() if self._query_id else self

    def is_called_off(self, *, is_in_trouble: bool) -> bool:
        """Tell whether there is nothing to wait for: the screen of a failed press never comes."""
        return is_in_trouble

    async def run(self) -> None:
        """Answer the query as soon as the screen is known."""
        screen = await self._known
        fields: dict[str, Any] = {"callback_query_id": self._query_id}
        if screen.alert:
            fields |= {"text": screen.alert[:ALERT_LENGTH], "show_alert": screen.is_loud}
        if screen.link:
            fields["url"] = screen.link
        await self._calls.answer("answerCallbackQuery", fields)


@dataclass(frozen=True, slots=True)
class Kit:
    """The services and the parts made of them.

    `placed` are placeholders that stand in a chat and in no row yet, by their updates; `me` is
    what the bot knows of itself; `commands` are the handlers of commands, for what leads to one.
    """

    services: BotServices
    calls: BotApi
    sender: OutboxSender
    desk: AnswerService
    files: Files
    stops: StopButtons = field(default_factory=StopButtons)
    watches: LiveMessages = field(default_factory=LiveMessages)
    placed: dict[int, int] = field(default_factory=dict)
    me: BotIdentity = field(default_factory=BotIdentity)
    commands: dict[str, Handler] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """Return what runs work on the database."""
        return self.services.store

    @property
    def rows(self) -> Rows:
        """Return the rows; to be called within the store's work."""
        return self.services.rows

    def finish(self, event: Event, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update and of those joined to it; within the store's work."""
        ids = (event.update_id, *(update.update_id for update in event.joined))
        outcomes = [Outcome(update_id, state, reason) for update_id in ids]
        self.rows.inbox.finish(self.services.owner, event.chat_id, outcomes)

    def wait(self, event: Event, dialog: Dialog) -> None:
        """Let the person's next message belong to a dialog; within the store's work."""
        asked = replace(dialog, asked_by=event.update_id)
        self.rows.dialogs.put(event.chat_id, event.user_id, asked)

    def ending(self, event: Event, state: UpdateState, reason: str = "") -> OnSent:
        """Return what ends the update, when it is known whether its answer was confirmed."""

        def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
            if is_sure:
                self.finish(event, state, reason)
            else:
                self.finish(event, UpdateState.FAILED, "unconfirmed")

        return after

    async def end(self, event: Event, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update that gets no answer."""
        await self.store.do(lambda: self.finish(event, state, reason))

    async def show(
        self,
        event: Event,
        act: Callable[[], Screen],
        state: UpdateState = UpdateState.ANSWERED,
        reason: str = "",
    ) -> None:
        """Answer an update by the screen that `act` returns, and end it; once, whatever happens.

        `act` may read and write: it runs in the transaction that stores the screen. A pressed
        button is answered as soon as that is stored.
        """
        answered = CallbackAnswer(self.calls, event)

        def prepare() -> Sequence[QueuedMessage]:
            begun = self._begun(event) if event.is_resumed else []
            screen = Screen(None) if begun else act()
            answered.knows(screen)
            return begun or self.rows.outbox.put(letters(event, screen))

        async with answered:
            await self.sender.deliver(prepare, self.ending(event, state, reason), event.language)

    def _begun(self, event: Event) -> Sequence[QueuedMessage]:
        """Return what an earlier try stored to be said; a screen costs nothing of a plan."""
        self.rows.quotas.give_back(event.update_id)
        return self.rows.outbox.of_update(event.update_id)

    async def say(
        self, event: Event, words: str, state: UpdateState = UpdateState.ANSWERED, reason: str = ""
    ) -> None:
        """Answer an update by plain words, and end it."""
        await self.show(event, lambda: Screen(FormattedMessage(words)), state, reason)


def letters(event: Event, screen: Screen) -> list[OutgoingMessage]:
    """Return a screen as letters that answer an update: edited in, or sent behind each other."""
    if screen.page is None:
        return []
    is_edit = event.verb != "" and not screen.is_new
    first = replace(spot_of(event), edit_of=event.message_id if is_edit else 0)
    return page_letters(event, split(screen.page), first)


def page_letters(
    event: Event, pages: Sequence[FormattedMessage], first: Target | None = None, number: int = 0
) -> list[OutgoingMessage]:
    """Return pages as letters that answer an update, numbered from `number`."""
    spot = spot_of(event)
    spots = [first or spot, *[spot] * len(pages)][: len(pages)]
    return [
        OutgoingMessage(
            f"update:{event.update_id}:{place}", event.chat_id, page, event.update_id, at
        )
        for place, (page, at) in enumerate(zip(pages, spots, strict=True), number)
    ]


def spot_of(event: Event) -> Target:
    """Return where answers to an update go: into its topic, in groups under its message.

    The answer to an edited message stands under it too: between lies what was said since.
    """
    is_edited = event.update.kind == "edited_message"
    is_reply = is_edited or not (event.is_private or event.verb)
    reply_to = event.message_id if is_reply else 0
    return Target(event.thread_id, reply_to)


# Deals with an update whole, and ends it.
Handler = Callable[[Kit, Event], Awaitable[None]]
# Says what an update leads to; may read and write rows.
Act = Callable[[Kit, Event], Screen]


def told(act: Act) -> Handler:
    """Return the handler that shows what `act` says."""

    async def handle(kit: Kit, event: Event) -> None:
        await kit.show(event, lambda: act(kit, event))

    return handle


class BotData:
    """What the handlers of one bot share, as python-telegram-bot's `bot_data`.

    `events` are the updates in work, and `errors` what their handlers raised, by update.
    """

    kit: Kit

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}
        self.errors: dict[int, Exception] = {}


_Data: TypeAlias = dict[Any, Any]


class Context(CallbackContext[ExtBot[SendClass], _Data, _Data, BotData]):
    """The library's context, with the update as our handlers read it."""

    _update_id = 0

    @classmethod
    def from_update(cls, update: object, application: Any) -> Self:
        """Return the context of one update."""
        context = super().from_update(update, application)
        if isinstance(update, telegram.Update):
            context._update_id = update.update_id
        return context

    @property
    def event(self) -> Event:
        """Return the update as it is read now; a guard may have put another in its place."""
        return self.bot_data.events[self._update_id]

    @event.setter
    def event(self, event: Event) -> None:
        self.bot_data.events[self._update_id] = event


BotApplication: TypeAlias = Application[ExtBot[SendClass], Context, _Data, _Data, BotData, None]
# Looks at an update before its handler: returns it as the handler is to see it, None once ended.
Guard = Callable[[Kit, Event], Awaitable[Event | None]]


class GuardGroup(IntEnum):
    """The groups of guards, in the order in which they look at an update; handlers are in 0."""

    UNREADABLE = -5
    PAYMENT = -4
    BLOCKED = -3
    GROUP = -2
    PRIVATE = -1


def add_guard(application: BotApplication, guard: Guard, group: GuardGroup) -> None:
    """Let `guard` look at every update before its handler does."""

    async def callback(_update: telegram.Update, context: Context) -> None:
        event = await guard(context.bot_data.kit, context.event)
        if event is None:
            raise ApplicationHandlerStop
        context.event = event

    application.add_handler(TypeHandler(telegram.Update, callback), group)


def add_handlers(
    application: BotApplication,
    *,
    commands: Mapping[str, Handler] | None = None,
    buttons: Mapping[str, Handler] | None = None,
    steps: Mapping[str, Handler] | None = None,
) -> None:
    """Add handlers by command, by the verb of a button, and by the step of a dialog."""
    written = filters.UpdateType.MESSAGE & ~filters.FORWARDED
    for name, handler in (commands or {}).items():
        application.bot_data.kit.commands[name] = handler
        application.add_handler(CommandHandler(name, callback_of(handler), written))
    for verb, handler in (buttons or {}).items():
        pattern = rf"{re.escape(verb)}(?:{_SEPARATOR}|\Z)"
        application.add_handler(CallbackQueryHandler(callback_of(handler), pattern))
    for step, handler in (steps or {}).items():
        awaited = Awaited(application.bot_data, step)
        application.add_handler(MessageHandler(awaited, callback_of(handler)))


def callback_of(
    handler: Handler,
) -> Callable[[telegram.Update, Context], Coroutine[Any, Any, None]]:
    """Return the library's callback that lets `handler` deal with an update."""

    async def callback(_update: telegram.Update, context: Context) -> None:
        await handler(context.bot_data.kit, context.event)

    return callback


class Awaited(filters.UpdateFilter):
    """Takes the words for which a dialog waits in this step."""

    def __init__(self, data: BotData, step: str) -> None:
        super().__init__()
        self._data = data
        self._step = step

    def filter(self, update: telegram.Update) -> bool:
        """Return whether the update answers the step."""
        event = self._data.events[update.update_id]
        if event.dialog is None or event.dialog.step != self._step:
            return False
        return is_awaited(self._data.kit, event)


def is_awaited(kit: Kit, event: Event) -> bool:
    """Return whether a dialog of a private chat waits for this message."""
    if event.dialog is None or not event.is_private or event.update.kind != "message":
        return False
    return not event.command and event.dialog.awaits(event.update_id, kit.services.clock())
