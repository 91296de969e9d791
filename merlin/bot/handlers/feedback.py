"""Buttons under an answer: rating, correction, source of the answer; consent to send texts.

A rating is stored exactly once. Marking its button, which removes the rating then, is best effort,
and not done in a group, which has one keyboard for many users. ℹ️ shows the examples of the answer,
and folded below them its model.

    ✏️ -> [consent, asked once] -> fix (a step) -> masked text shown -> sent
                                                                    -> answered as a question
    ✉️ -> tell [consent, asked once] -> editors see refused questions of people who consented
    consent:show | consent:yes:DIALOG | consent:no | consent:revoke -> consent:revoke:sure

Under an answer in a group ✏️ opens the private chat: t.me/<bot>?start=fix_<turn>. Without consent
no text is stored. The texts of these steps are encrypted in the dialog.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from merlin.app import consent, feedback, lineage, proposals, sessions
from merlin.app.inbox import Dialog
from merlin.app.lineage import AnswerOrigin
from merlin.bot import menu
from merlin.bot.answers import render_turn
from merlin.bot.blocks import Block, details
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers.example_proof import turn_lines
from merlin.bot.handlers.questions import (
    answer_question,
    find_own_turn,
    require_own_turn,
)
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.turns import Turn
from merlin.core import money
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, FormattedMessage, in_entity, join_pages
from merlin.core.i18n import cut, text
from merlin.core.permissions import Permission
from merlin.dataset.proposals import Draft, Proposals
from merlin.dataset.sensitive import mask_personal_data

handlers = Handlers()
MAX_NAMED = 20
_TO_CONSENT = ("consent-change", "consent:show")
_QUESTION = ("fix-is-question", "fix-ask")


def ask_consent(context: BotContext, other: menu.Entry = None) -> View:
    """Ask for the consent, shortly while it is asked already, with another button below."""
    is_asked = context.step in (CONSENTING, TELLING) and context.verb != "consent:show"
    yes = ("consent-yes", f"consent:yes:{menu.get_dialog_number(context)}", "success")
    no = ("consent-no", "consent:no")
    return menu.text_view(
        context, "consent-again" if is_asked else "consent-ask", yes, no, other
    )


@handlers.button("consent:show", "consent:give")
def show_consent(context: BotContext) -> View:
    """Show whether consent was given, with buttons to give or revoke it."""
    if not consent.has_consent(*context.caller):
        if context.dialog and context.step in (CONSENTING, SENDING):
            # Stored anew under its number: the screen would end it, and its text were gone.
            context.dialogs.put(context.chat_id, context.user_id, context.dialog)
        return ask_consent(context)
    sent = Proposals(context.db).of_user(context.user_id)
    count = sum(not each.draft.is_wording for each in sent)
    revoke = ("consent-revoke", "consent:revoke")
    return menu.text_view(context, "consent-given", revoke, count=count)


@handlers.button("consent:no")
def decline_consent(context: BotContext) -> View:
    """Store the refusal; keep the text that was to be sent, for a user who thinks again.

    The next message is a question, for the user is not asked again.
    """
    consent.decline_consent(*context.caller)
    turn = _turn(context)
    context.stop_waiting()
    if context.step in (CONSENTING, DECLINED) and turn:
        return _keep_declined(context, "consent-declined", context.dialog_values)
    return menu.text_view(context, "consent-declined", _TO_CONSENT)


def _keep_declined(context: BotContext, key: str, values: Mapping[str, Any]) -> View:
    """Say that nothing is collected; a text that was typed stays until it is sent or cancelled."""
    context.wait(Dialog(DECLINED, values))
    if "words" not in values:
        return menu.text_view(context, key, _TO_CONSENT)
    return menu.paragraphs(
        context,
        context.translate(key),
        context.translate("consent-text-kept"),
        rows=(_TO_CONSENT, menu.cancel(context)),
    )


@handlers.button("consent:revoke")
def revoke_consent(context: BotContext) -> View:
    """Ask for confirmation, then revoke the consent and everything that was sent under it."""
    if context.arguments[1:] != ("sure",):
        sure = ("consent-revoke-sure", "consent:revoke:sure", "danger")
        return menu.text_view(
            context, "consent-revoking", sure, ("button-cancel", "consent:show")
        )
    models = consent.revoke_consent(*context.caller)
    if models is None:
        return menu.text_view(context, "consent-none")
    context.stop_waiting()
    names = ", ".join(models[:MAX_NAMED]) + ("…" if models[MAX_NAMED:] else "")
    trained = (
        context.translate("consent-models", count=len(models), models=names)
        if models
        else ""
    )
    return menu.paragraphs(context, context.translate("consent-revoked"), trained)


_COMMIT_LENGTH = 10


@handlers.button("why", use=Use.IN_GROUPS)
def show_source(context: BotContext) -> View:
    """Show in words what an answer is from, then the technical details, to staff also its cost."""
    turn = require_own_turn(context)
    written = turn.written
    if written is None or not written.model_id:
        raise NotFound("no model", "why-unknown")
    source = lineage.find_source(*context.caller, turn.turn_id)
    origin = source.origin
    words = [context.translate("why-part", part=source.part.value)]
    title = origin.build if origin else written.model_id
    sources: list[str] = []
    facts = [context.translate("why-model", model=title)]
    if origin is None:
        words.append(context.translate("why-general"))
    else:
        facts.append(
            context.translate(
                "why-origin",
                commit=origin.commit[:_COMMIT_LENGTH] or "—",
                at=context.moment(origin.trained_at),
                examples=origin.examples,
                editors=origin.editors,
                role=origin.model_role,
            )
        )
        if lines := _example_lines(context, source, origin.dataset):
            key = "why-examples" if source.said_by else "why-nearest"
            sources.append(context.translate(key, examples="".join(lines)))
    if context.authority.may(Permission.WATCH):
        facts.append(
            context.translate(
                "why-tokens",
                input=written.usage.input_tokens,
                output=written.usage.output_tokens,
            )
        )
        if written.currency:
            cost = money.format_price(
                context.language, written.cost_micro, written.currency
            )
            facts.append(context.translate("why-cost", cost=cost))
    thumbs = Ratings(context.db, context.bot_id).thumbs(written.model_id)
    if thumbs:
        up = thumbs[Rating.UP]
        down = thumbs[Rating.DOWN]
        facts.append(context.translate("why-ratings", up=up, down=down))
    return View(_source_page(context, words, sources, facts), is_new=True)


def _source_page(
    context: BotContext, words: list[str], sources: list[str], facts: list[str]
) -> FormattedMessage:
    folded = in_entity("expandable_blockquote", "\n".join(facts))
    page = join_pages(FormattedMessage("\n".join(words + sources)), folded)
    if context.is_plain:
        return page
    blocks: list[Block] = [{"type": "paragraph", "text": "\n".join(words)}]
    if sources:
        examples = context.translate("why-fold-examples")
        blocks.append(details(examples, *sources, is_open=True))
    blocks.append(details(context.translate("why-fold-model"), *facts))
    return replace(page, blocks=tuple(blocks))


def _example_lines(
    context: BotContext, source: AnswerOrigin, dataset: str
) -> list[str]:
    """Return the examples that the answer is from, with their commits, else the nearest ones."""
    named = [*source.said_by] or source.nearest
    questions = lineage.read_questions(context.services, dataset, named)
    lines = [f"\n• {cut(questions.get(name, name))}" for name in named]
    if not source.said_by:
        return lines
    commits = (commit[:_COMMIT_LENGTH] for commit in source.said_by.values())
    return [
        context.translate("why-example", example=line, commit=commit)
        for line, commit in zip(lines, commits, strict=True)
    ]


_PRESSED_STYLES = {Rating.UP: "success", Rating.DOWN: "danger"}
RatedTurn = tuple[Turn, Rating | None]


@handlers.button("rate", use=Use.IN_GROUPS)
async def rate(context: BotContext) -> None:
    """Store or remove the user's rating of an answer."""
    rated: list[RatedTurn] = []

    def store_rating() -> View:
        turn = find_own_turn(context, place=1)
        if turn is None and not context.is_private:
            # Everybody may rate an answer in a group.
            answered = _turn_here(context)
            is_here = answered is not None and answered.turn_id == context.number(1)
            turn = answered if is_here else None
        pressed = context.argument(0)
        if turn is None or pressed not in {*Rating, feedback.NO_RATING}:
            return menu.refusal(context, "bot-not-yours")
        before = Ratings(context.db, context.bot_id).find(turn.turn_id, context.user_id)
        rating = feedback.press_rating(*context.caller, turn.turn_id, pressed)
        rated[:] = [(turn, rating)]
        message = context.translate(f"rating-{pressed}")
        if rating in {before, None, Rating.UP} or not context.is_private:
            return menu.alert(message)
        fix = ("rating-fix", f"fix:{turn.turn_id}", "primary")
        return replace(
            menu.text_view(context, "rating-how-better", fix),
            alert=message,
            is_new=True,
        )

    await context.show(store_rating)
    for turn, rating in rated:
        await _mark(context, turn, rating)


