"""What people do with an answer: 👍 👎, ✏️ a better one, ℹ️ which model said it; the consent.

A rating is stored once, whatever happens, and a second press takes it back; that the pressed
button shows it is a courtesy. ℹ️ tells which model said it, and what that model was taught.

    ✏️ -> fix (a step) -> [consent, asked once] -> masked words shown -> sent
                                                                     -> answered as a question
    consent:show | consent:yes | consent:no | consent:revoke -> consent:revoke:sure

Under an answer in a group ✏️ leads to the private chat: t.me/<bot>?start=fix_<turn>. Without a
consent nothing of it is kept. Everything on the way lies sealed in the dialog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from telegram.ext import MessageReactionHandler

from merlin.account.users import ConsentKind
from merlin.app.dialogs import Dialog
from merlin.app.inbox import UpdateState
from merlin.bot.context import Act, BotApplication, Event, Kit, add_handlers, callback_of, told
from merlin.bot.handlers.questions import answer_question, number, own_turn
from merlin.bot.handlers.quota import zone_for
from merlin.bot.menu import Screen, alert, said
from merlin.bot.rendering import pages
from merlin.chat.feedback import Rating, parse_rating, rating_from_reactions, toggle_rating
from merlin.chat.turns import StoredAnswer, Turn
from merlin.core import i18n, money
from merlin.core.formatted_text import Button, FormattedMessage
from merlin.core.i18n import text
from merlin.dataset.proposals import MOST_LETTERS, Draft, mask_personal_data
from merlin.db.audit import person_reference
from merlin.db.notices import ADMINS
from merlin.training.model_store import Origin

TRAINING = ConsentKind.TRAINING
# The version of the words under `consent-asked`; other words need an answer of their own.
VERSION = "2026-11"
MOST_NAMED = 20


def consent_asked(event: Event, *others: Button) -> Screen:
    """Return the question itself, with other ways out below it."""
    language = event.language
    return said(
        text(language, "consent-asked"),
        (Button(text(language, "consent-yes"), "consent:yes", style="success"),),
        (Button(text(language, "consent-no"), "consent:no"),),
        *((each,) for each in others),
    )


def show_consent(kit: Kit, event: Event) -> Screen:
    """Show whether there is a consent, and how to give it or to take it back."""
    if not kit.rows.consents.has(event.user_id, TRAINING):
        return consent_asked(event)
    count = len(kit.rows.proposals.of_user(event.user_id))
    words = text(event.language, "consent-given", count=count)
    revoke = Button(text(event.language, "consent-revoke"), "consent:revoke")
    return said(words, (revoke,))


def give_consent(kit: Kit, event: Event) -> Screen:
    """Keep a yes."""
    kit.rows.consents.give(event.user_id, TRAINING, VERSION)
    return said(text(event.language, "consent-thanks"))


def decline_consent(kit: Kit, event: Event) -> Screen:
    """Keep a no; what the person wanted to send is forgotten."""
    kit.rows.consents.decline(event.user_id, TRAINING, VERSION)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    again = Button(text(event.language, "consent-change"), "consent:show")
    return said(text(event.language, "consent-declined"), (again,))


def revoke_consent(kit: Kit, event: Event) -> Screen:
    """Ask once more, then end the consent and take back everything that was sent under it."""
    language = event.language
    if event.args[1:] != ("sure",):
        sure = Button(text(language, "consent-revoke-sure"), "consent:revoke:sure", style="danger")
        back = Button(text(language, "button-cancel"), "consent:show")
        return said(text(language, "consent-revoking"), (sure,), (back,))
    if not kit.rows.consents.revoke(event.user_id, TRAINING):
        return said(text(language, "consent-none"))
    models = take_back(kit, event.user_id)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    kit.rows.audit.note(
        person_reference(event.user_id), "consent.revoke", person_reference(event.user_id)
    )
    words = text(language, "consent-revoked")
    if models:
        words = f"{words}\n\n{text(language, 'consent-models', **_named(models))}"
    return said(words)


def take_back(kit: Kit, user_id: int) -> list[str]:
    """Withdraw what the person proposed; return the models that learnt it and serve no more.

    To be called within the store's work.
    """
    return kit.rows.proposals.withdraw(user_id)


def _named(models: list[str]) -> dict[str, object]:
    named = ", ".join(models[:MOST_NAMED])
    return {"count": len(models), "models": f"{named}…" if models[MOST_NAMED:] else named}


_WAYS = {
    "show": show_consent,
    "give": show_consent,
    "no": decline_consent,
    "revoke": revoke_consent,
}


def consent_button(yes: Act) -> Act:
    """Return what a pressed consent button does; `yes` is what follows a yes."""
    ways = {**_WAYS, "yes": yes}

    def act(kit: Kit, event: Event) -> Screen:
        way = ways.get(event.args[0] if event.args else "")
        if way is None or not event.is_private:
            return alert(text(event.language, "bot-button-old"))
        return way(kit, event)

    return act


_SHORT = 10


def why(kit: Kit, event: Event) -> Screen:
    """Tell where an answer comes from, what it cost, and which examples taught it."""
    turn = own_turn(kit, event)
    if turn is None:
        return alert(text(event.language, "bot-not-yours"), is_loud=True)
    written = turn.written
    if written is None or not written.model_id:
        return alert(text(event.language, "why-unknown"), is_loud=True)
    model = {"model": written.model_id, "provider": written.provider}
    lines = [text(event.language, "why-model", **model)]
    origin = kit.rows.lineage.origin(written.model_id)
    lines += [_origin(kit, event, origin)] if origin else [text(event.language, "why-general")]
    lines += _taught(kit, event, written) if origin else []
    lines += [_usage(event, written), *_thumbs(kit, event, written)]
    return Screen(FormattedMessage("\n".join(lines)), is_new=True)


def _origin(kit: Kit, event: Event, origin: Origin) -> str:
    return text(
        event.language,
        "why-origin",
        build=origin.build,
        commit=origin.commit[:_SHORT] or "—",
        at=i18n.format_moment(origin.trained_at, zone_for(kit, event), event.language),
        examples=origin.examples,
        editors=origin.editors,
        standing="serving" if origin.serves else "earlier",
    )


def _taught(kit: Kit, event: Event, written: StoredAnswer) -> list[str]:
    found = kit.rows.lineage.teaching(written.model_id, written.answer)
    return [text(event.language, "why-taught", examples=", ".join(found))] if found else []


def _usage(event: Event, written: StoredAnswer) -> str:
    usage = {"input": written.usage.input_tokens, "output": written.usage.output_tokens}
    words = text(event.language, "why-tokens", **usage)
    if not written.currency:
        return words
    cost = money.format_cost(event.language, written.cost_micro, written.currency)
    return f"{words} {text(event.language, 'why-cost', cost=cost)}"


def _thumbs(kit: Kit, event: Event, written: StoredAnswer) -> list[str]:
    thumbs = kit.rows.ratings.thumbs(written.model_id)
    if not thumbs.up + thumbs.down:
        return []
    return [text(event.language, "why-thumbs", up=thumbs.up, down=thumbs.down)]


_PRESSED = {Rating.UP: "success", Rating.DOWN: "danger"}
Counted = tuple[Turn, Rating | None]


async def rate(kit: Kit, event: Event) -> None:
    """Keep what the person thinks of their answer, or forget it."""
    counted: list[Counted] = []

    def act() -> Screen:
        turn = own_turn(kit, event, place=1) or _shared_turn(kit, event)
        pressed = parse_rating(event.args[0] if event.args else "")
        if turn is None or pressed is None:
            return alert(text(event.language, "bot-not-yours"), is_loud=True)
        rating = toggle_rating(kit.rows.ratings.of(turn.turn_id, event.user_id), pressed)
        kit.rows.ratings.rate(turn.turn_id, event.user_id, rating)
        counted[:] = [(turn, rating)]
        return _thanked(event, turn, rating)

    await kit.show(event, act)
    for turn, rating in counted:
        await _mark(kit, event, turn, rating)


def _shared_turn(kit: Kit, event: Event) -> Turn | None:
    """Return the turn under which a button of a group stands: there everybody may rate it."""
    turn = None if event.is_private else _turn_here(kit, event)
    return turn if turn is not None and turn.turn_id == number(event, 1) else None


def _thanked(event: Event, turn: Turn, rating: Rating | None) -> Screen:
    words = text(event.language, f"rating-{rating.value if rating else 'none'}")
    if rating is not Rating.DOWN or not event.is_private:
        return alert(words)
    fix = Button(text(event.language, "rating-fix"), f"fix:{turn.turn_id}", style="primary")
    asked = FormattedMessage(text(event.language, "rating-how-better"), buttons=((fix,),))
    return Screen(asked, alert=words, is_new=True)


async def reacted(kit: Kit, event: Event) -> None:
    """Keep what a reaction under an answer says; one that was taken away takes the rating back."""
    rating = rating_from_reactions(_emojis(event, "new_reaction"))
    is_about_us = (
        rating is not None or rating_from_reactions(_emojis(event, "old_reaction")) is not None
    )

    def work() -> Counted | None:
        turn = _turn_here(kit, event) if is_about_us else None
        if turn is not None:
            kit.rows.ratings.rate(turn.turn_id, event.user_id, rating)
        state = UpdateState.REFUSED if turn is None else UpdateState.ANSWERED
        kit.finish(event, state, "reaction")
        return None if turn is None else (turn, rating)

    counted = await kit.store.do(work)
    if counted is not None:
        await _mark(kit, event, *counted)


def _turn_here(kit: Kit, event: Event) -> Turn | None:
    turn_id = kit.rows.ratings.turn_at(event.chat_id, event.message_id)
    turn = None if turn_id is None else kit.rows.turns.get(turn_id)
    is_theirs = turn is not None and turn.question.user_id == event.user_id
    return turn if is_theirs or not event.is_private else None


def _emojis(event: Event, name: str) -> list[str]:
    body = event.update.body.get(event.update.kind)
    found = body.get(name) if isinstance(body, Mapping) else None
    each: list[Any] = found if isinstance(found, list) else []
    said = [one.get("emoji") for one in each if isinstance(one, Mapping)]
    return [emoji for emoji in said if isinstance(emoji, str)]


async def _mark(kit: Kit, event: Event, turn: Turn, rating: Rating | None) -> None:
    """Let the buttons show what counts now, where the message has them."""
    if turn.written is None or not event.is_private:
        # A group has one keyboard and many opinions.
        return
    shown = pages(turn, turn.written, event.language)
    # A reaction may stand under a part of the answer that has no buttons.
    if event.verb or len(shown) == 1:
        buttons = tuple(
            tuple(_marked(button, rating) for button in row) for row in shown[-1].buttons
        )
        await kit.calls.mark(event.chat_id, event.message_id, buttons)


def _marked(button: Button, rating: Rating | None) -> Button:
    if rating is None or not button.data.startswith(f"rate:{rating.value}:"):
        return button
    return replace(button, label=f"{button.label} ✓", style=_PRESSED[rating])


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
        return consent_asked(event, _question(event))
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
    thanks = give_consent(kit, event)
    said_so_far = _said(event)
    turn = _turn(kit, event)
    if event.dialog is None or event.dialog.step != CONSENTING or turn is None:
        return thanks
    return _preview(kit, event, turn, said_so_far)


def _preview(kit: Kit, event: Event, turn: Turn, written: Mapping[str, Any]) -> Screen:
    """Show what an editor would see; nothing is sent yet."""
    language, words = event.language, str(written.get("words", ""))
    question, answer = (
        mask_personal_data(turn.question.text, language),
        mask_personal_data(words, language),
    )
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


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    application.add_handler(MessageReactionHandler(callback_of(reacted)))
    add_handlers(
        application,
        buttons={
            "why": told(why),
            "rate": rate,
            "fix": told(fix),
            "fix-send": told(send),
            "fix-ask": meant_as_question,
            "consent": told(consent_button(agreed)),
        },
        # Who writes on while something waits to be sent has thought of a better answer.
        steps=dict.fromkeys((WRITING, CONSENTING, SENDING), told(corrected)),
    )
