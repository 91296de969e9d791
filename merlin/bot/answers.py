"""An answer in its chat: while it is written, and whole, with the buttons under it.

While it is written it is shown by edits of its placeholder, by drafts or by "typing…". Each runs
beside the work, within `async with`, and ends with it. What comes between two edits is coalesced,
and an edit that would change nothing is dropped: one message holds no more than the beginning of a
long answer. The final text is not shown here.

A draft lives half a minute and is no message: the whole answer is sent when it is there, and
nothing is left in the chat after a kill. Only private chats have drafts, and no button stands
under one. Source: the Bot API, sendMessageDraft.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Self, TypeVar

from merlin.app.ask import stored_answer
from merlin.bot.bot_api import BotApi, ChatUnreachable
from merlin.bot.markdown import render
from merlin.bot.menu import cut
from merlin.bot.transport import GaveWay
from merlin.chat.answer import AnswerObserver, Ending, Reply
from merlin.chat.grounding import sources_note
from merlin.chat.model_catalogue import CandidateKind
from merlin.chat.prompt import document_texts
from merlin.chat.sessions import ChatPlace, WindowCounter
from merlin.chat.turns import StoredAnswer, Turn
from merlin.core.formatted_text import (
    Button,
    Entity,
    FormattedMessage,
    button_rows,
    copy_buttons,
    first_part,
    split,
    utf16_length,
)
from merlin.core.i18n import text
from merlin.core.money import Cost

T = TypeVar("T")
S = TypeVar("S")

# What stands under an answer instead of the usual, by the word that the turn keeps.
FULL = "full"
# The same in a group, where nobody chooses a model.
SHARED = "shared"
# The session was left without a warning; behind the sign stands its newest turn.
RENEWED = "renewed:"
# A newer version serves than the one that the session chose.
NEWER = "newer"
# One of the person's first answers: words say what the buttons do.
WORDED = "worded"
PLAN = "plan"
NONE = "none"

Rows = tuple[tuple[Button, ...], ...]
# A button shows about so much of a question.
OFFER_LETTERS = 60


def stop_button(language: str, update_id: int) -> Button:
    """Return what ends an answer that is being written."""
    return Button(text(language, "bot-stop"), f"stop:{update_id}")


_USUAL = {
    "🔁": ("again", "bot-key-again"),
    "👍": ("rate:up", "bot-key-up"),
    "👎": ("rate:down", "bot-key-down"),
    "✏️": ("fix", "bot-key-fix"),
    "ℹ️": ("why", "bot-key-why"),
}


def answer_buttons(offer: str, turn_id: int, language: str) -> Rows:
    """Return the rows of buttons that an offer stands for."""
    if offer == NONE:
        return ()
    if offer == PLAN:
        return ((Button(text(language, "bot-button-plan"), "plan"),),)
    # Signs need no language and leave room for five in a row.
    usual = tuple(Button(sign, f"{does}:{turn_id}") for sign, (does, _) in _USUAL.items())
    if offer == WORDED:
        worded = tuple(
            replace(button, label=f"{button.label} {text(language, key)}")
            for button, (_, key) in zip(usual, _USUAL.values(), strict=True)
        )
        return button_rows(worded, 2)
    more: Rows = ()
    if offer.startswith(RENEWED):
        label = text(language, "bot-button-sum-old")
        more = ((Button(label, f"sum:{offer.removeprefix(RENEWED)}"),),)
    elif offer == NEWER:
        more = ((Button(text(language, "models-button-newest"), "model:newest"),),)
    elif offer in {FULL, SHARED}:
        fresh = Button(text(language, "bot-button-new"), "new")
        bigger = Button(text(language, "bot-button-bigger"), "model")
        more = (
            (Button(text(language, "bot-button-sum"), f"sum:{turn_id}"),),
            (fresh, bigger) if offer == FULL else (fresh,),
        )
    return (usual, *more)


def _nearest_buttons(written: StoredAnswer, turn_id: int) -> Rows:
    """Return a button for each taught question that may have been meant."""
    offered = written.nearest.splitlines()
    return tuple(
        (Button(cut(question, OFFER_LETTERS), f"near:{turn_id}:{place}"),)
        for place, question in enumerate(offered)
    )


async def both(first: Awaitable[T], beside: Awaitable[S]) -> tuple[T, S]:
    """Return what both return, done side by side; where the first breaks, the other ends."""
    other = asyncio.ensure_future(beside)
    try:
        return await first, await other
    finally:
        if not other.done():
            other.cancel()
            await asyncio.wait({other})


# How soon to look again after a limit made an edit give way.
AGAIN_S = 0.2
# Of a growing answer no more is read than can be seen of it, however many marks are in it.
MAX_CHARACTERS = 16_000


class AnswerIndicator(AnswerObserver, ABC):
    """Shows that an answer is written, and what of it is there, `gap_s` apart.

    Runs beside the work, within `async with`; the work's end waits for its end.
    """

    def __init__(self, calls: BotApi, place: ChatPlace, gap_s: float) -> None:
        self._calls = calls
        self._place = place
        self._gap_s = gap_s
        self._text = ""
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if self.is_called_off(is_in_trouble=kind is not None):
            self._task.cancel()
        await asyncio.wait({self._task})

    def is_called_off(self, *, is_in_trouble: bool) -> bool:  # noqa: ARG002 - for those who ask
        """Tell whether it is cancelled at the work's end, which may have come by an error.

        Whatever it is at ends at once, unless who runs says otherwise.
        """
        return True

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""
        self._text = text
        self._news.set()

    async def draw(self) -> FormattedMessage:
        """Return what is there of the answer, as far as one message shows it."""
        text = self._text[:MAX_CHARACTERS]
        return await draw(lambda: first_part(render(text)), len(text))

    @abstractmethod
    async def run(self) -> None:
        """Go on until it is done or cancelled."""


class TypingIndicator(AnswerIndicator):
    """Shows within `async with` that somebody is at it; Telegram shows that for five seconds."""

    async def run(self) -> None:
        """Show the action again and again."""
        with suppress(ChatUnreachable):
            while True:
                await self._calls.typing(self._place.chat_id, self._place.thread_id)
                await asyncio.sleep(self._gap_s)


class StreamingEditor(AnswerIndicator):
    """Writes an answer that grows into its placeholder within `async with`.

    The answer may begin before the placeholder stands; nothing is written until it does. `stop` is
    the button under it while it grows.
    """

    def __init__(
        self, calls: BotApi, place: ChatPlace, gap_s: float, stop: Button, waiting_words: str
    ) -> None:
        super().__init__(calls, place, gap_s)
        self._stop = stop
        self._waiting_words = waiting_words
        # The text that was drawn last, and its page; what the placeholder shows.
        self._drawn = ("", FormattedMessage(""))
        self._shown = FormattedMessage("")
        self._is_editing = False
        self._is_lifted = False
        self._message_id = 0
        self._stands = asyncio.Event()

    def stands(self, message_id: int) -> None:
        """Take the placeholder's message, as soon as it stands."""
        self._message_id = message_id
        self._stands.set()

    def waits(self) -> None:
        """Say that the model is waited for, unless something of its answer is there."""
        if not self._text:
            self.wrote(self._waiting_words)

    def is_called_off(self, *, is_in_trouble: bool) -> bool:
        """Let an edit that is on its way arrive: none may come after the final one."""
        self._is_lifted = True
        return is_in_trouble or not self._is_editing

    async def run(self) -> None:
        """Edit the placeholder until the editor is closed."""
        # Counted from the first words: an answer that is whole by then needs no edit but the last.
        await self._news.wait()
        await self._stands.wait()
        rest_s = self._gap_s
        while not self._is_lifted:
            await asyncio.sleep(rest_s)
            await self._news.wait()
            self._news.clear()
            rest_s = await self._edit(self._text[:MAX_CHARACTERS])

    async def _edit(self, text: str) -> float:
        """Try one edit; return after how many seconds the next one may be tried."""
        if not text.strip():
            return 0.0
        if self._drawn[0] != text:
            # An edit tried again is not drawn anew.
            self._drawn = (text, replace(await self.draw(), buttons=((self._stop,),)))
        page = self._drawn[1]
        if page == self._shown:
            # Drawing takes its time too.
            return self._gap_s
        self._is_editing = True
        try:
            if await self._calls.progress(self._place.chat_id, self._message_id, page):
                self._shown = page
            else:
                self._news.set()
        except GaveWay:
            self._news.set()
            return AGAIN_S
        finally:
            self._is_editing = False
        return self._gap_s


