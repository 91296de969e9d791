"""Client of the Bot API, with a retry policy for each call.

An edit is idempotent and may be retried any number of times. A send may not: the Bot API has no
idempotency key, so the caller decides about a send whose outcome is unknown.

Calls use `ExtBot.do_api_request` with plain fields and the rate limiter. The library's typed
methods build objects from each response, which costs more than the call, and most responses are
needed for one number only. Errors are the library's own. The URL of a file contains the bot's
token, so it appears in no error and no log line.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from telegram import InputFile
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.ext import ExtBot
from telegram.warnings import PTBUserWarning

from merlin.app.outbox import Target
from merlin.bot.transport import AiohttpRequest, EditSkipped, NotSent, SendClass, pause
from merlin.config.settings import MEGABYTE
from merlin.core.formatted_text import (
    Attachment,
    Button,
    Entity,
    FormattedMessage,
    get_first_part,
    plain_parts,
    without_marks,
)
from merlin.core.log import get_logger, redact
from merlin.providers.documents import file_error, file_size_error

log = get_logger(__name__)


def message_fields(page: FormattedMessage) -> dict[str, Any]:
    """Return the fields of a text message, or a rich one, that shows a page."""
    fields = content_fields(page) | keyboard_fields(page)
    if not page.blocks:
        fields["link_preview_options"] = {"is_disabled": True}
    return fields


def content_fields(page: FormattedMessage) -> dict[str, Any]:
    """Return the fields of a page's text or blocks.

    A rich message never has the fields `html` and `markdown`: a quoted button would be live.
    """
    if page.blocks:
        # Telegram refused texts in which it detected an address wrongly.
        return {"rich_message": {"blocks": page.blocks, "skip_entity_detection": True}}
    return {"text": page.text, **_entity_fields("entities", page)}


def caption_fields(page: FormattedMessage) -> dict[str, Any]:
    """Return the caption fields of a message with a file."""
    fields = {"caption": page.text} if page.text else {}
    return fields | _entity_fields("caption_entities", page) | keyboard_fields(page)


def _entity_fields(name: str, page: FormattedMessage) -> dict[str, Any]:
    return {name: [_build_entity(mark) for mark in page.marks]} if page.marks else {}


def keyboard_fields(page: FormattedMessage) -> dict[str, Any]:
    """Return `reply_markup` with a page's buttons; no field if it has none."""
    if not page.buttons:
        return {}
    rows = [[_build_button(button) for button in row] for row in page.buttons]
    return {"reply_markup": {"inline_keyboard": rows}}


def target_fields(spot: Target) -> dict[str, Any]:
    """Return the fields for the topic and the message to reply to."""
    fields: dict[str, Any] = (
        {"message_thread_id": spot.thread_id} if spot.thread_id else {}
    )
    if spot.reply_to:
        quoted = {"message_id": spot.reply_to, "allow_sending_without_reply": True}
        fields["reply_parameters"] = quoted
    return fields


def _build_entity(mark: Entity) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "type": mark.kind,
        "offset": mark.offset,
        "length": mark.length,
    }
    if mark.value:
        entity["language" if mark.kind == "pre" else "url"] = mark.value
    return entity


def _build_button(button: Button) -> dict[str, Any]:
    key: dict[str, Any] = {"text": button.label}
    if button.url:
        key["url"] = button.url
    else:
        key["callback_data"] = button.data
    return key | ({"style": button.style} if button.style else {})


# The library recommends its typed methods; see the module's docstring.
warnings.filterwarnings("ignore", "Please use 'Bot", PTBUserWarning)

NO_TARGET = Target()
# Called when a group became a supergroup, with the old and the new chat id.
OnMigrated = Callable[[int, int], Awaitable[None]]
# Called with the reason when Telegram refused a rich message.
OnBlocksRefused = Callable[[str], Awaitable[None]]
Buttons = tuple[tuple[Button, ...], ...]


