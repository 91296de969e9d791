"""Reviewing: corrections that people proposed, until an editor decides.

queue -> proof of one -> approve (Save) | other words | decline, with a reason or without
"""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.handlers.examples.proof import look
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.sheet import sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.chat.review import Proposal, ProposalState
from merlin.core.errors import Refused
from merlin.core.message import Message
from merlin.core.page import Button, Page
from merlin.core.text import text
from merlin.dataset.example import Example
from merlin.dataset.finding import short
from merlin.dataset.writing import write_example
from merlin.inbox.outgoing import Letter

DECLINE = "ex-decline"
MOST_REASON = 500
_LABEL = 48
_QUESTION = 200


def queue(kit: Kit, event: Event) -> Screen:
    """Show what waits, the oldest first."""
    reach.leave(kit, event)
    names = [each.name for each in reach.datasets(kit, event)]
    page = min(number(event, 1), max(kit.rows.reviews.count(names) - 1, 0) // panel.AT_ONCE)
    found = kit.rows.reviews.waiting(page * panel.AT_ONCE, panel.AT_ONCE + 1, names)
    rows = [
        (Button(short(each.draft.question, _LABEL), reach.data("prop", each.proposal_id)),)
        for each in found[: panel.AT_ONCE]
    ]
    more = panel.turning(reach.data("queue"), page, has_more=len(found) > panel.AT_ONCE)
    count = kit.rows.reviews.count(names)
    words = text(event.language, "examples-queue-words" if found else "examples-queue-empty")
    title = text(event.language, "examples-queue", count=count)
    return sheet(title, words, rows=[*rows, more, (to(event, "button-back", "home"),)])


async def proposal(kit: Kit, event: Event) -> None:
    """Show one correction as the example that it would be."""
    await look(kit, event, lambda: _draft(_waiting(kit, event, number(event, 1))))


def _waiting(kit: Kit, event: Event, proposal_id: int) -> Proposal:
    """Return a correction that waits. Raises NotFound, also out of reach, Refused."""
    found = kit.rows.reviews.get(proposal_id)
    reach.checked(kit, event, found.draft.dataset)
    if found.state is not ProposalState.WAITING:
        raise Refused("decided already", "examples-decided")
    return found


def _draft(found: Proposal) -> Draft:
    words = found.draft
    said = (Message("user", words.question), Message("assistant", words.answer))
    example = replace(Example("", "", "", said), source="chat")
    return Draft(words.dataset, text=write_example(example), proposal=found.proposal_id)


def ask_reason(kit: Kit, event: Event) -> Screen:
    """Ask why the correction is declined."""
    found = _waiting(kit, event, number(event, 1))
    reach.wait(kit, event, DECLINE, None, proposal=found.proposal_id)
    title = text(event.language, "examples-decline")
    words = text(
        event.language, "examples-ask-reason", question=short(found.draft.question, _QUESTION)
    )
    yes = to(event, "examples-decline-bare", "no-yes", found.proposal_id, style="danger")
    return sheet(title, words, rows=[(yes,), leaving(event, "prop", found.proposal_id)])


def declined(kit: Kit, event: Event) -> Screen:
    """Decline without a reason."""
    return _decline(kit, event, number(event, 1), "")


def reasoned(kit: Kit, event: Event, words: str) -> Screen:
    """Decline for the reason that was written."""
    if len(words) > MOST_REASON:
        raise Refused("too long", "examples-reason-long", most=MOST_REASON)
    return _decline(kit, event, int(reach.kept(event, "proposal") or 0), words)


def _decline(kit: Kit, event: Event, proposal_id: int, reason: str) -> Screen:
    found = _waiting(kit, event, proposal_id)
    kit.rows.reviews.decline(found.proposal_id, event.user_id, reason)
    if reason:
        kit.rows.outbox.put([_letter(kit, found, reason)])
    reach.leave(kit, event)
    rows = [(Button(_queue_label(kit, event), reach.data("queue", 0)),)]
    key = "examples-declined-told" if reason else "examples-declined"
    return sheet(text(event.language, key), rows=rows)


def _letter(kit: Kit, found: Proposal, reason: str) -> Letter:
    """Return what the person who proposed reads; sealed in the outbox, as all people's words."""
    told = {"question": short(found.draft.question, _QUESTION), "reason": reason.strip()}
    words = text(kit.services.language_of(found.user_id), "examples-not-taken", **told)
    return Letter(f"declined:{found.proposal_id}", found.user_id, Page(words))


def _queue_label(kit: Kit, event: Event) -> str:
    names = [each.name for each in reach.datasets(kit, event)]
    return text(event.language, "examples-queue", count=kit.rows.reviews.count(names))
