"""Turns, plans, figures and audit entries as people read them; the buttons under an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from merlin.account.users import Users
from merlin.app.inbox import UpdateState
from merlin.billing.plan import Allowance, Format
from merlin.billing.purchases import Promise
from merlin.bot.entities import copy_buttons, split
from merlin.bot.markdown import render
from merlin.bot.services import BotServices
from merlin.chat.answer import Ending, Reply
from merlin.chat.model_catalogue import CandidateKind
from merlin.chat.prompt import document_texts
from merlin.chat.sessions import WindowCounter, WindowUsage
from merlin.chat.turns import StoredAnswer, Turn
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import keys, text
from merlin.core.money import Amount, Cost, Currency, roubles, stars


def named(services: BotServices, word: str, language: str) -> str:
    """Return how people read who did something, or what it was done to; in the store's work."""
    kind, _, name = word.partition(":")
    if kind == "user" and name.isdecimal():
        user = Users(services.db).get(int(name))
        if user is not None and user.shown_name:
            return f"{user.shown_name} · {name}"
    if word == "user:erased":
        return text(language, "page-erased")
    key = f"page-deed-{kind}"
    return text(language, key, name=name) if name and key in keys(language) else word


def audit_text(action: str, language: str) -> str:
    """Return what was done; an action that has no words yet stays as it is."""
    key = f"audit-{action.replace('.', '-')}"
    return text(language, key) if key in keys(language) else action


# What stands under an answer instead of the usual, by the word that the turn keeps.
FULL = "full"
# The same in a group, where nobody chooses a model.
SHARED = "shared"
# The session was left without a warning; behind the sign stands its newest turn.
RENEWED = "renewed:"
PLAN = "plan"
NONE = "none"

Rows = tuple[tuple[Button, ...], ...]


def stop_button(language: str, update_id: int) -> Button:
    """Return what ends an answer that is being written."""
    return Button(text(language, "bot-stop"), f"stop:{update_id}")


def answer_buttons(offer: str, turn_id: int, language: str) -> Rows:
    """Return the rows of buttons that an offer stands for."""
    if offer == NONE:
        return ()
    if offer == PLAN:
        return ((Button(text(language, "bot-button-plan"), "plan"),),)
    # Signs need no language and leave room for five in a row.
    usual = (
        Button("🔁", f"again:{turn_id}"),
        Button("👍", f"rate:up:{turn_id}"),
        Button("👎", f"rate:down:{turn_id}"),
        Button("✏️", f"fix:{turn_id}"),
        Button("ℹ️", f"why:{turn_id}"),
    )
    if offer.startswith(RENEWED):
        label = text(language, "bot-button-sum-old")
        return (usual, (Button(label, f"sum:{offer.removeprefix(RENEWED)}"),))
    if offer not in {FULL, SHARED}:
        return (usual,)
    fresh = Button(text(language, "bot-button-new"), "new")
    bigger = Button(text(language, "bot-button-bigger"), "model")
    return (
        usual,
        (Button(text(language, "bot-button-sum"), f"sum:{turn_id}"),),
        (fresh, bigger) if offer == FULL else (fresh,),
    )


_COLUMNS = "▁▂▃▄▅▆▇█"
WIDTH = 24


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Return the values as columns between `low` and `high`, at most WIDTH of them.

    Of more values evenly spread ones are shown, the first and the last among them.
    """
    if len(values) > WIDTH:
        step = (len(values) - 1) / (WIDTH - 1)
        values = [values[round(place * step)] for place in range(WIDTH)]
    top = len(_COLUMNS) - 1
    span = high - low
    places = [round((value - low) / span * top) if span > 0 else 0 for value in values]
    return "".join(_COLUMNS[min(max(place, 0), top)] for place in places)


HEARD_LENGTH = 300
# Reading so much Markdown takes about as long as a call over the network.
LONG_CHARACTERS = 4000
T = TypeVar("T")


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
    if written.note.strip():
        note = written.note
        body = after(body, FormattedMessage(note, (Entity("italic", 0, utf16_length(note)),)))
    rows = answer_buttons(written.offer, turn.turn_id, language)
    copies = copy_buttons(body, text(language, "bot-button-copy"))
    buttons = (*((copies,) if copies else ()), *(rows if written.answer or written.offer else ()))
    return split(replace(body, buttons=buttons)) or [FormattedMessage("…")]


def _heard(question: str, *, is_whole: bool) -> FormattedMessage:
    words = "\n\n".join(document_texts(question)) or question
    if len(words) > HEARD_LENGTH and not is_whole:
        words = f"{words[:HEARD_LENGTH]}…"
    line = f"🎙 {words}"
    kind = "expandable_blockquote" if is_whole else "blockquote"
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
    is_answer = bool(reply.text) or reply.ending is Ending.STOPPED
    return StoredAnswer(
        answer=reply.text,
        note="\n".join(notes),
        ending=UpdateState.ANSWERED if is_answer else UpdateState.FAILED,
        provider=reply.choice.provider if reply.choice else "",
        model_id=reply.model_id,
        usage=reply.usage,
        standing=reply.choice.standing.value if reply.choice else "",
        cost_micro=cost.micro if cost else 0,
        currency=cost.currency if cost else "",
    )


def window_note(gauge: WindowCounter, language: str, *, is_warned: bool) -> tuple[str, str]:
    """Return the note and the offer that a window calls for, "" and "" for none."""
    share = f"{min(gauge.share, 1) * 100:.0f}"
    if gauge.fill is WindowUsage.FULL:
        return text(language, "bot-window-full", share=share), FULL
    if gauge.fill is WindowUsage.NEAR and not is_warned:
        return text(language, "bot-window-near", share=share), ""
    return "", ""


def pack_words(pack: Mapping[Format, int], language: str) -> str:
    """Return the questions of a pack: "20 голосовых вопросов, 5 вопросов по фотографиям"."""
    kinds = [kind for kind in Format if kind in pack]
    return ", ".join(text(language, f"pay-pack-{kind.value}", count=pack[kind]) for kind in kinds)


def brings_words(promise: Promise, language: str) -> str:
    """Return what a purchase brings, in one line: "20 голосовых вопросов на 30 дней"."""
    if not promise.pack:
        return text(language, "pay-brings-days", days=promise.days or 0)
    words = pack_words(promise.pack, language)
    if promise.days is None:
        return text(language, "pay-brings-pack", what=words)
    return text(language, "pay-brings-pack-days", what=words, days=promise.days)


def allowance_words(allowance: Allowance, language: str) -> str:
    """Return how many questions of a format a plan has: "10 в день, не больше 100 в месяц"."""
    day, month = allowance.day, allowance.month
    if allowance.is_closed:
        return text(language, "pay-allows-none")
    if day is None and month is None:
        return text(language, "pay-allows-any")
    if day is None or month is None:
        period = "day" if month is None else "month"
        return text(language, f"pay-allows-{period}", count=(day or 0) + (month or 0))
    return text(language, "pay-allows-both", day=day, month=month)


def read_amount(said: str) -> Amount | None:
    """Return the amount of a notice, "299.00 RUB" or "200 XTR"; None for anything else."""
    number, _, currency = said.partition(" ")
    try:
        if currency == Currency.XTR.value:
            return stars(int(number))
        return roubles(number) if currency == Currency.RUB.value else None
    except ValueError:
        return None
