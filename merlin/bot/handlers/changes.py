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
from functools import partial

from merlin.app.outbox import Outbox, OutgoingMessage
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import example_access
from merlin.bot.handlers.example_access import Draft, leaving, to
from merlin.bot.handlers.example_save import asked, finding_lines, look, own_change, priced, saved
from merlin.bot.menu import PAGE_SIZE, View
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import Button, FormattedMessage
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.dataset.change_queue import Changes
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
from merlin.dataset.file_index import FileIndex
from merlin.dataset.files import FileText
from merlin.dataset.finding import escape_unprintable, shorten
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.preview import Preview
from merlin.dataset.proposals import Proposal, Proposals, ProposalState
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


def changes(context: BotContext) -> View:
    """Show the person's newest edits, one entry a commit."""
    example_access.leave(context)
    batches = Changes(context.db).batches(str(context.user_id), _MOST_SHOWN)
    entry, data = partial(_change_entry, context), example_access.data("changes")
    rows = menu.list_rows(batches, context.number(1), data, entry)
    words = context.translate("examples-changes-words" if batches else "examples-changes-none")
    title = context.translate("examples-changes")
    return menu.card(title, words, rows=[*rows, (to(context, "button-back", "home"),)])


def _change_entry(context: BotContext, change: Change) -> Button:
    subject = menu.cut(format_subject(change.subject, context.language), _LABEL)
    label = f"{_STATE_SIGNS[change.state]} {subject}"
    return Button(label, example_access.data("change", change.change_id))


def change(context: BotContext) -> View:
    """Show where one edit stands, and what can be done."""
    example_access.leave(context)
    one = _told(context, own_change(context, context.argument(1)))
    commit = (one.commit or "")[:10]
    state = context.translate(f"examples-state-{one.state.value}", commit=commit)
    title = f"{_STATE_SIGNS[one.state]} {format_subject(one.subject, context.language)}"
    parts = [state, _reason(context, one), *_files(context, one)]
    back = (to(context, "button-back", "changes", 0),)
    return menu.card(title, *parts, rows=[*_rows(context, one), back])


def _told(context: BotContext, one: Change) -> Change:
    """Return what speaks for a batch: its first conflict, if any."""
    batch = Changes(context.db).of_batch(one.batch)
    return next((each for each in [one, *batch] if each.theirs is not None), one)


def _reason(context: BotContext, one: Change) -> str:
    if one.theirs is not None:
        return context.translate("examples-conflict-words", path=one.path)
    return context.translate(one.reason, **one.arguments) if one.reason else ""


def _files(context: BotContext, one: Change) -> Iterator[str | menu.CodeBlock]:
    """Yield both texts of a conflict, or the one that waits."""
    nothing = context.translate("examples-no-file")
    if one.theirs is not None:
        yield context.translate("examples-mine-is")
        yield menu.CodeBlock(menu.cut(one.text or nothing, _TEXT_LETTERS))
        yield context.translate("examples-theirs-is")
        yield menu.CodeBlock(menu.cut(one.theirs.text or nothing, _TEXT_LETTERS))
    elif one.text is not None:
        yield menu.CodeBlock(menu.cut(one.text, _TEXT_LETTERS))


def _rows(context: BotContext, one: Change) -> Iterator[tuple[Button, ...]]:
    if one.theirs is not None:
        yield solving(one.change_id, context.language)
    elif one.state is ChangeState.PARKED:
        yield (to(context, "examples-retry", "retry", one.change_id),)
        yield (to(context, "examples-take-back", "drop", one.change_id, style="danger"),)
    elif one.state is ChangeState.WAITING:
        yield (to(context, "examples-take-back", "drop", one.change_id, style="danger"),)
    elif one.state is ChangeState.COMMITTED and one.commit:
        yield (to(context, "examples-undo", "undo", one.commit[:10]),)


