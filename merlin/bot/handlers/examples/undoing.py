"""Undoing: a commit of the person's own taken back by another one.

One file: its proof, as any edit. Several: asked twice, then one commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.handlers.examples.proof import look
from merlin.bot.handlers.examples.reach import to
from merlin.bot.handlers.examples.saving import asked, saved
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import NotFound, Refused
from merlin.core.text import text
from merlin.dataset.change import Change, ChangeKind, Edit, changes_of
from merlin.dataset.layout import EXAMPLES

_MOST_LOOKED = 20_000
_FEWEST_DIGITS = 7


async def undo(kit: Kit, event: Event) -> None:
    """Show what would be undone."""
    batch = await kit.store.read(lambda: _batch(kit, event))
    if len(batch) > 1:
        await reach.show(kit, event, lambda: _ask(kit, event))
        return
    await look(kit, event, lambda: _draft(kit, event))


def _batch(kit: Kit, event: Event) -> list[Change]:
    """Return the changes of a commit that a button names, none for one that is not theirs."""
    mark = reach.word(event, 1)
    if len(mark) < _FEWEST_DIGITS:
        return []
    own = kit.rows.changes.of_editor(str(event.user_id), _MOST_LOOKED)
    return [each for each in own if (each.commit or "").startswith(mark)]


def _found(kit: Kit, event: Event) -> list[Change]:
    """Return the changes of a commit. Raises NotFound."""
    batch = _batch(kit, event)
    if not batch:
        raise NotFound("no such commit of theirs", "bot-button-old")
    reach.checked(kit, event, batch[0].dataset)
    return batch


def _draft(kit: Kit, event: Event) -> Draft:
    (one,) = _found(kit, event)
    edit = reverse(kit, one)
    return Draft(one.dataset, edit.path, edit.before, edit.text or "", is_gone=edit.text is None)


def reverse(kit: Kit, change: Change) -> Edit:
    """Return the edit that takes a change back. Raises Refused where that cannot be known."""
    path = change.path.removeprefix(f"{change.dataset}/")
    now = _blob(kit, change.dataset, path)
    old = kit.rows.library.text(change.before) if change.before else None
    is_early = now == change.before
    if is_early or (change.kind is ChangeKind.DELETE and now is not None):
        key = "examples-undo-early" if is_early else "examples-undo-there"
        raise Refused("not as the commit left it", key, path=path)
    if change.kind is not ChangeKind.ADD and old is None:
        raise Refused("the text is not kept", "examples-undo-lost", path=path)
    return Edit(path, now, old)


def _blob(kit: Kit, dataset: str, path: str) -> str | None:
    if not path.startswith(EXAMPLES):
        raise Refused("no example", "examples-undo-lost", path=path)
    example_id = path.removeprefix(EXAMPLES).removesuffix(".yaml")
    try:
        return kit.rows.library.one(dataset, example_id).blob
    except NotFound:
        return None


def _edits(kit: Kit, batch: Sequence[Change]) -> list[Edit]:
    return [reverse(kit, each) for each in reversed(batch)]


def _ask(kit: Kit, event: Event) -> Screen:
    """Ask whether a commit of several files is to be taken back."""
    batch = _found(kit, event)
    told = {"subject": batch[0].subject, "count": len(_edits(kit, batch))}
    words = text(event.language, "examples-ask-undo", **told)
    yes = to(event, "examples-undo", "undo-yes", reach.word(event, 1))
    return panel.asks(event, words, yes, reach.data("change", batch[-1].batch))


def undone(kit: Kit, event: Event) -> Screen:
    """Ask for the commit that takes another one back."""
    batch = _found(kit, event)
    dataset, subject = batch[0].dataset, f"Revert: {batch[0].subject}"
    edits = _edits(kit, batch)
    kit.rows.changes.put(changes_of(dataset, edits, asked(kit, event), subject))
    return saved(kit, event, dataset)
