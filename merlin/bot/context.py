"""The context of a handler: the update as python-telegram-bot's object, the user, the services.

A callback query is answered at once, in parallel to the edit of its message: until then Telegram
shows a progress indicator on the button. The answer is not retried: the effect of the press is
stored by then, and the user can press again.

The function of a command, a button or a dialog step runs in the transaction that stores its reply,
so it takes effect exactly once.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import Flag, auto
from typing import Any, Self, TypeAlias, cast

import telegram
from telegram.ext import Application, CallbackContext, ExtBot

from merlin.account.users import User, Users
from merlin.app.actor import Actor
from merlin.app.groups import Groups
from merlin.app.inbox import Dialog, Dialogs, Inbox, Update
from merlin.app.outbox import OutgoingMessage, QueuedMessage, Target
from merlin.billing.quota import Quotas
from merlin.bot.bot_api import BotApi, FileDownloader
from merlin.bot.menu import View
from merlin.bot.message_parts import OTHER, ReceivedAttachment, is_event, parts_of
from merlin.bot.outbox import OnSent, OutboxSender
from merlin.bot.services import BotServices
from merlin.bot.transport import SendClass
from merlin.bot.updates import (
    attachments_of,
    command_of,
    find_replied,
    full_text_of,
    joined_text,
    parse_update,
    read_button_data,
    text_of,
    with_addresses,
)
from merlin.chat.answer import Stop
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import ChatPlace, Session, Sessions
from merlin.chat.turns import Turns, UpdateState
from merlin.core.clock import utc_now
from merlin.core.formatted_text import (
    FormattedMessage,
    is_blank,
    remove_controls,
    split,
)
from merlin.core.i18n import format_moment, language_of, text
from merlin.core.json_fields import get_integer
from merlin.core.permissions import Authority

UNKNOWN_USER = User(0)
_MAX_DIGITS = 17
# How much of a message replied to is read.
QUOTED_LENGTH = 1000
_FILES = frozenset({"voice", "photo", "document"})


def read_number(text: str) -> int:
    """Return the number that a text is, 0 for any other text and for a number that is too large."""
    is_number = text.isascii() and text.isdecimal() and len(text) < _MAX_DIGITS
    return int(text) if is_number else 0


# The sender and their current dialog.
KnownUser: TypeAlias = tuple[User, Dialog | None]


def read_known_user(services: BotServices, update: Update) -> KnownUser:
    """Return the stored sender and their dialog; call it within the store's work."""
    dialog = Dialogs(services.db, services.bot_id).get(update.chat_id, update.user_id)
    return Users(services.db).get_or_new(update.user_id), dialog


# A message so many seconds old was not fetched at once. Telegram's dates are whole seconds.
LATE_S = 3.0
_EVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class ReceivedUpdate:
    """An update to process: as stored in the inbox, and as the library's object.

    `is_resumed`: another process may have started it; `is_late`: it was sent while the bot was
    away or frozen. `joined` are the updates behind it that belong to it. `known` is what was read
    about its person, None if that is to be read when its turn comes.
    """

    stored: Update
    update: telegram.Update
    is_resumed: bool = False
    is_late: bool = False
    known: KnownUser | None = None
    joined: tuple[ReceivedUpdate, ...] = ()
    received_at: datetime = field(default_factory=utc_now, compare=False)

    @classmethod
    def parse(
        cls,
        stored: Update,
        bot: telegram.Bot,
        back_at: datetime = _EVER,
        **fields: Any,
    ) -> Self:
        """Return the task of an update that was stored now; `fields` are its other fields.

        Until `back_at` the bot fetched none.
        """
        sent_s = get_integer(stored.content, "date")
        late_s = max(back_at.timestamp(), utc_now().timestamp() - LATE_S)
        return cls(
            stored, parse_update(stored, bot), is_late=0 < sent_s <= late_s, **fields
        )


