"""What a handler works with: the update as it reads it, the person, the services.

A pressed button gets its answer at once, beside the message that changes: until then Telegram
shows a spinning button. The answer is not worth a repeat: who sees nothing presses again, and what
the press did is stored by then.

A command's, a button's or a step's function runs in the transaction that stores its answer, so
that it is carried out once, whatever happens.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Self, TypeAlias, cast

import telegram
from telegram.ext import Application, CallbackContext, ExtBot, filters

from merlin.account.users import User, Users
from merlin.app.inbox import Dialog, Dialogs, Inbox, Update, UpdateState, json_integer, json_object
from merlin.app.outbox import OutgoingMessage, QueuedMessage, Target
from merlin.billing.quota import Quotas
from merlin.bot.bot_api import BotApi, Files
from merlin.bot.menu import View
from merlin.bot.outbox import LiveMessages, OnSent, OutboxSender
from merlin.bot.services import BotServices
from merlin.bot.transport import SendClass
from merlin.bot.updates import Sent, command_of, pressed, sent_of, text_in
from merlin.chat.answer import AnswerService, Stop
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import ChatPlace, Session, Sessions
from merlin.chat.turns import Turns
from merlin.core.formatted_text import FormattedMessage, split
from merlin.core.i18n import format_moment, language_of, text
from merlin.core.permissions import Authority

NOBODY = User(0)
_MAX_DIGITS = 17
_FILES = frozenset({"voice", "photo", "document"})


# Who wrote, and the dialog that they are in.
KnownUser: TypeAlias = tuple[User, Dialog | None]


def read_known_user(services: BotServices, update: Update) -> KnownUser:
    """Return who wrote as they are known now; to be called within the store's work."""
    user = Users(services.db).get(update.user_id) or User(update.user_id)
    return user, Dialogs(services.db, services.bot_id).get(update.chat_id, update.user_id)


# How long an answer about who somebody is in a chat is good for.
KNOWN_S = 60.0
_LEADING = frozenset({"creator", "administrator"})
_MAX_KNOWN = 1024
# Telegram's limit of an alert. Source: the Bot API, answerCallbackQuery.
ALERT_LENGTH = 200


class BotData:
    """What the handlers of one bot share, as python-telegram-bot's `bot_data`.

    `stops` are the answers that are being written, by the updates that asked. `admins` says who
    administers which chat, and until when that is known. `placed` are placeholders that stand in a
    chat and in no row yet, by their updates;
    `commands` are the handlers of commands, for what leads to one; `contexts` are those of the
    updates in work.
    """

    services: BotServices
    calls: BotApi
    sender: OutboxSender
    desk: AnswerService
    files: Files

    def __init__(self) -> None:
        self.stops: dict[int, Stop] = {}
        self.admins: dict[tuple[int, int], tuple[float, bool]] = {}
        self.watches = LiveMessages()
        self.placed: dict[int, int] = {}
        self.commands: dict[str, Handler] = {}
        self.contexts: dict[int, BotContext] = {}


_Data: TypeAlias = dict[Any, Any]
BotApplication: TypeAlias = (
    "Application[ExtBot[SendClass], BotContext, _Data, _Data, BotData, None]"
)


