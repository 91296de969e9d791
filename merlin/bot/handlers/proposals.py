"""Corrections that wait for an editor: the queue, the proof of one, approval and decline.

queue -> proof of one proposal -> approve (Save) | reword | decline
"""

from merlin.app import reviews
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import example_proof as proof
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.core.formatted_text import Button, shorten_text
from merlin.core.permissions import Permission
from merlin.dataset.proposals import example_yaml

handlers = Handlers(Permission.EDIT_EXAMPLES)
_LABEL_LENGTH = 48
_QUESTION_LENGTH = 200


@handlers.button("ex:queue")
def show_queue(context: BotContext) -> View:
    """List the waiting proposals, oldest first."""
    proof.leave_dialog(context)
    count = reviews.count_waiting(*context.caller)
    page = menu.page_number(context.number(1), count)
    entries = [
        Button(
            shorten_text(proposal.draft.question, _LABEL_LENGTH),
            f"ex:prop:{proposal.proposal_id}",
        )
        for proposal in reviews.list_waiting(
            *context.caller, page * PAGE_SIZE, PAGE_SIZE
        )
    ]
    rows: menu.Rows = (
        *entries,
        *menu.page_buttons("ex:queue", page, count),
        menu.back("ex:home"),
    )
    message = context.translate(
        "examples-queue-hint" if entries else "examples-queue-empty"
    )
    return menu.card(
        context, context.translate("examples-queue", count=count), message, rows=rows
    )


@handlers.button("ex:prop")
@proof.make_handler
def proposal_draft(context: BotContext) -> proof.EditedFile:
    """Return the draft of the example that a proposal would add."""
    waiting = reviews.get_waiting(*context.caller, context.number(1))
    text = example_yaml(waiting.draft)
    number = waiting.proposal_id
    corrected = reviews.find_corrected(*context.caller, [waiting])
    is_other = number in reviews.find_other_questions([waiting], corrected)
    return proof.EditedFile(
        waiting.draft.dataset,
        text=text,
        proposal=number,
        replaced="" if is_other else None,
        is_other=is_other,
    )


@handlers.button("ex:no", "ex:no-yes")
def decline(context: BotContext) -> View:
    """Decline a proposal and delete its text."""
    waiting = reviews.get_waiting(*context.caller, context.number(1))
    number = waiting.proposal_id
    question = shorten_text(waiting.draft.question, _QUESTION_LENGTH)
    proof.leave_dialog(context)
    if context.argument(0) == "no":
        text = context.translate("examples-ask-decline", question=question)
        sure = ("examples-decline", f"ex:no-yes:{number}")
        return menu.confirmation_card(context, text, sure, f"ex:prop:{number}")
    reviews.decline(*context.caller, [number])
    title = context.translate("examples-declined")
    queue = proof.queue_button(context)
    return menu.card(context, title, rows=(queue,))