class Use(Flag):
    """What a command or a button says of itself when it is registered."""

    # Waits for its turn in the chat, for which only a few wait.
    ASKS_MODEL = auto()
    # Waits for its turn, and is never refused: it must not change an answer in progress.
    IN_ORDER = auto()
    # Overtakes all others.
    URGENT = auto()
    IN_GROUPS = auto()
    # Of a blocked user too: it is about their own data.
    IF_BLOCKED = auto()
    # A deep link may run it: it only shows something, as users do not see the link.
    BY_LINK = auto()


NO_USE = Use(0)


# The prefix of dialog steps in which an editor writes an example.
EDITOR_STEP = "ex-"


# Telegram's limit of an alert. Source: the Bot API, answerCallbackQuery.
ALERT_LENGTH = 200


class BotData:
    """The state shared by the handlers of one bot, as python-telegram-bot's `bot_data`.

    `stops` holds the answers in progress by update id, `placeholders` the ids of placeholders that
    were sent but are not stored yet. `commands` and `steps` map commands and dialog steps to
    handlers, `uses` buttons, and commands with their slash, to what they say of themselves.
    `contexts` holds the contexts of the updates being processed, `presses` the newest questions
    asked by a button.
    """

    services: BotServices
    bot_api: BotApi
    sender: OutboxSender
    files: FileDownloader

    def __init__(self) -> None:
        self.stops: dict[int, Stop] = {}
        self.placeholders: dict[int, int] = {}
        self.commands: dict[str, Handler] = {}
        self.steps: dict[str, Handler] = {}
        self.uses: dict[str, Use] = {}
        self.contexts: dict[int, BotContext] = {}
        self.presses: deque[tuple[object, ...]] = deque(maxlen=1000)


_Data: TypeAlias = dict[Any, Any]
BotApplication: TypeAlias = (
    "Application[ExtBot[SendClass], BotContext, _Data, _Data, BotData, None]"
)


