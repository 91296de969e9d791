"""Correction: ✏️ asks how an answer should have been; with consent it goes to the editors.

    ✏️ -> fix (a step) -> [consent, asked once] -> masked words shown -> sent
                                                                     -> answered as a question

Under an answer in a group ✏️ leads to the private chat: t.me/<bot>?start=fix_<turn>. Without a
consent nothing of it is kept. Everything on the way lies sealed in the dialog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import own_turn
from merlin.bot.handlers.answer.consent import TRAINING, asked, consent_button, give
from merlin.bot.handlers.answer.question import answer_question
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.chat.review import MOST_LETTERS, Draft
from merlin.chat.turn import Turn
from merlin.core.notice import ADMINS
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.masking import mask

LINK = "fix"
WRITING, CONSENTING, SENDING = "fix", "fix-consent", "fix-send"
# What was asked in these can be an example: a picture or a whole document cannot.
_FORMATS = frozenset({"text", "voice"})


def fix(kit: Kit, event: Event) -> Screen:
    """Ask how the answer should have been, in the private chat."""
    turn, language = own_turn(kit, event), event.language
    reason = "bot-not-yours" if turn is None else _refusal(kit, turn)
    if turn is None or reason:
        refusal = text(language, reason)
        return alert(refusal, is_loud=True) if event.verb else said(refusal)
    if not event.is_private:
        return Screen(None, link=kit.me.link(f"{LINK}_{turn.turn_id}"))
    consents = kit.rows.consents
    was_refused = consents.was_asked(event.user_id, TRAINING)
    if was_refused and not consents.has(event.user_id, TRAINING):
        change = Button(text(language, "consent-change"), "consent:show")
        return Screen(said(text(language, "fix-no-consent"), (change,)).page, is_new=True)
    _wait(kit, event, WRITING, {"turn": turn.turn_id})
    return Screen(said(text(language, "fix-asked"), (_cancel(event),)).page, is_new=True)


def _refusal(kit: Kit, turn: Turn) -> str:
    """Return the key of why this turn cannot be corrected, "" where it can."""
    question = turn.question
    if question.format not in _FORMATS or len(question.text) > MOST_LETTERS:
        return "fix-no-example"
    return "" if turn.written is not None and _dataset(kit, turn) else "fix-no-example"


def corrected(kit: Kit, event: Event) -> Screen:
    """Take the better answer; ask for consent where nobody ever did, else show what is sent."""
    language, words = event.language, event.text.strip()
    turn = _turn(kit, event)
    if turn is None:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
        return said(text(language, "fix-gone"))
    if not words or len(words) > MOST_LETTERS:
        key = "fix-long" if words else "fix-words"
        return said(text(language, key, most=MOST_LETTERS), (_cancel(event),))
    if not kit.rows.consents.has(event.user_id, TRAINING):
        _wait(kit, event, CONSENTING, {"turn": turn.turn_id, **_written(event)})
        return asked(event, _question(event))
    return _preview(kit, event, turn, _written(event))


def _written(event: Event) -> dict[str, Any]:
    """Return what the dialog keeps of the person's own message: it may be a question after all."""
    return {"words": event.text.strip(), "message": event.message_id}


async def meant_as_question(kit: Kit, event: Event) -> None:
    """Answer the words that were taken for a correction, and leave the correction."""
    kept = _said(event)
    words, is_waiting = str(kept.get("words", "")), event.dialog is not None
    if not words or not is_waiting:
        await kit.show(event, lambda: alert(text(event.language, "bot-button-old")))
        return
    if not event.is_resumed:
        await kit.calls.answer("answerCallbackQuery", {"callback_query_id": event.query_id})
    await answer_question(kit, replace(event, text=words, message_id=int(kept["message"])))
    # Afterwards: a kill before finds the words again.
    await kit.store.do(lambda: kit.rows.dialogs.end(event.chat_id, event.user_id))


def agreed(kit: Kit, event: Event) -> Screen:
    """Keep a yes, and go on with the correction that waits for it."""
    thanks = give(kit, event)
    said_so_far = _said(event)
    turn = _turn(kit, event)
    if event.dialog is None or event.dialog.step != CONSENTING or turn is None:
        return thanks
    return _preview(kit, event, turn, said_so_far)


def _preview(kit: Kit, event: Event, turn: Turn, written: Mapping[str, Any]) -> Screen:
    """Show what an editor would see; nothing is sent yet."""
    language, words = event.language, str(written.get("words", ""))
    question, answer = mask(turn.question.text, language), mask(words, language)
    kept = {
        "turn": turn.turn_id,
        "question": question.words,
        "answer": answer.words,
        "words": words,
        "message": int(written.get("message", 0)),
    }
    _wait(kit, event, SENDING, kept)
    shown = text(language, "fix-preview", question=question.words, answer=answer.words)
    found = dict.fromkeys((*question.found, *answer.found))
    if found:
        kinds = ", ".join(text(language, f"mask-kind-{kind}") for kind in found)
        shown = f"{shown}\n\n{text(language, 'fix-masked', kinds=kinds)}"
    send = Button(text(language, "fix-send"), "fix-send", style="success")
    return said(shown, (send,), (_question(event),), (_cancel(event),))


def send(kit: Kit, event: Event) -> Screen:
    """Let the masked correction wait for an editor."""
    language, turn = event.language, _turn(kit, event)
    if event.dialog is None or event.dialog.step != SENDING or turn is None:
        return alert(text(language, "bot-button-old"))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    if not kit.rows.consents.has(event.user_id, TRAINING):
        return said(text(language, "fix-no-consent"))
    kept, written = _said(event), turn.written
    model_id = written.model_id if written else ""
    draft = Draft(
        kept["question"], kept["answer"], _dataset(kit, turn), turn.turn_id, model_id=model_id
    )
    if kit.rows.proposals.add(event.user_id, draft) is None:
        return said(text(language, "fix-too-many"))
    day = f"{kit.services.clock():%Y-%m-%d}"
    kit.rows.notices.tell(ADMINS, "notice-proposal", {}, f"proposals:{day}")
    mine = Button(text(language, "consent-button"), "consent:show")
    return said(text(language, "fix-sent"), (mine,))


def _dataset(kit: Kit, turn: Turn) -> str:
    """Return the dataset that a correction of this turn belongs to, "" where there is none."""
    model = kit.rows.shelf.model(turn.written.model_id) if turn.written else None
    if model is not None:
        return model.dataset
    serving = kit.rows.shelf.serving(kit.services.default_dataset)
    return serving.dataset if serving else kit.services.default_dataset or ""


def _wait(kit: Kit, event: Event, step: str, values: Mapping[str, Any]) -> None:
    kit.wait(event, Dialog(step, values))


def _said(event: Event) -> Mapping[str, Any]:
    return event.dialog.said if event.dialog is not None else {}


def _turn(kit: Kit, event: Event) -> Turn | None:
    """Return the turn that the dialog is about, None where it is gone."""
    turn = kit.rows.turns.get(int(_said(event).get("turn", 0)))
    return turn if turn is not None and turn.question.user_id == event.user_id else None


def _question(event: Event) -> Button:
    return Button(text(event.language, "fix-is-question"), "fix-ask")


def _cancel(event: Event) -> Button:
    return Button(text(event.language, "button-cancel"), "cancel")


TOPIC = Topic(
    buttons={
        "fix": told(fix),
        "fix-send": told(send),
        "fix-ask": meant_as_question,
        "consent": told(consent_button(agreed)),
    },
    # Who writes on while something waits to be sent has thought of a better answer.
    steps=dict.fromkeys((WRITING, CONSENTING, SENDING), told(corrected)),
)