@dataclass(eq=False)
class BotContext(CallbackContext[ExtBot[SendClass], _Data, _Data, BotData]):
    """The library's context of one update, with what was sent and who did, as handlers read it.

    `stored` is the update as it was taken in. `text` is a message's text or a file's caption, ""
    for none; `command` its command without the slash, in lower case, "" for none, and `words` what
    stands behind it. `sent` is what else was sent, None for nothing. `verb` and `arguments` are a
    pressed button's; `message_id` is the message itself, or the one that the button stood under.
    `quoted` is the text of the message replied to, or what of it was picked. `is_resumed`: it may
    have been worked on before. `joined` are the updates whose words are part of `text`. `dialog`
    is what the bot waits to hear from this person, `user` who they are.
    """

    bot_application: BotApplication
    stored: Update
    language: str
    is_private: bool
    text: str = ""
    command: str = ""
    words: str = ""
    sent: Sent | None = None
    verb: str = ""
    arguments: tuple[str, ...] = ()
    message_id: int = 0
    thread_id: int = 0
    quoted: str = ""
    is_forwarded: bool = False
    is_service: bool = False
    is_resumed: bool = False
    joined: tuple[Update, ...] = ()
    dialog: Dialog | None = None
    user: User = NOBODY

    def __post_init__(self) -> None:
        super().__init__(self.bot_application)
        data = self.bot_data
        # What the process is made of, what calls Telegram, and what runs work on the database,
        # which is to be used within that work.
        self.services, self.calls = data.services, data.calls
        self.store, self.db = data.services.store, data.services.db
        self.bot_id, self.outbox = data.services.bot_id, data.services.outbox
        self.sessions = Sessions(self.db, self.bot_id)
        self.turns = Turns(self.db, self.bot_id)
        self.quotas = Quotas(self.db, self.bot_id)
        self.catalogue = ModelCatalogue(self.db)
        self.update_id, self.chat_id = self.stored.update_id, self.stored.chat_id
        self.user_id = self.stored.user_id
        self._is_zone_named = False

    @classmethod
    def from_update(cls, update: object, application: Any) -> Self:
        """Return the context that was made when the update's turn came."""
        found = application.bot_data.contexts[update.update_id]  # type: ignore[attr-defined]
        return cast("Self", found)

    @classmethod
    def of(cls, application: BotApplication, update: Update, *, is_resumed: bool = False) -> Self:
        """Return the context of an update; what cannot be read is as if it were not there."""
        content = update.content
        message = json_object(content, "message") if update.kind == "callback_query" else content
        words = text_in(content, "text") or text_in(content, "caption")
        is_private = json_object(message, "chat").get("type") == "private"
        command, rest = command_of(content, words, is_private=is_private)
        verb, arguments = pressed(update)
        quoted = json_object(message, "reply_to_message")
        marked = text_in(json_object(message, "quote"), "text")
        is_topic = message.get("is_topic_message")
        return cls(
            application,
            update,
            language_of(update.language_code, application.bot_data.services.config.language),
            is_private,
            text=words,
            command=command,
            words=rest,
            sent=sent_of(content),
            verb=verb,
            arguments=arguments,
            message_id=json_integer(message, "message_id"),
            thread_id=json_integer(message, "message_thread_id") if is_topic else 0,
            quoted=marked or text_in(quoted, "text") or text_in(quoted, "caption"),
            is_forwarded="forward_origin" in content,
            is_service=not words and sent_of(content) is None,
            is_resumed=is_resumed,
        )

    @property
    def authority(self) -> Authority:
        """Return what the person may do."""
        return self.services.roles.authority(self.user_id)

    @property
    def zone(self) -> tzinfo:
        """Return the time zone in which the person's day turns."""
        return self.user.time_zone(self.services.config.timezone)

    def moment(self, at: datetime) -> str:
        """Return a moment as the person reads it, in their own zone; another one is named once."""
        return format_moment(at, self.zone, self.language, is_named=self.names_zone())

    def names_zone(self) -> bool:
        """Return whether the next moment names its zone: the first of an update, in no own zone."""
        is_named, self._is_zone_named = self._is_zone_named, True
        return not (is_named or self.user.zone)

    @property
    def dialog_values(self) -> Mapping[str, Any]:
        """Return what the dialog keeps, nothing where there is none."""
        return self.dialog.said if self.dialog is not None else {}

    def argument(self, place: int) -> str:
        """Return a button's argument, "" for none."""
        return self.arguments[place] if place < len(self.arguments) else ""

    def number(self, place: int = 0) -> int:
        """Return a button's argument as a number, 0 for none: anybody can send any data."""
        word = self.argument(place)
        return int(word) if word.isascii() and word.isdecimal() and len(word) < _MAX_DIGITS else 0

    @property
    def format(self) -> str:
        """Return what a plan counts it as: text, voice, photo or document."""
        return self.sent.kind if self.sent is not None and self.sent.kind in _FILES else "text"

    @property
    def attachments(self) -> tuple[Sent, ...]:
        """Return what was sent with it and with the messages that belong to it."""
        others = (sent_of(other.content) for other in self.joined)
        return tuple(each for each in (self.sent, *others) if each is not None)

    @property
    def place(self) -> ChatPlace:
        """Return where its session lives."""
        return ChatPlace(self.chat_id, self.user_id, self.thread_id)

    def open_session(self) -> Session:
        """Return the session that is open here, a first one is made; within the store's work."""
        return self.sessions.open(self.place)

    @property
    def query_id(self) -> str:
        """Return the id of the query that waits for an answer, "" for none."""
        return text_in(self.stored.content, "id")

    @property
    def pressed_label(self) -> str:
        """Return what stands on the pressed button, "" where its message is not told any more."""
        markup = json_object(json_object(self.stored.content, "message"), "reply_markup")
        rows, data = markup.get("inline_keyboard"), self.stored.content.get("data")
        keys = [key for row in rows for key in row] if isinstance(rows, list) else []
        return next((text_in(key, "text") for key in keys if key.get("callback_data") == data), "")

    @property
    def sender_name(self) -> str:
        """Return the name that the person shows, "" for none."""
        sender = json_object(self.stored.content, "from")
        named = (sender.get(word) for word in ("first_name", "last_name"))
        return " ".join(word for word in named if isinstance(word, str) and word)

    def with_replied(self) -> BotContext:
        """Return the context as if the file that it replies to had been sent with it.

        In a private chat only a photo: of a recording or a document the talk knows the words.
        """
        replied = json_object(self.stored.content, "reply_to_message")
        is_ours = json_object(replied, "from").get("is_bot") is True
        found = sent_of(replied) if self.sent is None and not is_ours else None
        if found is None or found.kind not in ({"photo"} if self.is_private else _FILES):
            return self
        return replace(self, sent=found)

    async def learn_bot(self) -> None:
        """Ask Telegram who the bot is, where it has not been reached by now."""
        if not self.bot.username:
            await self.calls.refresh_bot()

    def link(self, payload: str) -> str:
        """Return the address that opens the private chat with these words for /start."""
        root = self.services.config.telegram.link_url.rstrip("/")
        return f"{root}/{self.bot.username}?start={payload}"

    async def is_admin(self, user_id: int) -> bool:
        """Return whether somebody administers the chat, as Telegram said within a minute."""
        known, now = self.bot_data.admins, asyncio.get_running_loop().time()
        until, is_admin = known.get((self.chat_id, user_id), (0.0, False))
        if until > now:
            return is_admin
        arguments = {"chat_id": self.chat_id, "user_id": user_id}
        member = await self.calls.ask("getChatMember", arguments)
        if not isinstance(member, Mapping):
            return False
        if len(known) >= _MAX_KNOWN:
            known.clear()
        is_admin = member.get("status") in _LEADING
        known[self.chat_id, user_id] = (now + KNOWN_S, is_admin)
        return is_admin

    def translate(self, key: str, **arguments: object) -> str:
        """Return a text in the person's language."""
        return text(self.language, key, **arguments)

    def finish(self, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update and of those joined to it; within the store's work."""
        ids = (self.update_id, *(update.update_id for update in self.joined))
        inbox = Inbox(self.db, self.bot_id)
        inbox.finish(self.services.owner, self.chat_id, ids, state, reason)

    def wait(self, dialog: Dialog) -> None:
        """Let the person's next message belong to a dialog; within the store's work."""
        pending = replace(dialog, asked_by=self.update_id)
        Dialogs(self.db, self.bot_id).put(self.chat_id, self.user_id, pending)

    def stop_waiting(self) -> bool:
        """Wait for no message any more; return whether one was; within the store's work."""
        return Dialogs(self.db, self.bot_id).end(self.chat_id, self.user_id)

    def ending(self, state: UpdateState, reason: str = "") -> OnSent:
        """Return what ends the update, when it is known whether its answer was confirmed."""

        def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
            if is_sure:
                self.finish(state, reason)
            else:
                self.finish(UpdateState.FAILED, "unconfirmed")

        return after

    async def end(self, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update that gets no answer."""
        await self.store.do(lambda: self.finish(state, reason))

    async def show(
        self, act: Callable[[], View], state: UpdateState = UpdateState.ANSWERED, reason: str = ""
    ) -> None:
        """Answer an update by the screen that `act` returns, and end it; once, whatever happens.

        `act` may read and write: it runs in the transaction that stores the screen. A pressed
        button is answered as soon as that is stored.
        """
        loop = asyncio.get_running_loop()
        known: asyncio.Future[View] = loop.create_future()
        answering = asyncio.ensure_future(self._answer_query(known))

        def tell(screen: View) -> None:
            if not known.done():
                known.set_result(screen)

        def prepare() -> Sequence[QueuedMessage]:
            queued_messages: Sequence[QueuedMessage] = []
            if self.is_resumed:
                # What an earlier try stored to be said; a screen costs nothing of a plan.
                self.quotas.give_back(self.update_id)
                queued_messages = self.outbox.of_update(self.update_id)
            screen = View(None) if queued_messages else act()
            # In the thread that writes to the database; perhaps once more.
            loop.call_soon_threadsafe(tell, screen)
            return queued_messages or self.outbox.put(letters(self, screen))

        try:
            await self.bot_data.sender.deliver(prepare, self.ending(state, reason), self.language)
        except BaseException:
            # The screen of a failed press never comes.
            answering.cancel()
            raise
        finally:
            await asyncio.wait({answering})

    async def _answer_query(self, known: asyncio.Future[View]) -> None:
        """Answer the query of a pressed button as soon as the screen is known."""
        if self.stored.kind != "callback_query":
            return
        screen = await known
        fields: dict[str, Any] = {"callback_query_id": self.query_id}
        if screen.alert:
            fields |= {"text": screen.alert[:ALERT_LENGTH], "show_alert": screen.is_loud}
        if screen.link:
            fields["url"] = screen.link
        await self.calls.answer("answerCallbackQuery", fields)

    async def say(
        self, message: str, state: UpdateState = UpdateState.ANSWERED, reason: str = ""
    ) -> None:
        """Answer an update by plain words, and end it."""
        await self.show(lambda: View(FormattedMessage(message)), state, reason)


def letters(context: BotContext, screen: View) -> list[OutgoingMessage]:
    """Return a screen as letters that answer an update: edited in, or sent behind each other."""
    if screen.page is None:
        return []
    is_edit = context.verb != "" and not screen.is_new
    first = replace(spot_of(context), edit_of=context.message_id if is_edit else 0)
    return page_letters(context, split(screen.page), first)


def page_letters(
    context: BotContext,
    pages: Sequence[FormattedMessage],
    first: Target | None = None,
    number: int = 0,
) -> list[OutgoingMessage]:
    """Return pages as letters that answer an update, numbered from `number`."""
    spot = spot_of(context)
    spots = [first or spot, *[spot] * len(pages)][: len(pages)]
    return [
        OutgoingMessage(
            f"update:{context.update_id}:{place}", context.chat_id, page, context.update_id, at
        )
        for place, (page, at) in enumerate(zip(pages, spots, strict=True), number)
    ]


def spot_of(context: BotContext) -> Target:
    """Return where answers to an update go: into its topic, in groups under its message.

    The answer to an edited message stands under it too: between lies what was said since.
    """
    is_edited = context.stored.kind == "edited_message"
    is_reply = is_edited or not (context.is_private or context.verb)
    reply_to = context.message_id if is_reply else 0
    return Target(context.thread_id, reply_to)


# Deals with an update whole, and ends it.
Handler = Callable[[BotContext], Awaitable[None]]
# Says what an update leads to; may read and write rows.
Act = Callable[[BotContext], View]


def is_awaited(context: BotContext) -> bool:
    """Return whether a dialog of a private chat waits for this message."""
    if context.dialog is None or not context.is_private or context.stored.kind != "message":
        return False
    now = context.services.clock()
    return not context.command and context.dialog.awaits(context.update_id, now)


class Awaited(filters.UpdateFilter):
    """Takes the words for which a dialog waits in this step."""

    def __init__(self, data: BotData, step: str) -> None:
        super().__init__()
        self._data = data
        self._step = step

    def filter(self, update: telegram.Update) -> bool:
        """Return whether the update answers the step."""
        context = self._data.contexts[update.update_id]
        if context.dialog is None or context.dialog.step != self._step:
            return False
        return is_awaited(context)


def callback_of(
    handle: Handler | Act,
) -> Callable[[telegram.Update, BotContext], Coroutine[Any, Any, None]]:
    """Return the library's callback that lets a handler or an act deal with an update."""
    handler = handler_of(handle)

    async def callback(_update: telegram.Update, context: BotContext) -> None:
        await handler(context)

    return callback


def handler_of(handle: Handler | Act) -> Handler:
    """Return a handler; that of an act shows what the act returns."""
    if inspect.iscoroutinefunction(handle):
        return handle
    act = cast("Act", handle)

    async def handler(context: BotContext) -> None:
        await context.show(lambda: act(context))

    return handler
