"""What people do with an answer: 👍 👎, ✏️ a better one, ℹ️ which model said it; the consent.

A rating is stored once, whatever happens, and a second press takes it back; that the pressed
button shows it is a courtesy. ℹ️ tells which model said it, and what that model was taught.

    ✏️ -> [consent, asked once] -> fix (a step) -> masked words shown -> sent
                                                                     -> answered as a question
    ✉️ -> tell [consent, asked once] -> the masked question shown -> sent
    consent:show | consent:yes | consent:no | consent:revoke -> consent:revoke:sure

Under an answer in a group ✏️ leads to the private chat: t.me/<bot>?start=fix_<turn>. Without a
consent nothing of it is kept. Everything on the way lies sealed in the dialog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from merlin.app import feedback, lineage, proposals, unanswered
from merlin.app.inbox import Dialog, UpdateState
from merlin.bot import menu
from merlin.bot.answers import pages
from merlin.bot.context import BotContext
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.questions import answer_question, own_turn
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.chat.feedback import Rating, Ratings, parse_rating, rating_from_reactions
from merlin.chat.turns import Turn
from merlin.core import money
from merlin.core.errors import Refused
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.dataset.proposals import MAX_CHARACTERS, Draft, Proposals, mask_personal_data

handlers = Handlers()
MAX_NAMED = 20
_TO_CONSENT = ("consent-change", "consent:show")
_QUESTION = ("fix-is-question", "fix-ask")


def consent_asked(context: BotContext, other: menu.Entry = None) -> View:
    """Return the question itself, with another way out below it."""
    yes, no = ("consent-yes", "consent:yes", "success"), ("consent-no", "consent:no")
    return menu.say(context, "consent-asked", yes, no, other)


def show_consent(context: BotContext) -> View:
    """Show whether there is a consent, and how to give it or to take it back."""
    if not proposals.has_consent(*performer(context)):
        return consent_asked(context)
    count = len(Proposals(context.db).of_user(context.user_id))
    revoke = ("consent-revoke", "consent:revoke")
    return menu.say(context, "consent-given", revoke, count=count)


def decline_consent(context: BotContext) -> View:
    """Keep a no; what the person wanted to send is forgotten.

    Who has not written yet may still do so, and that is no question.
    """
    proposals.decline_consent(*performer(context))
    dialog, turn = context.dialog, _turn(context)
    context.stop_waiting()
    if dialog and dialog.step == CONSENTING and "words" not in context.dialog_values and turn:
        context.wait(Dialog(CONSENTING, {"turn": turn.turn_id}))
    return menu.say(context, "consent-declined", _TO_CONSENT)


def revoke_consent(context: BotContext) -> View:
    """Ask once more, then end the consent and take back everything that was sent under it."""
    if context.arguments[1:] != ("sure",):
        sure = ("consent-revoke-sure", "consent:revoke:sure", "danger")
        return menu.say(context, "consent-revoking", sure, ("button-cancel", "consent:show"))
    models = proposals.revoke_consent(*performer(context))
    if models is None:
        return menu.say(context, "consent-none")
    context.stop_waiting()
    content = context.translate("consent-revoked")
    if models:
        named = ", ".join(models[:MAX_NAMED]) + ("…" if models[MAX_NAMED:] else "")
        message = context.translate("consent-models", count=len(models), models=named)
        content = f"{content}\n\n{message}"
    return menu.message(context, content)


_SHORT = 10


@handlers.button("why")
def why(context: BotContext) -> View:
    """Tell where an answer comes from, what it cost, and which examples taught it."""
    turn = own_turn(context)
    if turn is None:
        return menu.refuse(context, "bot-not-yours")
    written = turn.written
    if written is None or not written.model_id:
        return menu.refuse(context, "why-unknown")
    model = {"model": written.model_id, "provider": written.provider}
    lines = [context.translate("why-model", **model)]
    source = lineage.find_source(*performer(context), turn.turn_id)
    origin = source.origin
    if origin is None:
        lines.append(context.translate("why-general"))
    else:
        about = {
            "build": origin.build,
            "commit": origin.commit[:_SHORT] or "—",
            "at": context.moment(origin.trained_at),
            "examples": origin.examples,
            "editors": origin.editors,
            "standing": origin.standing,
        }
        lines.append(context.translate("why-origin", **about))
        for key, found in (("why-taught", source.said_by), ("why-nearest", source.nearest)):
            if found:
                lines.append(context.translate(key, examples=", ".join(found)))
    usage = {"input": written.usage.input_tokens, "output": written.usage.output_tokens}
    tokens = context.translate("why-tokens", **usage)
    if written.currency:
        cost = money.format_price(context.language, written.cost_micro, written.currency)
        tokens = f"{tokens} {context.translate('why-cost', cost=cost)}"
    lines.append(tokens)
    thumbs = Ratings(context.db, context.bot_id).thumbs(written.model_id)
    if thumbs:
        up, down = thumbs[Rating.UP], thumbs[Rating.DOWN]
        lines.append(context.translate("why-thumbs", up=up, down=down))
    return replace(menu.message(context, "\n".join(lines)), is_new=True)


_PRESSED = {Rating.UP: "success", Rating.DOWN: "danger"}
Counted = tuple[Turn, Rating | None]


@handlers.button("rate")
async def rate(context: BotContext) -> None:
    """Keep what the person thinks of their answer, or forget it."""
    counted: list[Counted] = []

    def act() -> View:
        turn = own_turn(context, place=1)
        if turn is None and not context.is_private:
            # Under an answer in a group everybody may rate it.
            here = _turn_here(context)
            turn = here if here is not None and here.turn_id == context.number(1) else None
        pressed = parse_rating(context.argument(0))
        if turn is None or pressed is None:
            return menu.refuse(context, "bot-not-yours")
        rating = feedback.press_rating(*performer(context), turn.turn_id, pressed)
        counted[:] = [(turn, rating)]
        message = context.translate(f"rating-{rating.value if rating else 'none'}")
        if rating is not Rating.DOWN or not context.is_private:
            return menu.alert(message)
        fix = ("rating-fix", f"fix:{turn.turn_id}", "primary")
        return replace(menu.say(context, "rating-how-better", fix), alert=message, is_new=True)

    await context.show(act)
    for turn, rating in counted:
        await _mark(context, turn, rating)


async def reacted(context: BotContext) -> None:
    """Keep what a reaction under an answer says; one that was taken away takes the rating back."""
    rating = rating_from_reactions(_emojis(context, "new_reaction"))
    is_about_us = (
        rating is not None or rating_from_reactions(_emojis(context, "old_reaction")) is not None
    )

    def work() -> Counted | None:
        turn = _turn_here(context) if is_about_us else None
        if turn is not None:
            Ratings(context.db, context.bot_id).rate(turn.turn_id, context.user_id, rating)
        state = UpdateState.REFUSED if turn is None else UpdateState.ANSWERED
        context.finish(state, "reaction")
        return None if turn is None else (turn, rating)

    counted = await context.store.do(work)
    if counted is not None:
        await _mark(context, *counted)


def _turn_here(context: BotContext) -> Turn | None:
    turn_id = Ratings(context.db, context.bot_id).turn_at(context.chat_id, context.message_id)
    turn = None if turn_id is None else context.turns.get(turn_id)
    is_theirs = turn is not None and turn.question.user_id == context.user_id
    return turn if is_theirs or not context.is_private else None


def _emojis(context: BotContext, name: str) -> list[str]:
    found = context.stored.content.get(name)
    each: list[Any] = found if isinstance(found, list) else []
    emojis = [one.get("emoji") for one in each if isinstance(one, Mapping)]
    return [emoji for emoji in emojis if isinstance(emoji, str)]


async def _mark(context: BotContext, turn: Turn, rating: Rating | None) -> None:
    """Let the buttons show what counts now, where the message has them."""
    if turn.written is None or not context.is_private:
        # A group has one keyboard and many opinions.
        return
    shown = pages(turn, turn.written, context.language)
    # A reaction may stand under a part of the answer that has no buttons.
    if context.verb or len(shown) == 1:
        buttons = tuple(
            tuple(_marked(button, rating) for button in row) for row in shown[-1].buttons
        )
        await context.calls.mark(context.chat_id, context.message_id, buttons)


def _marked(button: Button, rating: Rating | None) -> Button:
    if rating is None or not button.data.startswith(f"rate:{rating.value}:"):
        return button
    return replace(button, label=f"{button.label} ✓", style=_PRESSED[rating])


LINK = "fix"
WRITING, CONSENTING, SENDING = "fix", "fix-consent", "fix-send"


@handlers.button("fix")
def fix(context: BotContext) -> View:
    """Ask how the answer should have been, in the private chat."""
    turn, reason = own_turn(context), "bot-not-yours"
    if turn is not None:
        reason = "" if turn.written and _dataset(context, turn) else "fix-no-example"
    if turn is None or reason:
        return menu.refuse(context, reason) if context.verb else menu.say(context, reason)
    if not context.is_private:
        return View(None, link=context.link(f"{LINK}_{turn.turn_id}"))
    if proposals.has_declined(*performer(context)):
        context.wait(Dialog(CONSENTING, {"turn": turn.turn_id}))
        return replace(menu.say(context, "fix-no-consent", _TO_CONSENT), is_new=True)
    return replace(_ask_correction(context, turn), is_new=True)


def _ask_correction(context: BotContext, turn: Turn) -> View:
    """Ask for the better answer; where nobody ever did, first for the consent."""
    values = {"turn": turn.turn_id}
    if proposals.has_consent(*performer(context)):
        return menu.form(context, "fix-asked", step=WRITING, values=values)
    context.wait(Dialog(CONSENTING, values))
    return consent_asked(context)


# Who writes on while something waits to be sent has thought of a better answer.
@handlers.step(WRITING, CONSENTING, SENDING)
def corrected(context: BotContext) -> View:
    """Take the better answer; ask for consent where there is none, else show what is sent."""
    words, turn = context.text.strip(), _turn(context)
    if turn is None:
        context.stop_waiting()
        return menu.say(context, "fix-gone")
    if not words or len(words) > MAX_CHARACTERS:
        key = "fix-long" if words else "fix-words"
        return menu.form(context, key, most=MAX_CHARACTERS)
    # The person's own message is kept with its words: it may be a question after all.
    written = {"turn": turn.turn_id, "words": words, "message": context.message_id}
    if proposals.has_consent(*performer(context)):
        return _preview(context, turn, written)
    context.wait(Dialog(CONSENTING, written))
    return consent_asked(context, _QUESTION)


@handlers.button("fix-ask")
async def meant_as_question(context: BotContext) -> None:
    """Answer the words that were taken for a correction, and leave the correction."""
    kept = context.dialog_values
    message = str(kept.get("words", ""))
    if not message:
        await context.show(lambda: menu.outdated(context))
        return
    if not context.is_resumed:
        await context.calls.answer("answerCallbackQuery", {"callback_query_id": context.query_id})
    await answer_question(replace(context, text=message, message_id=int(kept["message"])))
    # Afterwards: a kill before finds the words again.
    await context.store.do(context.stop_waiting)


def agreed(context: BotContext) -> View:
    """Keep a yes, and go on with the correction that waits for it."""
    proposals.give_consent(*performer(context))
    turn = _turn(context)
    if context.dialog is not None and context.dialog.step == TELLING and turn is not None:
        context.stop_waiting()
        return _tell_view(context, turn)
    if context.dialog is None or context.dialog.step != CONSENTING or turn is None:
        return menu.say(context, "consent-thanks")
    if "words" not in context.dialog_values:
        return _ask_correction(context, turn)
    return _preview(context, turn, context.dialog_values)


_CONSENT_ACT = menu.by_argument(
    {
        "show": show_consent,
        "give": show_consent,
        "yes": agreed,
        "no": decline_consent,
        "revoke": revoke_consent,
    }
)


@handlers.button("consent")
def consent_pressed(context: BotContext) -> View:
    """Do what a pressed consent button says, in the private chat."""
    return (_CONSENT_ACT if context.is_private else menu.outdated)(context)


def _preview(context: BotContext, turn: Turn, written: Mapping[str, Any]) -> View:
    """Show what an editor would see; nothing is sent yet."""
    language, words = context.language, str(written.get("words", ""))
    question = mask_personal_data(turn.question.text, language)
    answer = mask_personal_data(words, language)
    kept = {
        "turn": turn.turn_id,
        "question": question.words,
        "answer": answer.words,
        "words": words,
        "message": int(written.get("message", 0)),
    }
    context.wait(Dialog(SENDING, kept))
    shown = text(language, "fix-preview", question=question.words, answer=answer.words)
    found = dict.fromkeys((*question.found, *answer.found))
    if found:
        kinds = ", ".join(text(language, f"mask-kind-{kind}") for kind in found)
        shown = f"{shown}\n\n{text(language, 'fix-masked', kinds=kinds)}"
    return menu.message(context, shown, ("fix-send", "fix-send", "success"), _QUESTION, menu.CANCEL)


@handlers.button("fix-send")
def send(context: BotContext) -> View:
    """Let the masked correction wait for an editor."""
    turn = _turn(context)
    if context.dialog is None or context.dialog.step != SENDING or turn is None:
        return menu.outdated(context)
    context.stop_waiting()
    if not proposals.has_consent(*performer(context)):
        return menu.say(context, "fix-no-consent")
    kept, model_id = context.dialog_values, turn.written.model_id if turn.written else ""
    dataset, answer = _dataset(context, turn), turn.written.answer if turn.written else ""
    worse = feedback.rejected_answer(context.services, dataset, answer, context.language)
    words = (kept["question"], kept["answer"], dataset)
    draft = Draft(*words, turn.turn_id, model_id, rejected=worse)
    if proposals.add(*performer(context), draft) is None:
        return menu.say(context, "fix-too-many")
    return menu.say(context, "fix-sent", ("consent-button", "consent:show"))


TELL_LINK, TELLING = "tell", "tell-consent"


@handlers.button("tell")
def tell(context: BotContext) -> View:
    """Show what editors would read of a refused question; ask for the consent where nobody did."""
    turn, reason = own_turn(context), "bot-not-yours"
    if turn is not None:
        reason = "" if _dataset(context, turn) else "tell-nobody"
    if turn is None or reason:
        return menu.refuse(context, reason) if context.verb else menu.say(context, reason)
    if not context.is_private:
        return View(None, link=context.link(f"{TELL_LINK}_{turn.turn_id}"))
    if proposals.has_declined(*performer(context)):
        return replace(menu.say(context, "tell-no-consent", _TO_CONSENT), is_new=True)
    if not proposals.has_consent(*performer(context)):
        context.wait(Dialog(TELLING, {"turn": turn.turn_id}))
        return replace(consent_asked(context), is_new=True)
    return replace(_tell_view(context, turn), is_new=True)


def _tell_view(context: BotContext, turn: Turn) -> View:
    words = mask_personal_data(turn.question.text, context.language).words
    send = ("tell-send", f"tell-send:{turn.turn_id}", "success")
    return menu.say(context, "tell-preview", send, menu.CANCEL, question=words)


@handlers.button("tell-send")
def send_question(context: BotContext) -> View:
    """Let the masked question wait for editors."""
    turn = own_turn(context)
    if turn is None:
        return menu.outdated(context)
    dataset, words = _dataset(context, turn), turn.question.text
    try:
        ctx, actor = performer(context)
        unanswered.tell_editors(ctx, actor, dataset, words, context.language, turn.turn_id)
    except Refused as error:
        return menu.error_view(context, error)
    return menu.say(context, "tell-sent", ("consent-button", "consent:show"))


def _dataset(context: BotContext, turn: Turn) -> str:
    """Return the dataset that a correction of this turn belongs to, "" where there is none."""
    question, written = turn.question, turn.written
    model_id = written.model_id if written else ""
    return feedback.dataset_of(context.services, question.text, question.format, model_id)


def _turn(context: BotContext) -> Turn | None:
    """Return the turn that the dialog is about, None where it is gone."""
    turn = context.turns.get(int(context.dialog_values.get("turn", 0)))
    return turn if turn is not None and turn.question.user_id == context.user_id else None