class ChatUnreachable(Exception):
    """The user or chat accepts no messages: the bot is blocked, or it is deleted or unknown."""


class ChatClosed(ChatUnreachable):
    """This message cannot be sent: the topic is closed or deleted, or permissions are missing."""


class SendUnknown(Exception):
    """It is unknown whether the message was sent."""


class DraftsRefused(Exception):
    """This chat, or the Bot API server, accepts no drafts."""


class BlocksRefused(Exception):
    """Telegram does not accept the rich message: its plain form is to be sent."""


class ErrorMeaning(Enum):
    """What an error of the Bot API means for the call."""

    NOT_SENT = auto()
    UNKNOWN = auto()
    MIGRATED = auto()
    UNCHANGED = auto()
    GONE = auto()
    REFUSED = auto()


# Of a topic that is no more.
_TOPIC_GONE = ("topic_deleted", "message thread not found")
# Telegram has no error codes for these, only texts. Source: tdlib.
_ERROR_TEXTS: Mapping[ErrorMeaning | type[ChatUnreachable], Sequence[str]] = {
    ChatClosed: (
        "topic_closed",
        *_TOPIC_GONE,
        "not enough rights to send",
        "have no rights to send",
        "chat_write_forbidden",
        "chat_restricted",
    ),
    ErrorMeaning.UNCHANGED: ("message is not modified",),
    ErrorMeaning.GONE: (
        "message to edit not found",
        "message can't be edited",
        "message_id_invalid",
        # A button of a file's message: a caption is no text.
        "no text in the message to edit",
    ),
    ChatUnreachable: (
        "chat not found",
        "user not found",
        "peer_id_invalid",
        "user is deactivated",
    ),
}