def _turn_here(context: BotContext) -> Turn | None:
    turn_id = Ratings(context.db, context.bot_id).find_turn(
        context.chat_id, context.message_id
    )
    turn = None if turn_id is None else context.turns.get(turn_id)
    is_theirs = turn is not None and turn.question.user_id == context.user_id
    return turn if is_theirs or not context.is_private else None


async def _mark(context: BotContext, turn: Turn, rating: Rating | None) -> None:
    """Mark the current rating on the buttons of the message, if it has buttons."""
    if turn.written is None or not context.is_private:
        return
    parts = render_turn(turn, turn.written, context.language, is_plain=True)
    buttons = tuple(
        tuple(_mark_button(button, rating) for button in row)
        for row in parts[-1].buttons
    )
    await context.bot_api.edit_buttons(context.chat_id, context.message_id, buttons)


def _mark_button(button: Button, rating: Rating | None) -> Button:
    if rating is None or not button.data.startswith(f"rate:{rating.value}:"):
        return button
    data = button.data.replace(rating.value, feedback.NO_RATING)
    return replace(
        button, label=f"{button.label} ✓", data=data, style=_PRESSED_STYLES[rating]
    )


LINK = "fix"
WRITING = "fix"
CONSENTING = "fix-consent"
SENDING = "fix-send"
# Keeps the answer for a user who allows it after all; no message belongs to this step.
DECLINED = "fix-declined"