# Well before a draft fades.
DRAFT_KEEP_S = 20.0


class DraftIndicator(AnswerIndicator):
    """Shows drafts within `async with`, `gap_s` apart; an empty one says that somebody thinks."""

    def __init__(self, calls: BotApi, place: ChatPlace, gap_s: float, draft_id: int) -> None:
        super().__init__(calls, place, gap_s)
        self._draft_id = draft_id

    async def run(self) -> None:
        """Show the newest text, and the same one again before it fades."""
        with suppress(ChatUnreachable):
            while True:
                await self._calls.draft(self._place, self._draft_id, await self.draw())
                await asyncio.sleep(self._gap_s)
                # `wait_for` of Python 3.11 loses a cancellation that comes with the last news.
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAFT_KEEP_S):
                        await self._news.wait()
                self._news.clear()


HEARD_LENGTH = 300
# Reading so much Markdown takes about as long as a call over the network.
LONG_CHARACTERS = 4000


async def draw(work: Callable[[], T], characters: int) -> T:
    """Return what `work` makes of so many characters; of many beside the event loop.

    Half a second is not unheard of, and nobody else is to wait for it.
    """
    return await asyncio.to_thread(work) if characters > LONG_CHARACTERS else work()


def pages(
    turn: Turn, written: StoredAnswer, language: str, *, is_script: bool = False
) -> list[FormattedMessage]:
    """Return the messages of a turn, at least one: what was heard, the answer, the note.

    `is_script`: what was heard is wanted whole, not as a reminder.
    """
    body = render(written.answer) if written.answer.strip() else FormattedMessage("")
    if turn.question.format == "voice" and written.answer:
        body = after(_heard(turn.question.text, is_whole=is_script), body)
    elif turn.question.text and not turn.question.message_id:
        # A pressed button asked it: the chat has no message of it.
        body = after(_quoted(turn.question.text, "blockquote"), body)
    if written.note.strip():
        note = written.note
        body = after(body, FormattedMessage(note, (Entity("italic", 0, utf16_length(note)),)))
    # The editors may hear of a refused question.
    tell = (Button(text(language, "tell-button"), f"tell:{turn.turn_id}"),)
    rows = (
        *_nearest_buttons(written, turn.turn_id),
        *answer_buttons(written.offer, turn.turn_id, language),
        *((tell,) if written.known is False else ()),
    )
    copies = copy_buttons(body, text(language, "bot-button-copy"))
    buttons = (*((copies,) if copies else ()), *(rows if written.answer or written.offer else ()))
    return split(replace(body, buttons=buttons)) or [FormattedMessage("…")]


