"""Words: what is said of a reply, honestly, in the person's language."""

from __future__ import annotations

from merlin.bot import offers
from merlin.chat.reply import Ending, Reply
from merlin.chat.route import Standing
from merlin.chat.turn import Written
from merlin.chat.window import Fill, Gauge
from merlin.core.money import Cost
from merlin.core.text import text
from merlin.inbox.update import UpdateState

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
    Standing.EARLIER: "bot-earlier",
    Standing.BASE: "bot-not-tuned",
    Standing.GENERAL: "bot-not-tuned",
    Standing.ALONE: "bot-never-tuned",
}


def written(reply: Reply, language: str, cost: Cost | None) -> Written:
    """Return what is shown and kept of `reply`."""
    notes = []
    if reply.ending in _ENDINGS:
        notes.append(text(language, _ENDINGS[reply.ending]))
    if reply.text and reply.choice and reply.choice.standing in _STANDINGS:
        notes.append(text(language, _STANDINGS[reply.choice.standing], model=reply.model_id))
    is_answer = bool(reply.text) or reply.ending is Ending.STOPPED
    return Written(
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


def window_note(gauge: Gauge, language: str, *, is_warned: bool) -> tuple[str, str]:
    """Return the note and the offer that a window calls for, "" and "" for none."""
    share = f"{min(gauge.share, 1) * 100:.0f}"
    if gauge.fill is Fill.FULL:
        return text(language, "bot-window-full", share=share), offers.FULL
    if gauge.fill is Fill.NEAR and not is_warned:
        return text(language, "bot-window-near", share=share), ""
    return "", ""