def solving(change_id: str, language: str, *more: str) -> tuple[Button, ...]:
    """Return the buttons that solve a conflict; `more` is put behind their data."""
    return tuple(
        Button(text(language, f"examples-{verb}"), example_access.data(verb, change_id, *more))
        for verb in ("mine", "theirs", "mend")
    )


def mine(context: BotContext) -> View:
    """Let the person's own text stand over the other's."""
    one, theirs = _conflict(context)
    Changes(context.db).again(one.change_id, one.text, theirs.blob)
    example_access.leave(context)
    return saved(context, one.dataset)


def theirs(context: BotContext) -> View:
    """Let the other's text stand; the rest of a batch goes on."""
    one, other = _conflict(context)
    is_alone = len(Changes(context.db).of_batch(one.batch)) == 1
    is_text = other.text is not None or other.blob is None
    if is_alone or not is_text:
        Changes(context.db).give_up(one.change_id)
    else:
        Changes(context.db).again(one.change_id, other.text, other.blob)
    example_access.leave(context)
    return _gone(context, "examples-theirs-stays")


async def mend(context: BotContext) -> None:
    """Show the person's own text over the other's, to be written anew."""

    def made() -> Draft:
        one, other = _conflict(context)
        path = one.path.removeprefix(f"{one.dataset}/")
        return Draft(
            one.dataset,
            path,
            other.blob,
            one.text or other.text or "",
            is_gone=one.text is None,
            change=one.change_id,
        )

    await look(context, made)


def _conflict(context: BotContext) -> tuple[Change, Conflict]:
    """Return a conflict of the person's own. Raises NotFound, Refused where it is solved."""
    one = own_change(context, context.argument(1))
    if one.state is not ChangeState.CONFLICT or one.theirs is None:
        raise Refused("solved already", "examples-solved")
    return one, one.theirs


def retry(context: BotContext) -> View:
    """Let an edit that the repository refused be tried again."""
    one = own_change(context, context.argument(1))
    if not Changes(context.db).retry(one.change_id):
        raise Refused("not parked", "examples-not-parked")
    return change(context)


def ask_drop(context: BotContext) -> View:
    """Ask whether an edit that waits is to be taken back."""
    one = own_change(context, context.argument(1))
    told = context.translate("examples-ask-take-back", subject=parse_subject(one.subject))
    yes = to(context, "examples-take-back", "drop-yes", one.change_id)
    return menu.confirm(context, told, yes, example_access.data("change", one.change_id))


def drop(context: BotContext) -> View:
    """Take an edit back."""
    one = own_change(context, context.argument(1))
    if not Changes(context.db).give_up(one.change_id):
        raise Refused("too late", "examples-too-late")
    return _gone(context, "change-given-up")


def _gone(context: BotContext, key: str) -> View:
    rows = [(to(context, "examples-changes", "changes", 0),)]
    return menu.card(context.translate(key), rows=rows)


DECLINE = "ex-decline"
MOST_REASON = 500
_QUESTION = 200


def queue(context: BotContext) -> View:
    """Show what waits, the oldest first."""
    example_access.leave(context)
    names = [each.name for each in example_access.datasets(context)]
    count = Proposals(context.db).count(names)
    page = menu.page_number(context.number(1), count)
    found = Proposals(context.db).waiting(page * PAGE_SIZE, PAGE_SIZE, names)
    rows = [
        (
            Button(
                shorten(each.draft.question, _LABEL), example_access.data("prop", each.proposal_id)
            ),
        )
        for each in found
    ]
    more = menu.page_buttons(example_access.data("queue"), page, count)
    words = context.translate("examples-queue-words" if found else "examples-queue-empty")
    title = context.translate("examples-queue", count=count)
    return menu.card(title, words, rows=[*rows, *more, (to(context, "button-back", "home"),)])


async def proposal(context: BotContext) -> None:
    """Show one correction as the example that it would be."""
    await look(context, lambda: _proposal_draft(_waiting(context, context.number(1))))


