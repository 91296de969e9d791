"""Edits of examples: where each stands, conflicts, undo; corrections that wait for an editor.

    waiting -> taken back (asked twice)      conflict -> mine | theirs | edit
    parked -> tried again | taken back
    queue -> proof of one -> approve (Save) | other words | decline, with a reason or without

A commit of the person's own is taken back by another one. One example: its proof, as any edit; was
it written anew since, that is said first. Anything else: what it takes away and brings back, asked
twice, then one commit; there the files that were written anew since stay, and are named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from merlin.app.outbox import OutgoingMessage
from merlin.bot.context import Event, Kit
from merlin.bot.handlers import admin, example_access
from merlin.bot.handlers.example_access import Draft, leaving, to
from merlin.bot.handlers.example_save import asked, finding_lines, look, own_change, priced, saved
from merlin.bot.handlers.questions import number
from merlin.bot.menu import File, Screen, code_block, cut, sheet
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import Button, FormattedMessage
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.dataset.changes import (
    Change,
    ChangeKind,
    ChangeState,
    Conflict,
    Edit,
    format_subject,
    make_changes,
    parse_subject,
    revert_subject,
)
from merlin.dataset.commit_batch import Revert, plan_revert, revert_change, was_edited_since
from merlin.dataset.example import Example
from merlin.dataset.example_yaml import question_preview, write_example
from merlin.dataset.files import FileText
from merlin.dataset.finding import escape_unprintable, shorten
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.preview import Preview
from merlin.dataset.proposals import Proposal, ProposalState
from merlin.training.policy import Forecast

_MOST_SHOWN = 80
_LABEL = 48
_TEXT_LETTERS = 1500
_STATE_SIGNS = {
    ChangeState.WAITING: "⏳",
    ChangeState.WORKING: "⏳",
    ChangeState.COMMITTED: "✅",
    ChangeState.CONFLICT: "⚠️",
    ChangeState.REFUSED: "⛔",
    ChangeState.PARKED: "⏸",
}


def changes(kit: Kit, event: Event) -> Screen:
    """Show the person's newest edits, one entry a commit."""
    example_access.leave(kit, event)
    batches = kit.rows.change_list.batches(str(event.user_id), _MOST_SHOWN)
    page = min(number(event, 1), max(len(batches) - 1, 0) // admin.AT_ONCE)
    here = batches[page * admin.AT_ONCE : (page + 1) * admin.AT_ONCE]
    rows = [(_change_entry(event, each),) for each in here]
    has_more = len(batches) > (page + 1) * admin.AT_ONCE
    more = admin.turning(example_access.data("changes"), page, has_more=has_more)
    told = text(event.language, "examples-changes-words" if here else "examples-changes-none")
    title = text(event.language, "examples-changes")
    return sheet(title, told, rows=[*rows, more, (to(event, "button-back", "home"),)])


def _change_entry(event: Event, change: Change) -> Button:
    subject = format_subject(change.subject, event.language)
    label = f"{_STATE_SIGNS[change.state]} {cut(subject, _LABEL)}"
    return Button(label, example_access.data("change", change.change_id))


def change(kit: Kit, event: Event) -> Screen:
    """Show where one edit stands, and what can be done."""
    example_access.leave(kit, event)
    one = _told(kit, own_change(kit, event, example_access.word(event, 1)))
    commit = (one.commit or "")[:10]
    state = text(event.language, f"examples-state-{one.state.value}", commit=commit)
    title = f"{_STATE_SIGNS[one.state]} {format_subject(one.subject, event.language)}"
    parts = [state, _reason(event, one), *_files(event, one)]
    back = (to(event, "button-back", "changes", 0),)
    return sheet(title, *parts, rows=[*_rows(event, one), back])


def _told(kit: Kit, one: Change) -> Change:
    """Return what speaks for a batch: its first conflict, if any."""
    batch = kit.rows.changes.of_batch(one.batch)
    return next((each for each in [one, *batch] if each.theirs is not None), one)


def _reason(event: Event, one: Change) -> str:
    if one.theirs is not None:
        return text(event.language, "examples-conflict-words", path=one.path)
    return text(event.language, one.reason, **one.arguments) if one.reason else ""


def _files(event: Event, one: Change) -> Iterator[str | File]:
    """Yield both texts of a conflict, or the one that waits."""
    nothing = text(event.language, "examples-no-file")
    if one.theirs is not None:
        yield text(event.language, "examples-mine-is")
        yield File(cut(one.text or nothing, _TEXT_LETTERS))
        yield text(event.language, "examples-theirs-is")
        yield File(cut(one.theirs.text or nothing, _TEXT_LETTERS))
    elif one.text is not None:
        yield File(cut(one.text, _TEXT_LETTERS))


def _rows(event: Event, one: Change) -> Iterator[tuple[Button, ...]]:
    if one.theirs is not None:
        yield solving(one.change_id, event.language)
    elif one.state is ChangeState.PARKED:
        yield (to(event, "examples-retry", "retry", one.change_id),)
        yield (to(event, "examples-take-back", "drop", one.change_id, style="danger"),)
    elif one.state is ChangeState.WAITING:
        yield (to(event, "examples-take-back", "drop", one.change_id, style="danger"),)
    elif one.state is ChangeState.COMMITTED and one.commit:
        yield (to(event, "examples-undo", "undo", one.commit[:10]),)


def solving(change_id: str, language: str, *more: str) -> tuple[Button, ...]:
    """Return the buttons that solve a conflict; `more` is put behind their data."""
    return tuple(
        Button(text(language, f"examples-{verb}"), example_access.data(verb, change_id, *more))
        for verb in ("mine", "theirs", "mend")
    )


def mine(kit: Kit, event: Event) -> Screen:
    """Let the person's own text stand over the other's."""
    one, theirs = _conflict(kit, event)
    kit.rows.changes.again(one.change_id, one.text, theirs.blob)
    example_access.leave(kit, event)
    return saved(kit, event, one.dataset)


def theirs(kit: Kit, event: Event) -> Screen:
    """Let the other's text stand; the rest of a batch goes on."""
    one, other = _conflict(kit, event)
    is_alone = len(kit.rows.changes.of_batch(one.batch)) == 1
    is_text = other.text is not None or other.blob is None
    if is_alone or not is_text:
        kit.rows.changes.give_up(one.change_id)
    else:
        kit.rows.changes.again(one.change_id, other.text, other.blob)
    example_access.leave(kit, event)
    return _gone(event, "examples-theirs-stays")


async def mend(kit: Kit, event: Event) -> None:
    """Show the person's own text over the other's, to be written anew."""

    def made() -> Draft:
        one, other = _conflict(kit, event)
        path = one.path.removeprefix(f"{one.dataset}/")
        return Draft(
            one.dataset,
            path,
            other.blob,
            one.text or other.text or "",
            is_gone=one.text is None,
            change=one.change_id,
        )

    await look(kit, event, made)


def _conflict(kit: Kit, event: Event) -> tuple[Change, Conflict]:
    """Return a conflict of the person's own. Raises NotFound, Refused where it is solved."""
    one = own_change(kit, event, example_access.word(event, 1))
    if one.state is not ChangeState.CONFLICT or one.theirs is None:
        raise Refused("solved already", "examples-solved")
    return one, one.theirs


def retry(kit: Kit, event: Event) -> Screen:
    """Let an edit that the repository refused be tried again."""
    one = own_change(kit, event, example_access.word(event, 1))
    if not kit.rows.changes.retry(one.change_id):
        raise Refused("not parked", "examples-not-parked")
    return change(kit, event)


def ask_drop(kit: Kit, event: Event) -> Screen:
    """Ask whether an edit that waits is to be taken back."""
    one = own_change(kit, event, example_access.word(event, 1))
    told = text(event.language, "examples-ask-take-back", subject=parse_subject(one.subject))
    yes = to(event, "examples-take-back", "drop-yes", one.change_id)
    return admin.asks(event, told, yes, example_access.data("change", one.change_id))


def drop(kit: Kit, event: Event) -> Screen:
    """Take an edit back."""
    one = own_change(kit, event, example_access.word(event, 1))
    if not kit.rows.changes.give_up(one.change_id):
        raise Refused("too late", "examples-too-late")
    return _gone(event, "change-given-up")


def _gone(event: Event, key: str) -> Screen:
    rows = [(to(event, "examples-changes", "changes", 0),)]
    return sheet(text(event.language, key), rows=rows)


DECLINE = "ex-decline"
MOST_REASON = 500
_QUESTION = 200


def queue(kit: Kit, event: Event) -> Screen:
    """Show what waits, the oldest first."""
    example_access.leave(kit, event)
    names = [each.name for each in example_access.datasets(kit, event)]
    page = min(number(event, 1), max(kit.rows.reviews.count(names) - 1, 0) // admin.AT_ONCE)
    found = kit.rows.reviews.waiting(page * admin.AT_ONCE, admin.AT_ONCE + 1, names)
    rows = [
        (
            Button(
                shorten(each.draft.question, _LABEL), example_access.data("prop", each.proposal_id)
            ),
        )
        for each in found[: admin.AT_ONCE]
    ]
    more = admin.turning(example_access.data("queue"), page, has_more=len(found) > admin.AT_ONCE)
    count = kit.rows.reviews.count(names)
    words = text(event.language, "examples-queue-words" if found else "examples-queue-empty")
    title = text(event.language, "examples-queue", count=count)
    return sheet(title, words, rows=[*rows, more, (to(event, "button-back", "home"),)])


async def proposal(kit: Kit, event: Event) -> None:
    """Show one correction as the example that it would be."""
    await look(kit, event, lambda: _proposal_draft(_waiting(kit, event, number(event, 1))))


def _waiting(kit: Kit, event: Event, proposal_id: int) -> Proposal:
    """Return a correction that waits. Raises NotFound, also out of reach, Refused."""
    found = kit.rows.reviews.get(proposal_id)
    example_access.checked(kit, event, found.draft.dataset)
    if found.state is not ProposalState.WAITING:
        raise Refused("decided already", "examples-decided")
    return found


def _proposal_draft(found: Proposal) -> Draft:
    words = found.draft
    said = (Message("user", words.question), Message("assistant", words.answer))
    example = replace(Example("", "", "", said), source="chat")
    return Draft(words.dataset, text=write_example(example), proposal=found.proposal_id)


def ask_reason(kit: Kit, event: Event) -> Screen:
    """Ask why the correction is declined."""
    found = _waiting(kit, event, number(event, 1))
    example_access.wait(kit, event, DECLINE, None, proposal=found.proposal_id)
    title = text(event.language, "examples-decline")
    words = text(
        event.language, "examples-ask-reason", question=shorten(found.draft.question, _QUESTION)
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
    return _decline(kit, event, int(example_access.kept(event, "proposal") or 0), words)


def _decline(kit: Kit, event: Event, proposal_id: int, reason: str) -> Screen:
    found = _waiting(kit, event, proposal_id)
    kit.rows.reviews.decline(found.proposal_id, event.user_id, reason)
    if reason:
        kit.rows.outbox.put([_letter(kit, found, reason)])
    example_access.leave(kit, event)
    rows = [(Button(_queue_label(kit, event), example_access.data("queue", 0)),)]
    key = "examples-declined-told" if reason else "examples-declined"
    return sheet(text(event.language, key), rows=rows)


def _letter(kit: Kit, found: Proposal, reason: str) -> OutgoingMessage:
    """Return what the person who proposed reads; sealed in the outbox, as all people's words."""
    told = {"question": shorten(found.draft.question, _QUESTION), "reason": reason.strip()}
    words = text(kit.services.language_of(found.user_id), "examples-not-taken", **told)
    return OutgoingMessage(f"declined:{found.proposal_id}", found.user_id, FormattedMessage(words))


def _queue_label(kit: Kit, event: Event) -> str:
    names = [each.name for each in example_access.datasets(kit, event)]
    return text(event.language, "examples-queue", count=kit.rows.reviews.count(names))


_FEWEST_DIGITS = 7
_MOST_TOLD = 10
_LETTERS = 120
_EDIT_SIGNS: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: "➕",
    ChangeKind.EDIT: "✏️",
    ChangeKind.DELETE: "🗑",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A commit with what takes it back, over the files as they lie."""

    batch: Sequence[Change]
    files: Sequence[FileText]
    undoing: Revert


async def undo(kit: Kit, event: Event) -> None:
    """Show what would be undone."""
    batch = await kit.store.read(lambda: _batch(kit, event))
    if len(batch) == 1 and _inside(batch[0]).startswith(EXAMPLES):
        note = await kit.store.read(lambda: _warning(kit, event, batch[0]))
        await look(kit, event, lambda: _undo_draft(kit, event), note)
        return
    try:
        seen = await kit.store.read(lambda: _seen(kit, event))
        preview = await asyncio.to_thread(_previewed, kit, seen)
        build = await kit.store.read(lambda: kit.rows.library.newest_build(_dataset(seen.batch)))
    except MerlinError as error:
        reason = error
        await example_access.show(kit, event, lambda: example_access.trouble(event, reason))
        return
    forecast = kit.services.proofs.forecast(build, preview)
    await example_access.show(kit, event, lambda: _asks(kit, event, seen, preview, forecast))


def _batch(kit: Kit, event: Event) -> list[Change]:
    """Return the changes of a commit that a button names, none for one that is not theirs."""
    mark = example_access.word(event, 1)
    if len(mark) < _FEWEST_DIGITS:
        return []
    return kit.rows.change_list.of_commit(str(event.user_id), mark)


def _found(kit: Kit, event: Event) -> list[Change]:
    """Return the changes of a commit. Raises NotFound."""
    batch = _batch(kit, event)
    if not batch:
        raise NotFound("no such commit of theirs", "bot-button-old")
    example_access.permitted(kit, event, _dataset(batch))
    return batch


def _dataset(batch: Sequence[Change]) -> str:
    return batch[0].dataset


def _inside(change: Change) -> str:
    return change.path.removeprefix(f"{change.dataset}/")


def _undoing(kit: Kit, batch: Sequence[Change]) -> Revert:
    """Return what takes a commit back. Raises Refused where that cannot be known."""
    library = kit.rows.library
    return plan_revert(batch, library.blobs(_dataset(batch)), library.text)


def _warning(kit: Kit, event: Event, change: Change) -> str:
    """Return what an editor must know who takes back an edit that somebody wrote over."""
    if not was_edited_since(change, kit.rows.library.blobs(change.dataset)):
        return ""
    return text(event.language, "examples-undo-newer")


def _undo_draft(kit: Kit, event: Event) -> Draft:
    (one,) = _found(kit, event)
    library = kit.rows.library
    edit = revert_change(one, library.blobs(one.dataset), library.text)
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
    told = {"subject": parse_subject(batch[0].subject), "count": len(seen.undoing.edits)}
    parts = [
        text(event.language, "examples-ask-undo", **told),
        "\n".join(_entries(event, seen)),
        _staying(event, seen.undoing),
        "\n".join(finding_lines(event, preview)),
        priced(event, sum(preview.tokens.values()), forecast),
    ]
    yes = to(event, "examples-undo", "undo-yes", example_access.word(event, 1))
    words = "\n\n".join(filter(None, parts))
    return admin.asks(event, words, yes, example_access.data("change", batch[0].batch))


def _entries(event: Event, seen: _Seen) -> Iterator[str]:
    """Yield what happens to the first of the files."""
    now = {each.path: each.text for each in seen.files}
    edits = tuple(reversed(seen.undoing.edits))
    for each in edits[:_MOST_TOLD]:
        yield _edit_entry(each, now.get(each.path))
    if len(edits) > _MOST_TOLD:
        yield text(event.language, "examples-more", count=len(edits) - _MOST_TOLD)


def _edit_entry(edit: Edit, now: str | None) -> str:
    name = escape_unprintable(edit.path.removeprefix(EXAMPLES).removesuffix(".yaml"))
    words = question_preview(now if edit.text is None else edit.text)
    return cut(
        code_block(f"{_EDIT_SIGNS[edit.kind]} {name}{f': {words}' if words else ''}"), _LETTERS
    )


def _staying(event: Event, found: Revert) -> str:
    """Return which files stay, for somebody wrote them anew since."""
    if not found.newer:
        return ""
    names = ", ".join(escape_unprintable(each) for each in found.newer[:_MOST_TOLD])
    return text(event.language, "examples-undo-stay", count=len(found.newer), paths=names)


def undone(kit: Kit, event: Event) -> Screen:
    """Ask for the commit that takes another one back."""
    batch = _found(kit, event)
    dataset, line = _dataset(batch), revert_subject(batch[0].subject)
    edits = _undoing(kit, batch).edits
    kit.rows.changes.put(make_changes(dataset, edits, asked(kit, event), line))
    return saved(kit, event, dataset)
