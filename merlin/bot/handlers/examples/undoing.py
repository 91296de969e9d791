"""Undoing: a commit of the person's own taken back by another one.

One example: its proof, as any edit; was it written anew since, that is said first. Anything
else: what it takes away and brings back, asked twice, then one commit; there the files that
were written anew since stay, and are named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.handlers.examples.proof import finding_lines, look, priced
from merlin.bot.handlers.examples.reach import to
from merlin.bot.handlers.examples.saving import asked, saved
from merlin.bot.handlers.examples.sheet import cut, fine
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import MerlinError, NotFound
from merlin.core.text import text
from merlin.dataset import subject
from merlin.dataset.change import Change, ChangeKind, Edit, changes_of
from merlin.dataset.editing import FileText
from merlin.dataset.finding import printable
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.preview import Preview
from merlin.dataset.rewording import first_words
from merlin.dataset.undoing import Undoing, is_newer, reverse, undoing
from merlin.job.forecast import Forecast

_FEWEST_DIGITS = 7
_MOST_TOLD = 10
_LETTERS = 120
_SIGNS: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: "➕",
    ChangeKind.EDIT: "✏️",
    ChangeKind.DELETE: "🗑",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A commit with what takes it back, over the files as they lie."""

    batch: Sequence[Change]
    files: Sequence[FileText]
    undoing: Undoing


async def undo(kit: Kit, event: Event) -> None:
    """Show what would be undone."""
    batch = await kit.store.read(lambda: _batch(kit, event))
    if len(batch) == 1 and _inside(batch[0]).startswith(EXAMPLES):
        note = await kit.store.read(lambda: _warning(kit, event, batch[0]))
        await look(kit, event, lambda: _draft(kit, event), note)
        return
    try:
        seen = await kit.store.read(lambda: _seen(kit, event))
        preview = await asyncio.to_thread(_previewed, kit, seen)
        build = await kit.store.read(lambda: kit.rows.library.newest_build(_dataset(seen.batch)))
    except MerlinError as error:
        reason = error
        await reach.show(kit, event, lambda: reach.trouble(event, reason))
        return
    forecast = kit.services.proofs.forecast(build, preview)
    await reach.show(kit, event, lambda: _asks(kit, event, seen, preview, forecast))


def _batch(kit: Kit, event: Event) -> list[Change]:
    """Return the changes of a commit that a button names, none for one that is not theirs."""
    mark = reach.word(event, 1)
    if len(mark) < _FEWEST_DIGITS:
        return []
    return kit.rows.change_list.of_commit(str(event.user_id), mark)


def _found(kit: Kit, event: Event) -> list[Change]:
    """Return the changes of a commit. Raises NotFound."""
    batch = _batch(kit, event)
    if not batch:
        raise NotFound("no such commit of theirs", "bot-button-old")
    reach.permitted(kit, event, _dataset(batch))
    return batch


def _dataset(batch: Sequence[Change]) -> str:
    return batch[0].dataset


def _inside(change: Change) -> str:
    return change.path.removeprefix(f"{change.dataset}/")


def _undoing(kit: Kit, batch: Sequence[Change]) -> Undoing:
    """Return what takes a commit back. Raises Refused where that cannot be known."""
    library = kit.rows.library
    return undoing(batch, library.blobs(_dataset(batch)), library.text)


def _warning(kit: Kit, event: Event, change: Change) -> str:
    """Return what an editor must know who takes back an edit that somebody wrote over."""
    if not is_newer(change, kit.rows.library.blobs(change.dataset)):
        return ""
    return text(event.language, "examples-undo-newer")


def _draft(kit: Kit, event: Event) -> Draft:
    (one,) = _found(kit, event)
    library = kit.rows.library
    edit = reverse(one, library.blobs(one.dataset), library.text)
    return Draft(one.dataset, edit.path, edit.before, edit.text or "", is_gone=edit.text is None)


def _seen(kit: Kit, event: Event) -> _Seen:
    batch = _found(kit, event)
    files = kit.rows.library.files(_dataset(batch))
    return _Seen(batch, files, _undoing(kit, batch))


def _previewed(kit: Kit, seen: _Seen) -> Preview:
    edits = {each.path: each.text for each in seen.undoing.edits}
    return kit.services.proofs.preview(_dataset(seen.batch), seen.files, edits)


def _asks(
    kit: Kit, event: Event, seen: _Seen, preview: Preview, forecast: Forecast | None
) -> Screen:
    """Ask whether a commit is to be taken back, and show what that does."""
    batch = _found(kit, event)
    told = {"subject": subject.said(batch[0].subject), "count": len(seen.undoing.edits)}
    parts = [
        text(event.language, "examples-ask-undo", **told),
        "\n".join(_entries(event, seen)),
        _staying(event, seen.undoing),
        "\n".join(finding_lines(event, preview)),
        priced(event, sum(preview.tokens.values()), forecast),
    ]
    yes = to(event, "examples-undo", "undo-yes", reach.word(event, 1))
    words = "\n\n".join(filter(None, parts))
    return panel.asks(event, words, yes, reach.data("change", batch[0].batch))


def _entries(event: Event, seen: _Seen) -> Iterator[str]:
    """Yield what happens to the first of the files."""
    now = {each.path: each.text for each in seen.files}
    edits = tuple(reversed(seen.undoing.edits))
    for each in edits[:_MOST_TOLD]:
        yield _entry(each, now.get(each.path))
    if len(edits) > _MOST_TOLD:
        yield text(event.language, "examples-more", count=len(edits) - _MOST_TOLD)


def _entry(edit: Edit, now: str | None) -> str:
    name = printable(edit.path.removeprefix(EXAMPLES).removesuffix(".yaml"))
    words = first_words(now if edit.text is None else edit.text)
    return cut(fine(f"{_SIGNS[edit.kind]} {name}{f': {words}' if words else ''}"), _LETTERS)


def _staying(event: Event, found: Undoing) -> str:
    """Return which files stay, for somebody wrote them anew since."""
    if not found.newer:
        return ""
    names = ", ".join(printable(each) for each in found.newer[:_MOST_TOLD])
    return text(event.language, "examples-undo-stay", count=len(found.newer), paths=names)


def undone(kit: Kit, event: Event) -> Screen:
    """Ask for the commit that takes another one back."""
    batch = _found(kit, event)
    dataset, line = _dataset(batch), subject.of_undoing(batch[0].subject)
    edits = _undoing(kit, batch).edits
    kit.rows.changes.put(changes_of(dataset, edits, asked(kit, event), line))
    return saved(kit, event, dataset)
