"""The view of an answer in a chat: streaming, pages, notes and buttons.

A streaming answer is shown by edits of its placeholder, by "typing…", or by drafts (`drafts`). Each
indicator is a context manager that runs concurrently with the request. Text that arrives between
two edits is coalesced, and an edit without a visible change is skipped: one message holds only the
beginning of a long answer. The final text is not sent here.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Self, TypeVar

from telegram.error import ChatMigrated

from merlin.app.ask import Conversation, Observer
from merlin.app.limits import ReachedCap
from merlin.billing.quota import Left
from merlin.bot.blocks import frame, pack, render_blocks
from merlin.bot.bot_api import ChatUnreachable
from merlin.bot.context import BotContext, find_target
from merlin.bot.markdown import render
from merlin.bot.rendering import pack_text
from merlin.bot.transport import EditSkipped
from merlin.chat.answer import Ending, Reply, Stop
from merlin.chat.grounding import sources_note
from merlin.chat.model_catalogue import Candidate, CandidateKind, ModelRequest
from merlin.chat.prompt import document_texts
from merlin.chat.sessions import WindowCounter
from merlin.chat.turns import NO_BUTTONS, StoredAnswer, Turn, UpdateState
from merlin.core.formatted_text import (
    Button,
    FormattedMessage,
    get_first_part,
    join_pages,
    split,
)
from merlin.core.i18n import cut, text, text_like
from merlin.core.killpoint import kill_point

T = TypeVar("T")

PLACEHOLDER = "…"
# Values of a turn's `offer`: which buttons are added to the usual ones, or replace them.
FULL = "full"
# The same in a group, where users cannot choose a model.
SHARED = "shared"
PLAN = "plan"

Rows = tuple[tuple[Button, ...], ...]
# The visible length of a question on a button.
OFFER_LETTERS = 60
# The others follow a press.
OFFERS_SHOWN = 4


def answer_buttons(
    turn_id: int, answer: StoredAnswer, language: str, *, is_whole: bool = False
) -> Rows:
    """Return the rows of buttons under an answer; a refusal only has what to do next.

    `is_whole`: with all questions that it offers, not the first `OFFERS_SHOWN` alone.
    """
    if answer.offer == NO_BUTTONS:
        return ()
    if answer.offer == PLAN:
        return ((Button(text(language, "bot-button-plan"), "plan"),),)
    more: Rows = ()
    if answer.offer in {FULL, SHARED}:
        fresh = Button(text(language, "bot-button-new"), "new")
        bigger = Button(text(language, "bot-button-bigger"), "model")
        more = ((fresh, bigger) if answer.offer == FULL else (fresh,),)
    if answer.known is False:
        tell = text(language, "tell-none" if answer.nearest else "tell-button")
        return (
            *_offer_buttons(turn_id, answer, language, is_whole=is_whole),
            (Button(tell, f"tell:{turn_id}"),),
            *more,
        )
    signs = {"👍": "rate:up", "👎": "rate:down", "ℹ️": "why", "✏️": "fix"}
    if answer.known is None or answer.model_role == CandidateKind.COMPOSED:
        # `recall` would repeat the example's answer.
        signs["🔁"] = "again"
    return (
        tuple(Button(sign, f"{verb}:{turn_id}") for sign, verb in signs.items()),
        *more,
    )


def _offer_buttons(
    turn_id: int, answer: StoredAnswer, language: str, *, is_whole: bool
) -> Rows:
    """Return a button for each offered question; that of a shown answer says that it is meant."""
    labels = [cut(question, OFFER_LETTERS) for question in answer.nearest.splitlines()]
    if answer.if_meant:
        labels[0] = text(language, "meant-yes")
    rows = tuple(
        (Button(label, f"near:{turn_id}:{place}"),)
        for place, label in enumerate(labels)
    )
    if is_whole or len(rows) <= OFFERS_SHOWN:
        return rows
    more = Button(text(language, "meant-more"), f"more:{turn_id}")
    return (*rows[:OFFERS_SHOWN], (more,))


# The delay of the next attempt after a limit skipped an edit.
AGAIN_S = 0.2
# Only the visible part of a growing answer is parsed, whatever its markup.
MAX_CHARACTERS = 16_000


class AnswerIndicator(Observer, ABC):
    """Shows the progress of an answer every `gap_s` seconds.

    Runs concurrently within `async with`; leaving the block waits for its end. The stop button
    works meanwhile.
    """

    def __init__(self, context: BotContext, gap_s: float) -> None:
        self._context = context
        self._gap_s = gap_s
        self.stop = Stop(context.user_id)

    async def __aenter__(self) -> Self:
        context = self._context
        context.bot_data.stops[context.update_id] = self.stop
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        context = self._context
        del context.bot_data.stops[context.update_id]
        self._task.cancel()
        await asyncio.wait({self._task})

    @abstractmethod
    async def run(self) -> None:
        """Run until finished or cancelled."""

    def refuse(self, exceeded: ReachedCap | Left) -> StoredAnswer:
        """Return the text with the way to more questions, if there is one."""
        context = self._context
        if isinstance(exceeded, ReachedCap):
            until = context.moment(exceeded.until)
            note = context.translate("guard-day", until=until)
            return StoredAnswer("", note, UpdateState.REFUSED)
        kind = exceeded.kind.value
        note = context.translate("bot-plan-closed", kind=kind)
        if exceeded.limit != 0:
            note = context.translate(
                "bot-plan-spent",
                kind=kind,
                limit=exceeded.limit or 0,
                period=exceeded.period.value,
                until=context.moment(exceeded.resets_at),
            )
        return StoredAnswer("", note, UpdateState.REFUSED, offer=PLAN)

    def describe(
        self, conversation: Conversation, reply: Reply, window: WindowCounter
    ) -> tuple[str, str]:
        """Return the notes about the model, the prompt, the window and what is left."""
        context = self._context
        notes = reply_notes(reply, context.language, conversation.request)
        offer = ""
        if reply.text:
            session = conversation.session
            is_warned = session is not None and session.is_warned
            note, offer = window_note(window, context.language, is_warned=is_warned)
            notes += [conversation.prompt.note, note]
        if conversation.is_renewed:
            key = "bot-renewed" if context.is_private else "groups-renewed"
            notes.append(context.translate(key))
        if reply.text and reply.known is not False and conversation.left is not None:
            notes.append(_left_note(context, conversation.left))
        if offer and not context.is_private:
            offer = SHARED
        return "\n".join(filter(None, notes)), offer


def _left_note(context: BotContext, left: Left) -> str:
    """Return the note under an answer when few questions of its format are left."""
    # Questions beyond the plan (packs) are not renewed every day.
    is_beyond = left.limit == 0 or left.packs > 0
    arguments = {
        "kind": left.kind.value,
        "period": "beyond" if is_beyond else left.period.value,
    }
    if not left.remaining:
        return context.translate("pay-left-none", **arguments)
    remaining = pack_text({left.kind: left.remaining}, context.language)
    return context.translate("pay-left", **arguments, what=remaining)


class TypingIndicator(AnswerIndicator):
    """Shows the typing action within `async with`; Telegram shows it for five seconds."""

    def __init__(self, context: BotContext) -> None:
        super().__init__(context, context.services.pace.typing_s)

    async def run(self) -> None:
        """Send the action repeatedly."""
        context = self._context
        with suppress(ChatUnreachable):
            while True:
                await context.bot_api.send_typing(context.chat_id, context.thread_id)
                await asyncio.sleep(self._gap_s)


class StreamingEditor(AnswerIndicator):
    """Edits a placeholder to show a streaming answer within `async with`.

    The placeholder is sent when the question is reserved, or is that of `turn`, an earlier attempt.
    The answer may begin before it is sent; edits begin after that. A group that became a supergroup
    meanwhile gets none.
    """

    def __init__(self, context: BotContext, turn: Turn | None) -> None:
        pace = context.services.pace
        gap_s = pace.private_edit_s if context.is_private else pace.group_edit_s
        super().__init__(context, gap_s)
        self._earlier = turn.placeholder_id if turn is not None else None
        self._text = ""
        self._news = asyncio.Event()
        stop = Button(context.translate("bot-stop"), f"stop:{context.update_id}")
        self._buttons = ((stop,),)
        # The text rendered last and its page; the page that the placeholder shows.
        self._drawn = ("", FormattedMessage(""))
        self._shown: FormattedMessage | None = None
        self._is_showing = False
        self._is_closed = False
        self._message_id = 0
        self._is_placed = asyncio.Event()
        self._placeholder: asyncio.Future[int | None] | None = None

    def on_begun(self, _conversation: Conversation) -> None:
        """Send the placeholder."""
        self._placeholder = asyncio.ensure_future(self._send_placeholder())

    async def place(self) -> int | None:
        """Return the message id of the placeholder."""
        return await asyncio.shield(self._placeholder) if self._placeholder else None

    async def _send_placeholder(self) -> int | None:
        """Send the placeholder and return its message id, or that of an earlier attempt."""
        context = self._context
        placeholders = context.bot_data.placeholders
        message_id = self._earlier or placeholders.get(context.update_id)
        if not message_id:
            page = FormattedMessage(PLACEHOLDER, buttons=self._buttons)
            try:
                message_id = await context.bot_api.send(
                    context.chat_id, page, find_target(context)
                )
            except ChatMigrated:
                return None
            placeholders[context.update_id] = message_id
            kill_point("placeholder.sent")
        self._message_id = message_id
        self._is_placed.set()
        return message_id

    def on_text(self, text: str) -> None:
        """Set the current text."""
        self._text = text
        self._news.set()

    def on_delay(self) -> None:
        """Show that the model is pending, unless a part of its answer has arrived."""
        if not self._text:
            self.on_text(self._context.translate("bot-waiting"))

    async def __aexit__(self, *error: object) -> None:
        """Let an edit in progress finish: none may arrive after the final edit."""
        self._is_closed = True
        if self._is_showing and error[0] is None:
            await asyncio.wait({self._task})
        await super().__aexit__(*error)
        if self._placeholder is None:
            return
        try:
            if isinstance(error[1], Exception):
                # One that is being sent is recorded for the next attempt.
                await self._placeholder
        finally:
            self._placeholder.cancel()

    async def run(self) -> None:
        """Edit the placeholder until the editor is closed."""
        # Counted from the first text: an answer complete by then needs only the final edit.
        await self._is_placed.wait()
        await self._wait_for_news()
        rest_s = self._gap_s
        while not self._is_closed:
            await asyncio.sleep(rest_s)
            await self._wait_for_news()
            self._news.clear()
            rest_s = await self._show_text(self._text[:MAX_CHARACTERS])

    async def _wait_for_news(self) -> None:
        """Wait until there is something to show."""
        await self._news.wait()

    async def _show_text(self, text: str) -> float:
        """Attempt to show a text once; return the delay until the next attempt in seconds."""
        if self._drawn[0] != text:
            # A retried edit is not rendered again.
            page = await render_off_loop(lambda: self._draw(text), len(text))
            self._drawn = (text, replace(page, buttons=self._buttons))
        page = self._drawn[1]
        if page == self._shown:
            # Rendering takes time too.
            return self._gap_s
        self._is_showing = True
        try:
            if await self._show(page):
                self._shown = page
            else:
                self._news.set()
        except EditSkipped:
            self._news.set()
            return AGAIN_S
        finally:
            self._is_showing = False
        return self._gap_s

    def _draw(self, text: str) -> FormattedMessage:
        """Return the page of the text so far, as much as one message takes."""
        return get_first_part(render(text))

    async def _show(self, page: FormattedMessage) -> bool:
        """Show a page; return whether it succeeded. Raises EditSkipped if a limit is near."""
        context = self._context
        return await context.bot_api.try_edit(context.chat_id, self._message_id, page)


HEARD_LENGTH = 300
# Parsing this much Markdown takes about as long as a network call.
LONG_CHARACTERS = 4000


async def render_off_loop(work: Callable[[], T], characters: int) -> T:
    """Return the result of `work`; run it in a thread for many characters.

    It may take half a second, which would block the event loop.
    """
    return await asyncio.to_thread(work) if characters > LONG_CHARACTERS else work()


# A line of a note that begins so stands above the answer: it says what the question lacks.
WARNING_SIGN = "⚠️"


def split_note(note: str) -> tuple[str, str]:
    """Return the lines of a note that stand above the answer, and those below it."""
    lines = note.split("\n")
    above = [line for line in lines if line.startswith(WARNING_SIGN)]
    below = [line for line in lines if not line.startswith(WARNING_SIGN)]
    return "\n".join(above), "\n".join(below)


def render_turn(
    turn: Turn,
    stored_answer: StoredAnswer,
    language: str,
    *,
    is_plain: bool,
    is_script: bool = False,
) -> list[FormattedMessage]:
    """Return the messages of a turn, at least one: warning, transcript, answer, note.

    `is_plain`: none is a rich message. `is_script`: the transcript is shown in full, not shortened.
    """
    answer = stored_answer.answer
    pages = [render(answer)] if is_plain else render_blocks(answer)
    is_rich = any(page.blocks for page in pages)
    lead = FormattedMessage("")
    if turn.question.format == "voice" and answer:
        lead = _transcript_page(turn.question.text, is_whole=is_script)
    elif turn.question.text and turn.question.message_id <= 0:
        # Asked by a button: the chat has no message with the question.
        lead = frame("blockquote", turn.question.text)
    warning, note = split_note(stored_answer.note)
    pages = [frame("italic", warning), lead, *pages, frame("italic", note)]
    pages = pack(pages) if is_rich else [join_pages(*pages)]
    has_buttons = answer or stored_answer.offer
    buttons = (
        answer_buttons(turn.turn_id, stored_answer, language) if has_buttons else ()
    )
    pages[-1] = replace(pages[-1], buttons=buttons)
    parts = [part for page in pages for part in split(page)]
    return parts or [FormattedMessage("…")]


def _transcript_page(question: str, *, is_whole: bool) -> FormattedMessage:
    message = "\n\n".join(document_texts(question)) or question
    if len(message) > HEARD_LENGTH and not is_whole:
        message = f"{message[:HEARD_LENGTH]}…"
    return frame("expandable_blockquote" if is_whole else "blockquote", f"🎙 {message}")


# Notes under an answer, or in place of one.
_ENDINGS = {
    Ending.STOPPED: "bot-stopped",
    Ending.CUT: "bot-cut",
    Ending.LENGTH: "bot-length",
    Ending.FILTERED: "bot-filtered",
    Ending.EMPTY: "bot-empty",
    Ending.TOO_LONG: "bot-too-long",
    Ending.BUSY: "bot-busy",
    Ending.NOBODY: "bot-no-model",
}
# Other kinds need no note.
_KIND_NOTES = {
    CandidateKind.EARLIER: "bot-earlier",
    CandidateKind.BASE: "bot-not-tuned",
    CandidateKind.GENERAL: "bot-not-tuned",
    CandidateKind.ALONE: "bot-never-tuned",
}


def _kind_note(reply: Reply, choice: Candidate, request: ModelRequest) -> str | None:
    """Return the key of the note about the model that answered, None if it needs none."""
    is_first = choice is reply.first or choice.kind is CandidateKind.COMPOSED
    is_chosen = reply.first is not None and reply.first.kind is CandidateKind.CHOSEN
    if (not is_first and is_chosen) or (request.chosen and not is_chosen):
        return "bot-not-chosen"
    # With a system text of its own a session never asks a tuned model.
    return None if request.system else _KIND_NOTES.get(choice.kind)


def reply_notes(reply: Reply, language: str, request: ModelRequest) -> list[str]:
    """Return the notes about how a reply ended, and which model gave it."""
    notes = []
    if reply.ending in _ENDINGS:
        notes.append(text(language, _ENDINGS[reply.ending]))
    if (
        reply.text
        and reply.choice
        and (key := _kind_note(reply, reply.choice, request))
    ):
        model = reply.choice.version or reply.model_id
        notes.append(text(language, key, model=model))
    if len(reply.nearest) > reply.if_meant:
        key = "meant-else" if reply.if_meant else "bot-nearest"
        # The answer of the question that may be meant may be in another language.
        notes.append(text_like(reply.text.partition("\n")[0], language, key))
    if reply.sources:
        notes.append(f"[{sources_note(reply.sources, language)}]")
    return notes


def window_note(
    window: WindowCounter, language: str, *, is_warned: bool
) -> tuple[str, str]:
    """Return the note and the offer for a context window that is full or nearly full."""
    share = f"{min(window.share, 1) * 100:.0f}"
    if window.is_full:
        return text(language, "bot-window-full", share=share), FULL
    if window.is_near and not is_warned:
        return text(language, "bot-window-near", share=share), ""
    return "", ""