class BotApi:
    """The calls that show answers.

    `has_rich_messages` becomes False when the Bot API server turns out to have none.
    """

    def __init__(
        self,
        bot: ExtBot[SendClass],
        transport: AiohttpRequest,
        on_migrated: OnMigrated,
        on_blocks_refused: OnBlocksRefused,
    ) -> None:
        self._bot = bot
        self._transport = transport
        self._on_migrated = on_migrated
        self._on_blocks_refused = on_blocks_refused
        self.has_rich_messages = True
        # The chats that refuse drafts; `_has_drafts`: the server has the method.
        self._draftless: set[int] = set()
        self._has_drafts = True

    async def _call(
        self,
        method: str,
        fields: Mapping[str, Any],
        send_class: SendClass = SendClass.FINAL,
        file: Attachment | None = None,
    ) -> Any:
        """Return the result of one call. Raises TelegramError as the library does, EditSkipped."""
        arguments = dict(fields)
        if file is not None:
            content = InputFile(file.content, filename=file.name)
            arguments["document"] = content
        return await self._bot.do_api_request(
            method, api_kwargs=arguments, rate_limit_args=send_class
        )

    async def send(
        self,
        chat_id: int,
        page: FormattedMessage,
        spot: Target = NO_TARGET,
        send_class: SendClass = SendClass.FINAL,
    ) -> int:
        """Send a message; return its id. Retries if unsure: at worst a duplicate remains.

        If the topic of a private chat is gone, it is sent beside the topics. If Telegram rejects
        the entities, it is sent without them, addresses as text. Raises ChatUnreachable, BadRequest
        if Telegram rejects the text, BlocksRefused, ChatMigrated if the group became a supergroup.
        A stored message is sent there, without the reply reference. It is not retried: raises
        SendUnknown, or the error after which it was surely not sent.
        """
        attempt = 0
        method = "sendRichMessage" if page.blocks else "sendMessage"
        while True:
            at = {"chat_id": chat_id, **target_fields(spot)}
            try:
                if page.file is None:
                    message = await self._call(
                        method, at | message_fields(page), send_class
                    )
                else:
                    fields = at | caption_fields(page)
                    message = await self._call(
                        "sendDocument", fields, send_class, page.file
                    )
            except TelegramError as error:
                if spot.thread_id and chat_id > 0 and _is_topic_gone(error):
                    spot = replace(spot, thread_id=0)
                    continue
                meaning = _classify(error, chat_id)
                await self._check_blocks(page, meaning, error)
                is_stored = send_class is SendClass.STORED
                if meaning is ErrorMeaning.UNKNOWN and is_stored:
                    raise SendUnknown(type(error).__name__) from error
                if isinstance(error, ChatMigrated) and is_stored:
                    chat_id = await self._follow(chat_id, error)
                    spot = NO_TARGET
                    continue
                if meaning is ErrorMeaning.REFUSED and page.marks:
                    page = without_marks(page)
                    continue
                may_retry = meaning in {ErrorMeaning.NOT_SENT, ErrorMeaning.UNKNOWN}
                if not may_retry or is_stored:
                    raise
            else:
                return int(message["message_id"])
            await self._transport.pause(attempt)
            attempt += 1

    async def _check_blocks(
        self, page: FormattedMessage, meaning: ErrorMeaning, error: TelegramError
    ) -> None:
        """Raise BlocksRefused if a page has blocks and this error is about them.

        After a timeout or a 429 the rich message may have been sent, or is sent later.
        """
        is_missing = isinstance(error, InvalidToken) and _is_not_found(error)
        if not page.blocks or not (is_missing or meaning is ErrorMeaning.REFUSED):
            return
        self.has_rich_messages &= not is_missing
        reason = redact(str(error.__cause__ or error))
        log.error("telegram refuses a rich message", reason=reason)
        await self._on_blocks_refused(reason)
        raise BlocksRefused(reason) from error

    async def _follow(self, chat_id: int, error: ChatMigrated) -> int:
        """Record the migration of a group; return its new id. Raises ChatUnreachable."""
        if error.new_chat_id == chat_id:
            raise ChatUnreachable(str(chat_id)) from error
        await self._on_migrated(chat_id, error.new_chat_id)
        return error.new_chat_id

    async def edit(
        self,
        chat_id: int,
        message_id: int,
        page: FormattedMessage,
        send_class: SendClass = SendClass.FINAL,
    ) -> bool:
        """Edit a message to show `page`, with retries; return False if it no longer exists.

        Raises ChatUnreachable, BadRequest if Telegram rejects the text, BlocksRefused, and for a
        stored one any error.
        """
        attempt = 0
        while True:
            try:
                fields = _build_edit(chat_id, message_id, page)
                await self._call("editMessageText", fields, send_class)
            except TelegramError as error:
                meaning = _classify(error, chat_id)
                if meaning in {
                    ErrorMeaning.UNCHANGED,
                    ErrorMeaning.GONE,
                    ErrorMeaning.MIGRATED,
                }:
                    return meaning is ErrorMeaning.UNCHANGED
                await self._check_blocks(page, meaning, error)
                if meaning is ErrorMeaning.REFUSED and page.marks:
                    page = without_marks(page)
                    continue
                if meaning is ErrorMeaning.REFUSED or send_class is SendClass.STORED:
                    raise
            else:
                return True
            await self._transport.pause(attempt)
            attempt += 1

    async def edit_first(
        self, chat_id: int, message_id: int, pages: Sequence[FormattedMessage]
    ) -> tuple[Sequence[FormattedMessage], int]:
        """Edit a message to show the first of `pages`; return them and how many are shown now.

        That is 0 if it no longer exists. A first page whose blocks are refused is replaced by its
        plain form, of one page or several. Raises as `edit`, but not BlocksRefused.
        """
        try:
            return pages, int(await self.edit(chat_id, message_id, pages[0]))
        except BlocksRefused:
            plain = [*plain_parts(pages[0]), *pages[1:]]
            return await self.edit_first(chat_id, message_id, plain)

    async def try_edit(
        self, chat_id: int, message_id: int, page: FormattedMessage
    ) -> bool:
        """Edit a message to show `page`, without retry; return whether it succeeded.

        Raises EditSkipped if a rate limit is near.
        """
        fields = _build_edit(chat_id, message_id, page)
        return (
            await self.try_call("editMessageText", fields, SendClass.PROGRESS)
            is not None
        )

    async def edit_buttons(
        self, chat_id: int, message_id: int, buttons: Buttons
    ) -> None:
        """Replace only the buttons of a message, without retry."""
        fields = {"chat_id": chat_id, "message_id": message_id}
        fields |= keyboard_fields(FormattedMessage("", buttons=buttons))
        with suppress(EditSkipped):
            await self.try_call("editMessageReplyMarkup", fields, SendClass.PROGRESS)

    def accepts_drafts(self, chat_id: int) -> bool:
        """Return whether drafts were not refused, by this private chat or by the server."""
        return self._has_drafts and chat_id not in self._draftless

    async def send_draft(
        self, chat_id: int, draft_id: int, page: FormattedMessage, thread_id: int = 0
    ) -> bool:
        """Show a page as a draft for half a minute, without retry; return whether it succeeded.

        An empty page is shown as "Thinking…". Raises EditSkipped if a rate limit is near,
        DraftsRefused, also from then on, and ChatUnreachable.
        """
        fields = {"chat_id": chat_id, "draft_id": draft_id, "can_stop": True}
        fields |= target_fields(Target(thread_id)) | content_fields(page)
        method = "sendRichMessageDraft" if page.blocks else "sendMessageDraft"
        try:
            await self._call(method, fields, SendClass.PROGRESS)
        except EditSkipped:
            raise
        except TelegramError as error:
            is_missing = isinstance(error, InvalidToken) and _is_not_found(error)
            if not is_missing and _classify(error, chat_id) is not ErrorMeaning.REFUSED:
                return False
            if page.blocks or page.marks:
                self.has_rich_messages &= not (page.blocks and is_missing)
                plain = without_marks(get_first_part(page))
                return await self.send_draft(chat_id, draft_id, plain, thread_id)
            self._has_drafts &= not is_missing
            self._draftless.add(chat_id)
            log.warning("drafts are refused", chat=chat_id, reason=redact(str(error)))
            raise DraftsRefused from error
        return True

    async def send_typing(self, chat_id: int, thread_id: int = 0) -> bool:
        """Send the typing action; return whether it succeeded.

        Raises ChatUnreachable.
        """
        fields = {
            "chat_id": chat_id,
            "action": "typing",
            **target_fields(Target(thread_id)),
        }
        return await self._send_transient("sendChatAction", fields)

    async def _send_transient(self, method: str, fields: Mapping[str, Any]) -> bool:
        """Send something transient; return whether it succeeded. Raises ChatUnreachable."""
        try:
            await self._call(method, fields, SendClass.PROGRESS)
        except EditSkipped:
            return False
        except TelegramError as error:
            return _classify(error, fields["chat_id"]) in {
                ErrorMeaning.UNCHANGED,
                ErrorMeaning.MIGRATED,
            }
        return True

    async def try_call(
        self,
        method: str,
        fields: Mapping[str, Any],
        send_class: SendClass = SendClass.FINAL,
    ) -> Any:
        """Return the result of a call that is not retried; None if it fails.

        Raises EditSkipped for a progress call if a rate limit is near.
        """
        try:
            return await self._call(method, fields, send_class)
        except EditSkipped:
            raise
        except TelegramError as error:
            log.info("a Telegram call failed", method=method, reason=redact(str(error)))
            return None

    async def refresh_bot(self) -> None:
        """Call getMe once, without retry: the bot's name and settings may have changed."""
        try:
            await self._bot.get_me()
        except TelegramError as error:
            log.info(
                "a Telegram call failed", method="getMe", reason=redact(str(error))
            )

    async def call_once(self, method: str, fields: Mapping[str, Any]) -> Any:
        """Return the result of a call, without retry.

        Raises ChatUnreachable, TelegramError: BadRequest if it is rejected permanently.
        """
        try:
            return await self._call(method, fields)
        except TelegramError as error:
            _classify(error, int(fields.get("chat_id", 0)))
            raise


