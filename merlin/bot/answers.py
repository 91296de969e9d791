"""The view of an answer in a chat: streaming, pages, notes and buttons.

A streaming answer is shown by edits of its placeholder or by "typing…". Each indicator
is a context manager that runs concurrently with the request. Text that arrives between two edits
is coalesced, and an edit without a visible change is skipped: one message holds only the beginning
of a long answer. The final text is not sent here.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Self, TypeVar

from merlin.app.ask import make_stored_answer
from merlin.bot.bot_api import BotApi, ChatUnreachable
from merlin.bot.markdown import render
from merlin.bot.transport import EditSkipped
from merlin.chat.answer import AnswerObserver, Ending, Reply
from merlin.chat.grounding import sources_note
from merlin.chat.model_catalogue import Candidate, CandidateKind, ModelRequest
from merlin.chat.prompt import document_texts
from merlin.chat.sessions import ChatPlace, WindowCounter
from merlin.chat.turns import NO_BUTTONS, StoredAnswer, Turn
from merlin.core.formatted_text import (
    Button,
    FormattedMessage,
    get_first_part,
    in_entity,
    join_pages,
    split,
)
from merlin.core.i18n import cut, text, text_like
from merlin.core.money import Cost

T = TypeVar("T")
S = TypeVar("S")

# Values of a turn's `offer`: which buttons are added to the usual ones, or replace them.
FULL = "full"
# The same in a group, where users cannot choose a model.
SHARED = "shared"
PLAN = "plan"

Rows = tuple[tuple[Button, ...], ...]
# The visible length of a question on a button.
OFFER_LETTERS = 60


def stop_button(language: str, update_id: int) -> Button:
    """Return the button that stops an answer in progress."""
    return Button(text(language, "bot-stop"), f"stop:{update_id}")


def answer_buttons(turn_id: int, answer: StoredAnswer, language: str) -> Rows:
    """Return the rows of buttons under an answer; a refusal only has what to do next."""
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
        nearest = (
            (Button(cut(question, OFFER_LETTERS), f"near:{turn_id}:{place}"),)
            for place, question in enumerate(answer.nearest.splitlines())
        )
        return (
            *nearest,
            (Button(text(language, "tell-button"), f"tell:{turn_id}"),),
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


async def run_both(first: Awaitable[T], second: Awaitable[S]) -> tuple[T, S]:
    """Run both concurrently and return both results; if the first raises, cancel the second."""
    second_task = asyncio.ensure_future(second)
    try:
        return await first, await second_task
    finally:
        if not second_task.done():
            second_task.cancel()
            await asyncio.wait({second_task})


# The delay of the next attempt after a limit skipped an edit.
AGAIN_S = 0.2
# Only the visible part of a growing answer is parsed, whatever its markup.
MAX_CHARACTERS = 16_000


class AnswerIndicator(AnswerObserver, ABC):
    """Shows the progress of an answer every `gap_s` seconds.

    Runs concurrently within `async with`; leaving the block waits for its end.
    """

    def __init__(self, bot_api: BotApi, place: ChatPlace, gap_s: float) -> None:
        self._bot_api = bot_api
        self._place = place
        self._gap_s = gap_s

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    @abstractmethod
    async def run(self) -> None:
        """Run until finished or cancelled."""


class TypingIndicator(AnswerIndicator):
    """Shows the typing action within `async with`; Telegram shows it for five seconds."""

    async def run(self) -> None:
        """Send the action repeatedly."""
        with suppress(ChatUnreachable):
            while True:
                await self._bot_api.send_typing(
                    self._place.chat_id, self._place.thread_id
                )
                await asyncio.sleep(self._gap_s)


class StreamingEditor(AnswerIndicator):
    """Edits the placeholder to show a streaming answer within `async with`.

    The answer may begin before the placeholder is sent; edits begin after that. `stop` is the
    button under the unfinished answer.
    """

    def __init__(
        self,
        bot_api: BotApi,
        place: ChatPlace,
        gap_s: float,
        stop: Button,
        waiting_words: str,
    ) -> None:
        super().__init__(bot_api, place, gap_s)
        self._text = ""
        self._news = asyncio.Event()
        self._stop = stop
        self._waiting_words = waiting_words
        # The text rendered last and its page; the page that the placeholder shows.
        self._drawn = ("", FormattedMessage(""))
        self._shown = FormattedMessage("")
        self._is_editing = False
        self._is_closed = False
        self._message_id = 0
        self._is_placed = asyncio.Event()

    def set_placeholder(self, message_id: int) -> None:
        """Set the placeholder's message id once it is sent."""
        self._message_id = message_id
        self._is_placed.set()

    def on_text(self, text: str) -> None:
        """Set the current text."""
        self._text = text
        self._news.set()

    def on_delay(self) -> None:
        """Show that the model is pending, unless a part of its answer has arrived."""
        if not self._text:
            self.on_text(self._waiting_words)

    async def __aexit__(self, *error: object) -> None:
        """Let an edit in progress finish: none may arrive after the final edit."""
        self._is_closed = True
        if self._is_editing and error[0] is None:
            await asyncio.wait({self._task})
        else:
            await super().__aexit__(*error)

    async def run(self) -> None:
        """Edit the placeholder until the editor is closed."""
        # Counted from the first text: an answer complete by then needs only the final edit.
        await self._news.wait()
        await self._is_placed.wait()
        rest_s = self._gap_s
        while not self._is_closed:
            await asyncio.sleep(rest_s)
            await self._news.wait()
            self._news.clear()
            rest_s = await self._edit(self._text[:MAX_CHARACTERS])

    async def _edit(self, text: str) -> float:
        """Attempt one edit; return the delay until the next one in seconds."""
        if self._drawn[0] != text:
            # A retried edit is not rendered again.
            page = await render_off_loop(
                lambda: get_first_part(render(text)), len(text)
            )
            self._drawn = (text, replace(page, buttons=((self._stop,),)))
        page = self._drawn[1]
        if page == self._shown:
            # Rendering takes time too.
            return self._gap_s
        self._is_editing = True
        try:
            if await self._bot_api.try_edit(
                self._place.chat_id, self._message_id, page
            ):
                self._shown = page
            else:
                self._news.set()
        except EditSkipped:
            self._news.set()
            return AGAIN_S
        finally:
            self._is_editing = False
        return self._gap_s