def _heard(question: str, *, is_whole: bool) -> FormattedMessage:
    message = "\n\n".join(document_texts(question)) or question
    if len(message) > HEARD_LENGTH and not is_whole:
        message = f"{message[:HEARD_LENGTH]}…"
    return _quoted(f"🎙 {message}", "expandable_blockquote" if is_whole else "blockquote")


def _quoted(line: str, kind: str) -> FormattedMessage:
    return FormattedMessage(line, (Entity(kind, 0, utf16_length(line)),))


def after(first: FormattedMessage, second: FormattedMessage) -> FormattedMessage:
    """Return both pages as one, an empty line between them."""
    if not first.text.strip():
        return second
    start = utf16_length(first.text) + 2
    moved = tuple(replace(mark, offset=mark.offset + start) for mark in second.marks)
    return FormattedMessage(f"{first.text}\n\n{second.text}", (*first.marks, *moved))


# Under an answer, or in place of one.
_ENDINGS = {
    Ending.STOPPED: "bot-stopped",
    Ending.CUT: "bot-cut",
    Ending.LENGTH: "bot-length",
    Ending.FILTERED: "bot-filtered",
    Ending.EMPTY: "bot-empty",
    Ending.TOO_LONG: "bot-too-long",
    Ending.BUSY: "bot-busy",
    Ending.NOBODY: "bot-nobody",
}
# Answers of all others are what the person expects.
_STANDINGS = {
    CandidateKind.EARLIER: "bot-earlier",
    CandidateKind.BASE: "bot-not-tuned",
    CandidateKind.GENERAL: "bot-not-tuned",
    CandidateKind.ALONE: "bot-never-tuned",
}


def written(reply: Reply, language: str, cost: Cost | None) -> StoredAnswer:
    """Return what is shown and kept of `reply`."""
    notes = []
    if reply.ending in _ENDINGS:
        notes.append(text(language, _ENDINGS[reply.ending]))
    if reply.text and reply.choice and reply.choice.standing in _STANDINGS:
        notes.append(text(language, _STANDINGS[reply.choice.standing], model=reply.model_id))
    if reply.nearest:
        notes.append(text(language, "bot-nearest"))
    if reply.sources:
        notes.append(f"[{sources_note(reply.sources, language)}]")
    return stored_answer(reply, "\n".join(notes), cost)


def window_note(gauge: WindowCounter, language: str, *, is_warned: bool) -> tuple[str, str]:
    """Return the note and the offer that a window calls for, "" and "" for none."""
    share = f"{min(gauge.share, 1) * 100:.0f}"
    if gauge.is_full:
        return text(language, "bot-window-full", share=share), FULL
    if gauge.is_near and not is_warned:
        return text(language, "bot-window-near", share=share), ""
    return "", ""