def _is_topic_gone(error: TelegramError) -> bool:
    return any(mark in str(error).lower() for mark in _TOPIC_GONE)


def _is_not_found(error: InvalidToken) -> bool:
    """Return whether it is a 404; the library's text is the same for a rejected token, a 401."""
    return "not found" in str(error.__cause__).lower()


def _classify(error: TelegramError, chat_id: int) -> ErrorMeaning:
    """Return what an error means for its call. Raises ChatUnreachable, ChatClosed."""
    if isinstance(error, ChatMigrated):
        return ErrorMeaning.MIGRATED
    if not isinstance(error, BadRequest | Forbidden):
        is_unsent = isinstance(error, NotSent | InvalidToken | RetryAfter)
        return ErrorMeaning.NOT_SENT if is_unsent else ErrorMeaning.UNKNOWN
    message = str(error).lower()
    matching = (
        meaning
        for meaning, marks in _ERROR_TEXTS.items()
        if any(mark in message for mark in marks)
    )
    is_forbidden = isinstance(error, Forbidden)
    meaning = next(matching, ChatUnreachable if is_forbidden else ErrorMeaning.REFUSED)
    if isinstance(meaning, ErrorMeaning):
        return meaning
    raise meaning(str(chat_id)) from error


def _build_edit(
    chat_id: int, message_id: int, page: FormattedMessage
) -> dict[str, Any]:
    return {"chat_id": chat_id, "message_id": message_id, **message_fields(page)}