HEARD_LENGTH = 300
# Parsing this much Markdown takes about as long as a network call.
LONG_CHARACTERS = 4000


async def render_off_loop(work: Callable[[], T], characters: int) -> T:
    """Return the result of `work`; run it in a thread for many characters.

    It may take half a second, which would block the event loop.
    """
    return await asyncio.to_thread(work) if characters > LONG_CHARACTERS else work()


def render_turn(
    turn: Turn, stored_answer: StoredAnswer, language: str, *, is_script: bool = False
) -> list[FormattedMessage]:
    """Return the messages of a turn, at least one: transcript, answer, note.

    `is_script`: the transcript is shown in full, not shortened.
    """
    body = (
        render(stored_answer.answer)
        if stored_answer.answer.strip()
        else FormattedMessage("")
    )
    if turn.question.format == "voice" and stored_answer.answer:
        body = join_pages(
            _transcript_page(turn.question.text, is_whole=is_script), body
        )
    elif turn.question.text and turn.question.message_id <= 0:
        # Asked by a button: the chat has no message with the question.
        body = join_pages(in_entity("blockquote", turn.question.text), body)
    body = join_pages(body, in_entity("italic", stored_answer.note))
    has_buttons = stored_answer.answer or stored_answer.offer
    buttons = (
        answer_buttons(turn.turn_id, stored_answer, language) if has_buttons else ()
    )
    return split(replace(body, buttons=buttons)) or [FormattedMessage("…")]


def _transcript_page(question: str, *, is_whole: bool) -> FormattedMessage:
    message = "\n\n".join(document_texts(question)) or question
    if len(message) > HEARD_LENGTH and not is_whole:
        message = f"{message[:HEARD_LENGTH]}…"
    return in_entity(
        "expandable_blockquote" if is_whole else "blockquote", f"🎙 {message}"
    )


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


def add_notes(
    reply: Reply, language: str, cost: Cost | None, request: ModelRequest
) -> StoredAnswer:
    """Return `reply` as the answer to store, with its notes."""
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
    if reply.nearest:
        notes.append(text_like(reply.text, language, "bot-nearest"))
    if reply.sources:
        notes.append(f"[{sources_note(reply.sources, language)}]")
    return make_stored_answer(reply, "\n".join(notes), cost)


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