@handlers.button("fix", use=Use.IN_GROUPS)
def fix(context: BotContext) -> View:
    """Ask for a better answer, in the private chat."""
    turn = require_own_turn(context)
    if not (turn.written and _dataset(context, turn)):
        raise Refused("it is in no dataset", "fix-no-example")
    if not context.is_private:
        return View(None, link=context.link(f"{LINK}_{turn.turn_id}"))
    if consent.has_declined(*context.caller):
        is_same = (
            context.step == DECLINED and context.dialog_values["turn"] == turn.turn_id
        )
        values = context.dialog_values if is_same else {"turn": turn.turn_id}
        return replace(_keep_declined(context, "fix-no-consent", values), is_new=True)
    return replace(_ask_correction(context, turn), is_new=True)


def _ask_correction(context: BotContext, turn: Turn) -> View:
    """Ask for the better answer, or first for the consent if it was never asked for."""
    values = {"turn": turn.turn_id}
    if consent.has_consent(*context.caller):
        return menu.form(context, "fix-ask", step=WRITING, values=values)
    context.wait(Dialog(CONSENTING, values))
    return ask_consent(context)


# A message sent while a correction waits to be sent replaces the correction.
@handlers.step(WRITING, CONSENTING, SENDING)
def receive_correction(context: BotContext) -> View:
    """Take the correction; ask for consent if it is missing, else show what would be sent."""
    turn = _turn(context)
    if turn is None:
        context.stop_waiting()
        return menu.text_view(context, "fix-answer-not-found")
    correction = feedback.check_correction(context.text)
    # The message id is stored because the text may turn out to be a question.
    values = {"turn": turn.turn_id, "words": correction, "message": context.message_id}
    if consent.has_consent(*context.caller):
        return _preview(context, turn, values)
    context.wait(Dialog(CONSENTING, values))
    return ask_consent(context, _QUESTION)


@handlers.button("fix-ask", use=Use.ASKS_MODEL)
async def ask_instead(context: BotContext) -> None:
    """Answer the text that was taken as a correction, and drop the correction."""
    values = context.dialog_values
    text = str(values.get("words", ""))
    if not text:
        await context.show(lambda: menu.outdated_view(context))
        return
    if not context.is_resumed:
        await context.answer_press()
    await answer_question(
        replace(context, text=text, message_id=int(values["message"]), dialog=None)
    )
    # At the end, so that a retry after a crash still finds the text. A button may have opened
    # another dialog meanwhile.
    await context.store.do(
        lambda: context.read_dialog() == context.dialog and context.stop_waiting()
    )