TOTAL_S = 120.0
TRIES = 3
MAX_PAUSE_S = 10.0
# The download limit. Source: the Bot API, getFile.
TELEGRAM_BYTES = 20 * MEGABYTE


class FileDownloader:
    """Downloads files of one bot.

    A download times out after `total_s` seconds. It is attempted `tries` times, with pauses of at
    most `longest_pause_s` seconds.
    """

    def __init__(
        self,
        bot: ExtBot[SendClass],
        *,
        total_s: float = TOTAL_S,
        longest_pause_s: float = MAX_PAUSE_S,
        tries: int = TRIES,
    ) -> None:
        self._bot = bot
        self._total_s = total_s
        self._longest_pause_s = longest_pause_s
        self._tries = tries

    async def fetch(self, file_id: str, limit_bytes: int) -> bytes:
        """Return the content of a file; network errors are retried.

        Raises Refused (media-too-large, media-not-found), NetworkError if Telegram does not deliver
        it now.
        """
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._total_s):
                    return await self._download(file_id, limit_bytes)
            except (TelegramError, TimeoutError) as error:
                attempt += 1
                kind = type(error).__name__
                if attempt >= self._tries:
                    raise NetworkError(f"the file did not come: {kind}") from None
                log.info("a file could not be downloaded", attempt=attempt, reason=kind)
            await pause(attempt, self._longest_pause_s)

    async def _download(self, file_id: str, limit_bytes: int) -> bytes:
        try:
            file = await self._bot.get_file(file_id)
            if (file.file_size or 0) > limit_bytes:
                raise file_size_error(limit_bytes)
            content = bytes(await file.download_as_bytearray())
        except BadRequest as error:
            # Telegram has no error code for this, only a text. Source: tdlib.
            if "too big" in str(error).lower():
                raise file_size_error(TELEGRAM_BYTES) from None
            raise file_error("media-not-found") from None
        except InvalidToken:  # the library's name of a 404: the file was deleted
            raise file_error("media-not-found") from None
        if len(content) > limit_bytes:
            raise file_size_error(limit_bytes)
        return content