def _waiting(context: BotContext, proposal_id: int) -> Proposal:
    """Return a correction that waits. Raises NotFound, also out of reach, Refused."""
    found = Proposals(context.db).get(proposal_id)
    example_access.checked(context, found.draft.dataset)
    if found.state is not ProposalState.WAITING:
        raise Refused("decided already", "examples-decided")
    return found


def _proposal_draft(found: Proposal) -> Draft:
    words = found.draft
    said = (Message("user", words.question), Message("assistant", words.answer))
    example = replace(Example("", "", "", said), source="chat")
    return Draft(words.dataset, text=write_example(example), proposal=found.proposal_id)


def ask_reason(context: BotContext) -> View:
    """Ask why the correction is declined."""
    found = _waiting(context, context.number(1))
    example_access.wait(context, DECLINE, None, proposal=found.proposal_id)
    title = context.translate("examples-decline")
    words = context.translate(
        "examples-ask-reason", question=shorten(found.draft.question, _QUESTION)
    )
    yes = to(context, "examples-decline-bare", "no-yes", found.proposal_id, style="danger")
    return menu.card(title, words, rows=[(yes,), leaving(context, "prop", found.proposal_id)])


def declined(context: BotContext) -> View:
    """Decline without a reason."""
    return _decline(context, context.number(1), "")


def reasoned(context: BotContext, words: str) -> View:
    """Decline for the reason that was written."""
    if len(words) > MOST_REASON:
        raise Refused("too long", "examples-reason-long", most=MOST_REASON)
    return _decline(context, int(example_access.kept(context, "proposal") or 0), words)


def _decline(context: BotContext, proposal_id: int, reason: str) -> View:
    found = _waiting(context, proposal_id)
    Proposals(context.db).decline(found.proposal_id, context.user_id, reason)
    if reason:
        Outbox(context.db, context.bot_id).put([_letter(context, found, reason)])
    example_access.leave(context)
    rows = [(Button(_queue_label(context), example_access.data("queue", 0)),)]
    key = "examples-declined-told" if reason else "examples-declined"
    return menu.card(context.translate(key), rows=rows)


def _letter(context: BotContext, found: Proposal, reason: str) -> OutgoingMessage:
    """Return what the person who proposed reads; sealed in the outbox, as all people's words."""
    told = {"question": shorten(found.draft.question, _QUESTION), "reason": reason.strip()}
    words = text(context.services.language_of(found.user_id), "examples-not-taken", **told)
    return OutgoingMessage(f"declined:{found.proposal_id}", found.user_id, FormattedMessage(words))


def _queue_label(context: BotContext) -> str:
    names = [each.name for each in example_access.datasets(context)]
    return context.translate("examples-queue", count=Proposals(context.db).count(names))


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


async def undo(context: BotContext) -> None:
    """Show what would be undone."""
    batch = await context.store.read(lambda: _batch(context))
    if len(batch) == 1 and _inside(batch[0]).startswith(EXAMPLES):
        note = await context.store.read(lambda: _warning(context, batch[0]))
        await look(context, lambda: _undo_draft(context), note)
        return
    try:
        seen = await context.store.read(lambda: _seen(context))
        preview = await asyncio.to_thread(_previewed, context, seen)
        build = await context.store.read(
            lambda: FileIndex(context.db).newest_build(_dataset(seen.batch))
        )
    except MerlinError as error:
        reason = error
        await example_access.show(context, lambda: example_access.trouble(context, reason))
        return
    forecast = context.services.proofs.forecast(build, preview)
    await example_access.show(context, lambda: _asks(context, seen, preview, forecast))


def _batch(context: BotContext) -> list[Change]:
    """Return the changes of a commit that a button names, none for one that is not theirs."""
    mark = context.argument(1)
    if len(mark) < _FEWEST_DIGITS:
        return []
    return Changes(context.db).of_commit(str(context.user_id), mark)