@dataclass(eq=False)
class BotContext(CallbackContext[ExtBot[SendClass], _Data, _Data, BotData]):
    """The library's context of one update, with its content and sender.

    `received` is the update as the library's object, `stored` its row of the inbox. `text` is the
    text or caption of a message with the addresses of its links, "" for none and for an invisible
    one; `command` its command in lower case without the slash, "" for none, `named_bot` the bot
    that it names, and `command_text` the text after it. `attachments` are the files of a message
    and of those joined to it, `unread` names the parts of it that cannot be read, `warning` is what
    is said above the answer. `verb` and
    `arguments` come from the callback data of a pressed button; `message_id` is the id of the
    message, or of the one with the button. `quoted` is the text of the message replied to, or the
    quoted part of it. `is_service`: Telegram reports an event, such as a pinned message.
    `is_resumed`: an earlier process may have started on it. `joined` are the updates whose text is
    part of `text`. `dialog` is the current dialog of the sender, who is `user`. `moved_from` is the
    group that became the supergroup of the context, 0 for none.
    """

    bot_application: BotApplication
    received: telegram.Update
    stored: Update
    language: str
    is_private: bool
    text: str = ""
    command: str = ""
    named_bot: str = ""
    command_text: str = ""
    attachments: tuple[ReceivedAttachment, ...] = ()
    unread: tuple[str, ...] = ()
    warning: str = ""
    verb: str = ""
    arguments: tuple[str, ...] = ()
    message_id: int = 0
    thread_id: int = 0
    quoted: str = ""
    is_service: bool = False
    is_resumed: bool = False
    joined: tuple[ReceivedUpdate, ...] = ()
    dialog: Dialog | None = None
    user: User = UNKNOWN_USER
    moved_from: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.bot_application)
        data = self.bot_data
        # The services, the Bot API client and the store. `db` is used only within the store's
        # work.
        self.services = data.services
        self.bot_api = data.bot_api
        self.store = data.services.store
        self.db = data.services.db
        self.bot_id = data.services.bot_id
        self.outbox = data.services.outbox
        self.dialogs = Dialogs(self.db, self.bot_id)
        self.sessions = Sessions(self.db, self.bot_id)
        self.turns = Turns(self.db, self.bot_id)
        self.quotas = Quotas(self.db, self.bot_id)
        self.catalogue = ModelCatalogue(self.db)
        self.update_id = self.stored.update_id
        self.chat_id = self.stored.chat_id
        self.user_id = self.stored.user_id
        self._is_zone_named = False

    @classmethod
    def from_update(cls, update: object, application: Any) -> Self:
        """Return the context that `_handle` registered for this update."""
        context = application.bot_data.contexts[update.update_id]  # type: ignore[attr-defined]
        return cast("Self", context)

    @classmethod
    def create(cls, application: BotApplication, task: ReceivedUpdate) -> Self:
        """Return the context of an update; its person and dialog are still to be set."""
        update = task.update
        query = update.callback_query
        message = update.message
        # Of an old message with a button Telegram says only the place.
        shown = query.message if query else message
        thread_id = 0
        if isinstance(shown, telegram.Message) and shown.is_topic_message:
            thread_id = shown.message_thread_id or 0
        chat = update.effective_chat
        is_private = chat is not None and chat.type == telegram.Chat.PRIVATE
        text = text_of(message)
        command, named_bot, command_text = command_of(message, is_private=is_private)
        verb, arguments = read_button_data(update)
        full_text = "" if is_blank(text) else full_text_of(message)
        joined = [part.update for part in task.joined]
        # A comment has none itself, but perhaps what was forwarded with it.
        messages = [message, *(part.message for part in joined)]
        found = [file for each in messages for file in attachments_of(each)]
        attachments = [file for file in found if file != OTHER] or found[:1]
        unread = dict.fromkeys(
            name for each in messages for name in parts_of(each).unread
        )
        is_content = bool(text or attachments or (message and message.forward_origin))
        is_service = bool(message) and is_event(task.stored.content)
        config = application.bot_data.services.config
        return cls(
            application,
            update,
            task.stored,
            language_of(task.stored.language_code, config.language),
            is_private,
            text=joined_text(full_text, joined),
            command=command,
            named_bot=named_bot,
            command_text=command_text,
            attachments=tuple(attachments),
            unread=tuple(unread),
            verb=verb,
            arguments=arguments,
            message_id=shown.message_id if shown else 0,
            thread_id=thread_id,
            quoted=_quoted_text(message),
            is_service=is_service and not is_content,
            is_resumed=task.is_resumed,
            joined=task.joined,
        )

    @property
    def authority(self) -> Authority:
        """Return the permissions of the user."""
        return self.services.roles.authority(self.user_id)

    @property
    def actor(self) -> Actor:
        """Return the user as an actor with their permissions."""
        return Actor.person(self.user_id, self.authority)

    @property
    def caller(self) -> tuple[BotServices, Actor]:
        """Return the first two arguments of every act: the services and the user as an actor."""
        return self.services, self.actor

    @property
    def is_plain(self) -> bool:
        """Return whether the user gets no rich messages."""
        return self.user.is_plain or not self.bot_api.has_rich_messages

    @property
    def zone(self) -> tzinfo:
        """Return the user's time zone."""
        return self.user.time_zone(self.services.config.timezone)

    def moment(self, at: datetime, *, is_brief: bool = False) -> str:
        """Format a time in the user's zone; in the default zone the first one names the zone."""
        is_named = not (self._is_zone_named or self.user.zone)
        self._is_zone_named = True
        return format_moment(
            at,
            self.zone,
            self.language,
            now=self.services.clock(),
            is_named=is_named,
            is_brief=is_brief,
        )

    @property
    def caller_without_roles(self) -> tuple[BotServices, Actor]:
        """Return `caller` without the user's roles, for acts on their own data."""
        return self.services, Actor.person(self.user_id, Authority())

    @property
    def step(self) -> str:
        """Return the step of the dialog, "" without a dialog."""
        return self.dialog.step if self.dialog is not None else ""

    @property
    def is_in_dialog(self) -> bool:
        """Return whether there is a dialog in this topic of the chat."""
        return self.dialog is not None and self.dialog.thread_id == self.thread_id

    @property
    def dialog_values(self) -> Mapping[str, Any]:
        """Return the stored values of the dialog, empty without a dialog."""
        return self.dialog.replies if self.dialog is not None else {}

    @property
    def use(self) -> Use:
        """Return what the pressed button, or the command, says of itself."""
        return self.bot_data.uses.get(self.verb or f"/{self.command}", NO_USE)

    async def follow_move(self) -> None:
        """Answer in the supergroup that this group became, if it did; its id was `moved_from`."""
        groups = Groups(self.db, self.bot_id)
        group = await self.store.read(lambda: groups.get(self.chat_id))
        if group is not None and group.moved_to:
            # The old chat takes no messages; its message ids are invalid in the new one.
            self.moved_from = self.chat_id
            self.stored = replace(self.stored, chat_id=group.moved_to)
            self.chat_id = group.moved_to
            self.message_id = self.thread_id = 0

    def argument(self, place: int) -> str:
        """Return a button's argument, "" for none."""
        return self.arguments[place] if place < len(self.arguments) else ""

    def number(self, place: int = 0) -> int:
        """Return a button's argument as a number, 0 for none: callback data is untrusted."""
        return read_number(self.argument(place))

    @property
    def format(self) -> str:
        """Return the format that a plan counts it as: text, voice, photo or document."""
        return self.attachments[0].kind if self.has_file else "text"

    @property
    def has_file(self) -> bool:
        """Return whether there are files that can be read; the plan counts by the first."""
        return bool(self.attachments) and self.attachments[0] != OTHER

    @property
    def place(self) -> ChatPlace:
        """Return the chat and topic of its session."""
        return ChatPlace(self.chat_id, self.user_id, self.thread_id)

    def open_session(self) -> Session:
        """Return the open session of the chat, created if missing; within the store's work."""
        return self.sessions.open(self.place)

    @property
    def pressed_label(self) -> str:
        """Return the label of the pressed button, "" if Telegram omits the message."""
        query = self.received.callback_query
        message = query.message if query else None
        if (
            query is None
            or not isinstance(message, telegram.Message)
            or not message.reply_markup
        ):
            return ""
        keys = [key for row in message.reply_markup.inline_keyboard for key in row]
        return next((key.text for key in keys if key.callback_data == query.data), "")

    @property
    def sender_name(self) -> str:
        """Return the display name of the sender without control characters, "" for none."""
        sender = self.received.effective_user
        return remove_controls(sender.full_name) if sender else ""

    def with_replied(self) -> BotContext:
        """Return the context with the files of the message replied to as its own.

        In a private chat only photos: the text of a recording or document is in the session. Beside
        its own files they are not read.
        """
        replied = (
            self.received.message.reply_to_message if self.received.message else None
        )
        if replied is None or (replied.from_user and replied.from_user.is_bot):
            return self
        kinds = {"photo"} if self.is_private else _FILES
        files = tuple(file for file in attachments_of(replied) if file.kind in kinds)
        if not files or files == self.attachments:
            return self
        if self.has_file:
            return replace(self, unread=(*self.unread, "second"))
        # What was written under an own photo is in the session too.
        return replace(self, attachments=files, quoted="")

    def with_short_quote(self) -> BotContext:
        """Return the context with the beginning of a long quote; a bot's own is in the session."""
        if len(self.quoted) <= QUOTED_LENGTH:
            return self
        replied = find_replied(self.received.message)
        left_out = () if replied and replied.is_bot else ("quoted",)
        return replace(
            self,
            quoted=self.quoted[:QUOTED_LENGTH],
            unread=(*self.unread, *left_out),
        )

    @property
    def unread_parts(self) -> str:
        """Return what of the message cannot be read, in the user's language."""
        return ", ".join(
            self.translate("media-part", kind=name) for name in self.unread
        )

    def warn_of_unread(self) -> str:
        """Return a sentence that names what of the message cannot be read, "" for nothing."""
        parts = self.unread_parts
        return self.translate("media-unread", parts=parts) if parts else ""

    async def fetch_bot_user(self) -> None:
        """Call getMe if it has not succeeded yet."""
        if not self.bot.username:
            await self.bot_api.refresh_bot()

    def link(self, payload: str) -> str:
        """Return the deep link that opens the private chat with `payload` for /start."""
        root = self.services.config.telegram.link_url.rstrip("/")
        return f"{root}/{self.bot.username}?start={payload}"

    def translate(self, key: str, **arguments: object) -> str:
        """Return a text in the user's language."""
        return text(self.language, key, **arguments)

    def finish(self, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update and of those joined to it; within the store's work."""
        ids = (self.update_id, *(part.stored.update_id for part in self.joined))
        inbox = Inbox(self.db, self.bot_id)
        inbox.finish(self.services.owner, self.chat_id, ids, state, reason)

    def read_dialog(self) -> Dialog | None:
        """Return the dialog that is open now, None without one; within the store's work."""
        return self.dialogs.get(self.chat_id, self.user_id)

    def wait(self, dialog: Dialog) -> None:
        """Start a dialog step that the user's next message belongs to; within the store's work."""
        pending = replace(dialog, asked_by=self.update_id, thread_id=self.thread_id)
        self.dialogs.put(self.chat_id, self.user_id, pending)

    def stop_waiting(self) -> bool:
        """End the dialog; return whether there was one; within the store's work."""
        return self.dialogs.end(self.chat_id, self.user_id)

    def leave_form(self) -> None:
        """End the dialog for what a command or a button opened; within the store's work.

        Call it after the act of a button: a dialog that the act opened or ended is not touched.
        """
        dialog = self.dialog
        if dialog is None or not self.is_in_dialog or self.read_dialog() != dialog:
            return
        if dialog.has_text:
            note = FormattedMessage(self.translate("bot-form-left"))
            key = f"left:{self.update_id}"
            target = Target(self.thread_id)
            self.outbox.put([OutgoingMessage(key, self.chat_id, note, target=target)])
        self.stop_waiting()

    def finish_callback(self, state: UpdateState, reason: str = "") -> OnSent:
        """Return the callback that finishes the update once its reply is confirmed or given up."""

        def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
            if is_sure:
                self.finish(state, reason)
            else:
                self.finish(UpdateState.FAILED, "unconfirmed")

        return after

    async def finish_silently(self, state: UpdateState, reason: str) -> None:
        """Store the final state of an update that gets no reply."""
        await self.store.do(lambda: self.finish(state, reason))

    async def show(
        self,
        act: Callable[[], View],
        state: UpdateState = UpdateState.ANSWERED,
        reason: str = "",
    ) -> None:
        """Reply with the screen that `act` returns and finish the update, exactly once.

        `act` may read and write: it runs in the transaction that stores the screen. A callback
        query is answered as soon as the screen is stored.
        """
        screens: list[View] = []
        stored_screen: asyncio.Future[View] = asyncio.get_running_loop().create_future()
        answering = asyncio.ensure_future(self._answer_query(stored_screen))

        def set_screen() -> None:
            stored_screen.set_result(screens[-1])

        def prepare() -> Sequence[QueuedMessage]:
            queued_messages: Sequence[QueuedMessage] = []
            if self.is_resumed:
                # An earlier attempt stored an answer instead; a screen uses no quota.
                self.quotas.give_back(self.update_id)
                queued_messages = self.outbox.list_of_update(self.update_id)
            screen = View(None) if queued_messages else act()
            is_opening = self.verb not in {"", "cancel"} and screen.page is not None
            if is_opening and self.step in self.bot_data.steps:
                self.leave_form()
            screens.append(screen)
            return queued_messages or self.outbox.put(build_messages(self, screen))

        try:
            await self.deliver(prepare, self.finish_callback(state, reason), set_screen)
        except BaseException:
            # A failed press has no screen to wait for.
            answering.cancel()
            raise
        finally:
            await asyncio.wait({answering})

    async def deliver(
        self,
        prepare: Callable[[], Sequence[QueuedMessage]],
        on_sent: OnSent,
        on_stored: Callable[[], object] = lambda: None,
    ) -> None:
        """Send the messages that `prepare` stores, as `OutboxSender.deliver`."""
        await self.bot_data.sender.deliver(prepare, on_sent, self.language, on_stored)

    async def _answer_query(self, stored_screen: asyncio.Future[View]) -> None:
        """Answer the callback query as soon as the screen is stored."""
        if self.stored.kind != "callback_query":
            return
        screen = await stored_screen
        fields: dict[str, Any] = {}
        if screen.alert:
            fields |= {
                "text": screen.alert[:ALERT_LENGTH],
                "show_alert": screen.is_loud,
            }
        if screen.link:
            fields["url"] = screen.link
        await self.answer_press(**fields)

    async def answer_press(self, **fields: object) -> None:
        """Answer the callback query of a pressed button."""
        query = self.received.callback_query
        fields["callback_query_id"] = query.id if query else ""
        await self.bot_api.try_call("answerCallbackQuery", fields)

    async def reply(
        self, message: str, state: UpdateState = UpdateState.ANSWERED, reason: str = ""
    ) -> None:
        """Reply with plain text and finish the update."""
        await self.show(lambda: View(FormattedMessage(message)), state, reason)


def _quoted_text(message: telegram.Message | None) -> str:
    """Return the quoted part of the message replied to, or all of its text."""
    if message is None:
        return ""
    if message.quote:
        return with_addresses(message.quote.text, message.quote.entities or ())
    return full_text_of(message.reply_to_message)


def build_messages(context: BotContext, screen: View) -> list[OutgoingMessage]:
    """Return the outgoing messages of a screen: an edit, or several new messages in order."""
    if screen.page is None:
        return []
    is_edit = context.verb != "" and not screen.is_new
    first = replace(find_target(context), edit_of=context.message_id if is_edit else 0)
    return build_page_messages(context, split(screen.page), first)


def build_page_messages(
    context: BotContext,
    pages: Sequence[FormattedMessage],
    first: Target | None = None,
    number: int = 0,
) -> list[OutgoingMessage]:
    """Return pages as outgoing messages that answer an update, numbered from `number`."""
    chat_id = context.chat_id
    update_id = context.update_id
    target = find_target(context)
    targets = [first or target, *[target] * len(pages)]
    return [
        OutgoingMessage(
            f"update:{update_id}:{place}", chat_id, page, update_id, page_target
        )
        for place, (page, page_target) in enumerate(
            zip(pages, targets, strict=False), number
        )
    ]


def find_target(context: BotContext) -> Target:
    """Return the target of replies to an update: its topic, in groups as a reply to its message."""
    reply_to = 0 if context.is_private or context.verb else context.message_id
    return Target(context.thread_id, reply_to)


# Processes an update and stores its final state.
Handler = Callable[[BotContext], Awaitable[None]]
# Returns the screen that an update leads to; may read and write rows.
Act = Callable[[BotContext], View]


def is_awaited(context: BotContext) -> bool:
    """Return whether a dialog of a private chat waits for this message."""
    if (
        context.dialog is None
        or not context.is_private
        or context.stored.kind != "message"
    ):
        return False
    if context.command or context.is_service or not context.is_in_dialog:
        return False
    return context.dialog.awaits(context.update_id, context.services.clock())


def callback_of(
    handler: Handler,
) -> Callable[[telegram.Update, BotContext], Coroutine[Any, Any, None]]:
    """Return a handler as a callback of the library."""

    async def callback(_update: telegram.Update, context: BotContext) -> None:
        await handler(context)

    return callback


def handler_of(handle: Handler | Act) -> Handler:
    """Return a handler; an act is wrapped so that its screen is shown."""
    if inspect.iscoroutinefunction(handle):
        return handle
    act = cast("Act", handle)

    async def handler(context: BotContext) -> None:
        await context.show(lambda: act(context))

    return handler
