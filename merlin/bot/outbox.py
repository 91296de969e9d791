"""Sends the outbox and results of requests.

Messages are sent in order, one row each. A message is stored as `sending` before it is sent; once
it is, the journal of deliveries says so until the row does. If the outcome is unknown, it is sent
once more with a repeat mark when Telegram responds again, never a third time. A rich message that
Telegram refuses is replaced by the messages of its plain form. Results of requests are shown in the
messages that wait for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from telegram.error import BadRequest, RetryAfter, TelegramError

from merlin.app.outbox import (
    OutgoingMessage,
    OutgoingState,
    QueuedMessage,
    Target,
    WaitingRequests,
)
from merlin.bot.bot_api import (
    BlocksRefused,
    BotApi,
    ChatClosed,
    ChatUnreachable,
    SendUnknown,
)
from merlin.bot.deliveries import DeliveryJournal
from merlin.bot.services import BotServices
from merlin.bot.transport import AiohttpRequest, SendClass
from merlin.core.formatted_text import Button, FormattedMessage, plain_parts, prepend
from merlin.core.i18n import render_stored_text, text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.dataset.files import FileIndex
from merlin.db.database import Database
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import Request, RequestState

log = get_logger(__name__)


async def show_results(services: BotServices) -> None:
    """Show results of requests in the messages that wait for them; each result once."""
    waiting = WaitingRequests(services.db, services.bot_id)
    if await services.store.read(waiting.list_finished):
        await services.store.do(partial(_hand_over, services, waiting))


def _hand_over(services: BotServices, waiting: WaitingRequests) -> None:
    for waiting_request, request in waiting.list_finished():
        if waiting.forget(request.request_id):
            language = services.language_of(waiting_request.chat_id)
            job = request.result.get("job")
            open_button = Button(
                text(language, "admin-continue"),
                f"a-job:{job}" if job else waiting_request.back,
            )
            page = FormattedMessage(
                result_text(services.db, request, language), buttons=((open_button,),)
            )
            key = f"result:{request.request_id}"
            target = Target(edit_of=waiting_request.message_id)
            services.outbox.put(
                [OutgoingMessage(key, waiting_request.chat_id, page, target=target)]
            )
            services.db.announce_change()


def result_text(db: Database, request: Request, language: str) -> str:
    """Return what came of a request, or why it was refused."""
    is_done = request.state is RequestState.DONE
    error = request.error
    key = f"admin-did-{request.kind}" if is_done else error.key
    fields = request.result if is_done else error.arguments
    values = {name: "" if value is None else value for name, value in fields.items()}
    if is_done and (name := fields.get("dataset")):
        values["dataset"] = FileIndex(db).show_title(str(name), language)
    message = render_stored_text(language, key, values)
    if message == key:
        message = str(error) or text(language, "notice-untranslated", name=key)
    return (
        f"✅ {message}"
        if is_done
        else f"⚠️ {text(language, 'admin-refused', reason=message)}"
    )


# Called with True if Telegram confirmed every message.
OnSent = Callable[[bool], None]


def _is_unconfirmed(outgoing: QueuedMessage) -> bool:
    """Return whether it stays unknown if this message arrived."""
    return outgoing.state is OutgoingState.UNKNOWN and outgoing.is_over


class OutboxSender:
    """Sends stored messages; the caller keeps the order of a chat."""

    def __init__(
        self, services: BotServices, bot_api: BotApi, transport: AiohttpRequest
    ) -> None:
        self._store = services.store
        self._db = services.db
        self._outbox = services.outbox
        self._owner = services.owner
        self._bot_api = bot_api
        self._transport = transport
        self._journal = DeliveryJournal(
            services.config.state_dir / "run", services.owner
        )
        # The chats that Telegram asks to wait, and those that show a draft.
        self.flooded: set[int] = set()
        self.drafting: set[int] = set()

    def recover(self) -> None:
        """Store what killed processes sent last; within the store's work."""
        for outgoing_id, message_id in self._journal.read():
            self._outbox.settle(outgoing_id, OutgoingState.SENT, message_id)

    def forget_recovered(self) -> None:
        """Delete what `recover` has stored."""
        self._journal.delete_old()

    async def deliver(
        self,
        prepare: Callable[[], Sequence[QueuedMessage]],
        after: OnSent,
        language: str,
        on_stored: Callable[[], object] = lambda: None,
    ) -> None:
        """Send the messages that `prepare` returns; run `after` with the final state of the last.

        Both run in transactions of the store, possibly several times; `on_stored` runs once, after
        that of `prepare`. Raises ChatUnreachable, after all pending messages of the chat are
        dropped.
        """

        def begin(waiting: Sequence[QueuedMessage], *, is_sure: bool) -> bool:
            """Mark the first message as sending, or finish; return whether one was marked."""
            if waiting:
                return self._outbox.begin(waiting[0].outgoing_id, self._owner)
            after(is_sure)
            return False

        def open_() -> tuple[list[QueuedMessage], bool, bool]:
            queued = prepare()
            waiting = [message for message in queued if not message.is_over]
            is_sure = not any(map(_is_unconfirmed, queued))
            return waiting, is_sure, begin(waiting, is_sure=is_sure)

        def settle(ended: QueuedMessage | None) -> bool:
            """Store the state of the last message (None: another process has it); mark the next."""
            if ended is not None:
                self._outbox.settle(ended.outgoing_id, ended.state, ended.message_id)
                # A notice about an unconfirmed notice could cause an endless chain.
                if _is_unconfirmed(ended) and ended.message.update_id:
                    arguments = {"chat": str(ended.message.chat_id)}
                    Notices(self._db).notify(
                        ADMINS, "notice-unconfirmed", arguments, ended.message.key
                    )
            return begin(waiting, is_sure=is_sure)

        # The remaining messages, and whether all previous ones were confirmed.
        waiting, is_sure, is_begun = await self._store.do(open_)
        on_stored()
        failed = 0
        while waiting:
            current = waiting[0]
            try:
                ended = await self._send(current, language) if is_begun else None
            except (TelegramError, BlocksRefused) as error:
                waiting = await self._put_back(waiting, failed, error)
                failed += 1
                is_begun = await self._store.do(
                    partial(begin, waiting, is_sure=is_sure)
                )
                continue
            if ended is None or ended.is_over:
                is_sure = is_sure and (
                    ended is None or ended.state is OutgoingState.SENT
                )
                waiting = waiting[1:]
            else:
                # An unconfirmed message is sent again once Telegram responds.
                await self._wait_until_reachable(ended)
                waiting = [ended, *waiting[1:]]
            is_begun = await self._store.do(partial(settle, ended))
            self._journal.settle(current.outgoing_id)
        kill_point("answer.recorded")

    async def _put_back(
        self,
        waiting: Sequence[QueuedMessage],
        failed: int,
        error: TelegramError | BlocksRefused,
    ) -> list[QueuedMessage]:
        """Store that the first message was not sent; return the messages to send after a pause."""
        first, *others = waiting
        if isinstance(error, BlocksRefused):
            plain = await self._store.do(partial(self._replace_blocks, first))
            return [*plain, *others]
        # Surely not sent, or an edit, which may be repeated: it was no attempt.
        await self._store.do(partial(self._outbox.put_back, first))
        if isinstance(error, RetryAfter):
            self.flooded.add(first.message.chat_id)
        await self._transport.pause(failed, error)
        self.flooded.discard(first.message.chat_id)
        return [first, *others]

    def _replace_blocks(self, outgoing: QueuedMessage) -> list[QueuedMessage]:
        """Drop a rich message that was refused; return the messages of its plain form."""
        message = outgoing.message
        self._outbox.settle(outgoing.outgoing_id, OutgoingState.DROPPED)
        target = message.target
        parts = []
        for number, page in enumerate(plain_parts(message.page)):
            key = f"{message.key}:plain:{number}"
            parts.append(replace(message, key=key, page=page, target=target))
            target = replace(target, edit_of=0)
        return self._outbox.put(parts)

    async def _send(self, outgoing: QueuedMessage, language: str) -> QueuedMessage:
        """Send one message marked as sending; return it with its new state."""
        message = outgoing.message
        tries = outgoing.tries + 1
        kill_point("answer.begun")
        try:
            message_id = await self._show(
                message, language, is_repeat=outgoing.tries > 0
            )
        except SendUnknown:
            log.warning(
                "the delivery of a message is unknown",
                chat=message.chat_id,
                tries=tries,
            )
            return replace(outgoing, state=OutgoingState.UNKNOWN, tries=tries)
        except BadRequest as error:
            log.warning("telegram rejects the text", reason=redact(str(error)))
            return replace(outgoing, state=OutgoingState.DROPPED, tries=tries)
        except ChatClosed:
            log.info("the bot may not write in this chat", chat=message.chat_id)
            return replace(outgoing, state=OutgoingState.DROPPED, tries=tries)
        except ChatUnreachable:
            await self._drop(outgoing)
            raise
        kill_point("answer.sent")
        self._journal.add(outgoing.outgoing_id, message_id)
        kill_point("answer.noted")
        return replace(
            outgoing, state=OutgoingState.SENT, tries=tries, message_id=message_id
        )

    async def _show(
        self, message: OutgoingMessage, language: str, *, is_repeat: bool
    ) -> int:
        """Edit or send a message; return its message id."""
        chat_id = message.chat_id
        page = message.page
        edit_of = message.target.edit_of
        may_edit = edit_of and page.file is None
        # An edit is idempotent, so it needs no repeat mark.
        if may_edit and await self._bot_api.edit(
            chat_id, edit_of, page, SendClass.STORED
        ):
            return edit_of
        if is_repeat:
            page = prepend(f"{text(language, 'bot-repeat')}\n", page)
        return await self._bot_api.send(chat_id, page, message.target, SendClass.STORED)

    async def _wait_until_reachable(self, outgoing: QueuedMessage) -> None:
        # Typing is idempotent, so it serves as a probe of the chat.
        attempt = 0
        message = outgoing.message
        try:
            while not await self._bot_api.send_typing(
                message.chat_id, message.target.thread_id
            ):
                await self._transport.pause(attempt)
                attempt += 1
        except ChatClosed:
            pass  # The message itself is tried again: its chat can still be reached.
        except ChatUnreachable:
            await self._drop(outgoing)
            raise

    async def _drop(self, outgoing: QueuedMessage) -> None:
        chat_id = outgoing.message.chat_id

        def work() -> None:
            self._outbox.settle(outgoing.outgoing_id, OutgoingState.DROPPED)
            self._outbox.drop(chat_id)

        await self._store.do(work)