def _found(context: BotContext) -> list[Change]:
    """Return the changes of a commit. Raises NotFound."""
    batch = _batch(context)
    if not batch:
        raise NotFound("no such commit of theirs", "bot-button-old")
    example_access.permitted(context, _dataset(batch))
    return batch


def _dataset(batch: Sequence[Change]) -> str:
    return batch[0].dataset


def _inside(change: Change) -> str:
    return change.path.removeprefix(f"{change.dataset}/")


def _undoing(context: BotContext, batch: Sequence[Change]) -> Revert:
    """Return what takes a commit back. Raises Refused where that cannot be known."""
    library = FileIndex(context.db)
    return plan_revert(batch, library.blobs(_dataset(batch)), library.text)


def _warning(context: BotContext, change: Change) -> str:
    """Return what an editor must know who takes back an edit that somebody wrote over."""
    if not was_edited_since(change, FileIndex(context.db).blobs(change.dataset)):
        return ""
    return context.translate("examples-undo-newer")


def _undo_draft(context: BotContext) -> Draft:
    (one,) = _found(context)
    library = FileIndex(context.db)
    edit = revert_change(one, library.blobs(one.dataset), library.text)
    return Draft(one.dataset, edit.path, edit.before, edit.text or "", is_gone=edit.text is None)


def _seen(context: BotContext) -> _Seen:
    batch = _found(context)
    files = FileIndex(context.db).files(_dataset(batch))
    return _Seen(batch, files, _undoing(context, batch))


def _previewed(context: BotContext, seen: _Seen) -> Preview:
    edits = {each.path: each.text for each in seen.undoing.edits}
    return context.services.proofs.preview(_dataset(seen.batch), seen.files, edits)


def _asks(context: BotContext, seen: _Seen, preview: Preview, forecast: Forecast | None) -> View:
    """Ask whether a commit is to be taken back, and show what that does."""
    batch = _found(context)
    told = {"subject": parse_subject(batch[0].subject), "count": len(seen.undoing.edits)}
    parts = [
        context.translate("examples-ask-undo", **told),
        "\n".join(_entries(context, seen)),
        _staying(context, seen.undoing),
        "\n".join(finding_lines(context, preview)),
        priced(context, sum(preview.tokens.values()), forecast),
    ]
    yes = to(context, "examples-undo", "undo-yes", context.argument(1))
    words = "\n\n".join(filter(None, parts))
    return menu.confirm(context, words, yes, example_access.data("change", batch[0].batch))


def _entries(context: BotContext, seen: _Seen) -> Iterator[str]:
    """Yield what happens to the first of the files."""
    now = {each.path: each.text for each in seen.files}
    edits = tuple(reversed(seen.undoing.edits))
    for each in edits[:_MOST_TOLD]:
        yield _edit_entry(each, now.get(each.path))
    if len(edits) > _MOST_TOLD:
        yield context.translate("examples-more", count=len(edits) - _MOST_TOLD)


def _edit_entry(edit: Edit, now: str | None) -> str:
    name = escape_unprintable(edit.path.removeprefix(EXAMPLES).removesuffix(".yaml"))
    words = question_preview(now if edit.text is None else edit.text)
    return menu.cut(
        menu.printable(f"{_EDIT_SIGNS[edit.kind]} {name}{f': {words}' if words else ''}"), _LETTERS
    )


def _staying(context: BotContext, found: Revert) -> str:
    """Return which files stay, for somebody wrote them anew since."""
    if not found.newer:
        return ""
    names = ", ".join(escape_unprintable(each) for each in found.newer[:_MOST_TOLD])
    return context.translate("examples-undo-stay", count=len(found.newer), paths=names)


def undone(context: BotContext) -> View:
    """Ask for the commit that takes another one back."""
    batch = _found(context)
    dataset, line = _dataset(batch), revert_subject(batch[0].subject)
    edits = _undoing(context, batch).edits
    Changes(context.db).put(make_changes(dataset, edits, asked(context), line))
    return saved(context, dataset)