@handlers.button("consent:yes")
def give_consent(context: BotContext) -> View:
    """Store the consent and continue with the correction or question that it was asked for."""
    was_given = consent.has_consent(*context.caller)
    consent.give_consent(*context.caller)
    is_older = context.argument(1) not in ("", str(menu.get_dialog_number(context)))
    turn = None if is_older else _turn(context)
    if context.step == TELLING and turn is not None:
        context.stop_waiting()
        return _tell(context, turn)
    if context.step not in (CONSENTING, DECLINED) or turn is None:
        if was_given:  # a second tap must not replace what the first one opened
            return menu.alert(context.translate("consent-thanks"))
        return menu.text_view(context, "consent-thanks")
    if "words" not in context.dialog_values:
        return _ask_correction(context, turn)
    return _preview(context, turn, context.dialog_values)


def _preview(
    context: BotContext, turn: Turn, correction_values: Mapping[str, Any]
) -> View:
    """Show what editors would see; nothing is sent yet."""
    language = context.language
    correction = str(correction_values.get("words", ""))
    context.wait(Dialog(SENDING, correction_values))
    draft = _draft(context, turn, correction)
    masked_texts = (
        mask_personal_data(words, language)
        for words in (turn.question.text, correction)
    )
    kinds_found = dict.fromkeys(
        kind for masked in masked_texts for kind in masked.found
    )
    kinds = ", ".join(text(language, f"mask-kind-{kind}") for kind in kinds_found)
    *asked, _ = draft.messages
    question = _format_question([(message.role, message.content) for message in asked])
    preview = text(language, "fix-preview", question=question, answer=draft.answer)
    masked = text(language, "fix-masked", kinds=kinds) if kinds else ""
    rows = (("fix-send", "fix-send", "success"), _QUESTION, menu.cancel(context))
    return menu.paragraphs(context, preview, masked, rows=rows)


@handlers.button("fix-send")
def send(context: BotContext) -> View:
    """Send the masked correction to the review queue."""
    turn = _turn(context)
    if context.step != SENDING or turn is None:
        return menu.outdated_view(context)
    context.stop_waiting()
    if not consent.has_consent(*context.caller):
        return _keep_declined(context, "fix-no-consent", context.dialog_values)
    draft = _draft(context, turn, str(context.dialog_values["words"]))
    proposals.add(*context.caller, draft)
    return menu.text_view(context, "fix-sent", ("consent-button", "consent:show"))


def _draft(context: BotContext, turn: Turn, correction: str) -> Draft:
    view = sessions.get_turn(*context.caller, turn.turn_id)
    return feedback.draft_correction(
        context.services, view, correction, context.language
    )


def _format_question(turns: Sequence[tuple[str, str]]) -> str:
    """Return a question; one with turns before it as lines with the signs of the roles."""
    return "\n".join(turn_lines(turns)) if turns[1:] else turns[0][1]


TELL_LINK = "tell"
TELLING = "tell-consent"


@handlers.button("tell", use=Use.IN_GROUPS)
def show_to_editors(context: BotContext) -> View:
    """Let editors see the refused question, which takes the consent alone."""
    turn = require_own_turn(context)
    if not _dataset(context, turn):
        raise Refused("it is in no dataset", "tell-no-editors")
    if not context.is_private:
        return View(None, link=context.link(f"{TELL_LINK}_{turn.turn_id}"))
    if consent.has_consent(*context.caller):
        return replace(_tell(context, turn), is_new=True)
    context.wait(Dialog(TELLING, {"turn": turn.turn_id}))
    if consent.has_declined(*context.caller):
        return replace(
            menu.text_view(context, "tell-no-consent", _TO_CONSENT), is_new=True
        )
    return replace(ask_consent(context), is_new=True)


def _tell(context: BotContext, turn: Turn) -> View:
    feedback.refuse_offers(*context.caller, turn.turn_id, context.language)
    return menu.text_view(context, "tell-sent", _TO_CONSENT)


def _dataset(context: BotContext, turn: Turn) -> str:
    """Return the dataset of the turn for corrections, "" for none."""
    question = turn.question
    written = turn.written
    model_id = written.model_id if written else ""
    return feedback.dataset_of(
        context.services, turn.turn_id, question.text, question.format, model_id
    )


def _turn(context: BotContext) -> Turn | None:
    """Return the turn that the dialog is about, None if it was deleted."""
    return context.turns.get_own(
        int(context.dialog_values.get("turn", 0)), context.user_id
    )
