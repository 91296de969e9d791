"""Saving: a proved draft becomes a Change, which the daemon commits in the editor's name."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.handlers.examples.ids import free_id
from merlin.bot.handlers.examples.proof import PROOF
from merlin.bot.handlers.examples.reach import to
from merlin.bot.handlers.examples.sheet import sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.chat.review import Approval
from merlin.chat.review import Draft as Words
from merlin.core.errors import NotFound, Refused
from merlin.core.text import text
from merlin.dataset.change import Asked, Change, ChangeState, Edit, changes_of
from merlin.dataset.layout import EXAMPLES


def save(kit: Kit, event: Event) -> Screen:
    """Ask for the commit of the draft that was shown."""
    reach.at_step(event, PROOF)
    draft = reach.draft(kit, event)
    if reach.kept(event, "good") is not True:
        raise Refused("the draft has errors", "change-not-good")
    if draft.change:
        _solve(kit, event, draft)
    elif draft.proposal:
        _approve(kit, event, draft)
    else:
        kit.rows.changes.put(changes_of(draft.dataset, [_edit(kit, draft)], asked(kit, event)))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return saved(kit, event, draft.dataset)


def asked(kit: Kit, event: Event) -> Asked:
    """Return who asks, and when."""
    return Asked(reach.editor(event), str(event.user_id), kit.services.clock())


def _edit(kit: Kit, draft: Draft) -> Edit:
    written = draft.written()
    path = draft.path
    if not path:
        path = f"{EXAMPLES}{free_id(kit, draft, written or '')}.yaml"
    return Edit(path, draft.before, written)


def _solve(kit: Kit, event: Event, draft: Draft) -> None:
    """Send a conflict's change again, over what lies there now."""
    change = own_change(kit, event, draft.change)
    if change.state is not ChangeState.CONFLICT:
        raise Refused("solved already", "examples-solved")
    kit.rows.changes.again(change.change_id, draft.written(), draft.before)


def own_change(kit: Kit, event: Event, change_id: str) -> Change:
    """Return the person's own change. Raises NotFound, also for one out of reach."""
    change = kit.rows.changes.get(change_id)
    if change.by != str(event.user_id):
        raise NotFound("not theirs", "change-unknown", change=change_id)
    reach.checked(kit, event, change.dataset)
    return change


def _approve(kit: Kit, event: Event, draft: Draft) -> None:
    """Let a correction become an example in the editor's name."""
    proposal = kit.rows.reviews.get(draft.proposal)
    reach.checked(kit, event, proposal.draft.dataset)
    example = draft.example()
    if example is None:
        raise Refused("broken", "change-not-good")
    origin = proposal.draft
    words = Words(example.question, example.answer, draft.dataset, origin.turn_id, origin.model_id)
    approval = Approval(words, reach.editor(event), event.user_id, example.tags)
    if kit.rows.reviews.approve(proposal.proposal_id, approval) is None:
        raise Refused("decided already", "examples-decided")


def saved(kit: Kit, event: Event, dataset: str) -> Screen:
    """Return what the person sees when a commit has been asked for."""
    now = kit.services.clock()
    beats = [beat for beat in kit.rows.heartbeats.all() if beat.process == "daemon"]
    is_alive = any(beat.is_alive(now) for beat in beats)
    words = text(event.language, "examples-saved" if is_alive else "examples-saved-late")
    mark = panel.short(dataset)
    rows = [
        (to(event, "examples-add", "add", mark), to(event, "examples-changes", "changes", 0)),
        (to(event, "examples-to-dataset", "ds", mark),),
    ]
    return sheet(text(event.language, "examples-saved-title"), words, rows=rows)
