"""Corrections that wait for an editor: the queue, the proof of one, approval and decline.

queue -> proof of one proposal -> approve (Save) | reword | decline, with or without a reason
"""

from merlin.app import proposals
from merlin.app.outbox import OutgoingMessage
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import example_proof as proof
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.core.errors import Refused
from merlin.core.formatted_text import Button, FormattedMessage, shorten_text
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.dataset.proposals import example_yaml

handlers = Handlers(Permission.EDIT_EXAMPLES)
_LABEL_LENGTH = 48
DECLINE = "ex-decline"
MAX_REASON_LENGTH = 500
_QUESTION_LENGTH = 200


@handlers.button("ex:queue")
def show_queue(context: BotContext) -> View:
    """List the waiting proposals, oldest first."""
    proof.leave_dialog(context)
    count = proposals.count_waiting(*context.caller)
    page = menu.page_number(context.number(1), count)
    entries = [
        Button(
            shorten_text(proposal.draft.question, _LABEL_LENGTH), f"ex:prop:{proposal.proposal_id}"
        )
        for proposal in proposals.list_waiting(*context.caller, page * PAGE_SIZE, PAGE_SIZE)
    ]
    rows: menu.Rows = (
        *entries,
        *menu.page_buttons("ex:queue", page, count),
        menu.back("ex:home"),
    )
    message = context.translate("examples-queue-hint" if entries else "examples-queue-empty")
    return menu.card(context, context.translate("examples-queue", count=count), message, rows=rows)


@handlers.button("ex:prop")
@proof.make_handler
def proposal_draft(context: BotContext) -> proof.Draft:
    """Return the draft of the example that a proposal would add."""
    waiting = proposals.get_waiting(*context.caller, context.number(1))
    text = example_yaml(waiting.draft)
    return proof.Draft(waiting.draft.dataset, text=text, proposal=waiting.proposal_id)


@handlers.button("ex:no")
def ask_reason(context: BotContext) -> View:
    """Ask why the proposal is declined."""
    waiting = proposals.get_waiting(*context.caller, context.number(1))
    number, question = waiting.proposal_id, shorten_text(waiting.draft.question, _QUESTION_LENGTH)
    title = context.translate("examples-decline")
    message = context.translate("examples-ask-reason", question=question)
    decline_rows = (("examples-decline-bare", f"ex:no-yes:{number}", "danger"),)
    back = f"ex:prop:{number}"
    return proof.ask(
        context, DECLINE, title, message, back=back, rows=decline_rows, values={"proposal": number}
    )


@handlers.button("ex:no-yes")
@handlers.step(DECLINE)
def decline(context: BotContext) -> View:
    """Decline a proposal, by a button or with a written reason, which its author gets as a message.

    The message is encrypted in the outbox, as all messages with user texts are.
    """
    reason = "" if context.verb else proof.require_text(context)
    if len(reason) > MAX_REASON_LENGTH:
        raise Refused("too long", "examples-reason-long", most=MAX_REASON_LENGTH)
    stored_id = int(proof.dialog_value(context, "proposal") or 0)
    proposal_id = context.number(1) if context.verb else stored_id
    proposal = proposals.decline(*context.caller, proposal_id, reason)
    is_sent = reason and proposal.is_persons
    if is_sent:
        arguments = {
            "question": shorten_text(proposal.draft.question, _QUESTION_LENGTH),
            "reason": reason,
        }
        message = text(
            context.services.language_of(proposal.user_id), "examples-not-accepted", **arguments
        )
        key, page = f"declined:{proposal.proposal_id}", FormattedMessage(message)
        context.outbox.put([OutgoingMessage(key, proposal.user_id, page)])
    proof.leave_dialog(context)
    queue = proof.queue_button(context)
    key = "examples-declined-notified" if is_sent else "examples-declined"
    return menu.card(context, context.translate(key), rows=(queue,))
