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
from functools import partial

from merlin.app import changes, proposals
from merlin.app.changes import DatasetFiles, PreviewView, UndoPlan
from merlin.app.outbox import Outbox, OutgoingMessage
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.example_proof import (
    Draft,
    callback,
    commit_editor,
    dialog_value,
    exit_row,
    finding_lines,
    format_price,
    leave_dialog,
    saved_view,
    show_proof,
    show_screen,
    to,
    wait_for,
)
from merlin.bot.menu import PAGE_SIZE, View
from merlin.core.errors import MerlinError, Refused
from merlin.core.formatted_text import Button, FormattedMessage
from merlin.core.i18n import text
from merlin.dataset.changes import Change, ChangeKind, ChangeState, Edit
from merlin.dataset.commit_batch import Revert
from merlin.dataset.commit_message import format_subject, parse_subject
from merlin.dataset.example import question_preview
from merlin.dataset.finding import escape_unprintable, shorten
from merlin.dataset.layout import EXAMPLES, example_id_of
from merlin.dataset.proposals import Proposal, example_yaml

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


def list_changes(context: BotContext) -> View:
    """Show the person's newest edits, one entry a commit."""
    leave_dialog(context)
    batches = changes.list_own(*performer(context), _MOST_SHOWN)
    entry, data = partial(_change_entry, context), callback("changes")
    rows = menu.list_rows(batches, context.number(1), data, entry)
    words = context.translate("examples-changes-words" if batches else "examples-changes-none")
    title = context.translate("examples-changes")
    return menu.card(title, words, rows=[*rows, (to(context, "button-back", "home"),)])


def _change_entry(context: BotContext, change: Change) -> Button:
    subject = menu.cut(format_subject(change.subject, context.language), _LABEL)
    label = f"{_STATE_SIGNS[change.state]} {subject}"
    return Button(label, callback("change", change.change_id))


def change(context: BotContext) -> View:
    """Show where one edit stands, and what can be done."""
    leave_dialog(context)
    one = changes.get_file(*performer(context), context.argument(1))
    commit = (one.commit or "")[:10]
    state = context.translate(f"examples-state-{one.state.value}", commit=commit)
    title = f"{_STATE_SIGNS[one.state]} {format_subject(one.subject, context.language)}"
    parts = [state, _reason(context, one), *_files(context, one)]
    back = (to(context, "button-back", "changes", 0),)
    return menu.card(title, *parts, rows=[*_rows(context, one), back])


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
        Button(text(language, f"examples-{verb}"), callback(verb, change_id, *more))
        for verb in ("mine", "theirs", "mend")
    )


def mine(context: BotContext) -> View:
    """Let the person's own text stand over the other's."""
    done = changes.solve(*performer(context), context.argument(1), "mine")
    leave_dialog(context)
    return saved_view(context, done.dataset)


def theirs(context: BotContext) -> View:
    """Let the other's text stand; the rest of a batch goes on."""
    changes.solve(*performer(context), context.argument(1), "theirs")
    leave_dialog(context)
    return _gone(context, "examples-theirs-stays")


async def mend(context: BotContext) -> None:
    """Show the person's own text over the other's, to be written anew."""

    def made() -> Draft:
        one, other = changes.conflict(*performer(context), context.argument(1))
        text, is_gone = one.text or other.text or "", one.text is None
        return Draft(
            one.dataset, one.inside, other.blob, text, is_gone=is_gone, change=one.change_id
        )

    await show_proof(context, made)


def retry(context: BotContext) -> View:
    """Let an edit that the repository refused be tried again."""
    changes.retry(*performer(context), context.argument(1))
    return change(context)


def ask_drop(context: BotContext) -> View:
    """Ask whether an edit that waits is to be taken back."""
    one = changes.get_file(*performer(context), context.argument(1))
    told = context.translate("examples-ask-take-back", subject=parse_subject(one.subject))
    yes = to(context, "examples-take-back", "drop-yes", one.change_id)
    return menu.confirm(context, told, yes, callback("change", one.change_id))


def drop(context: BotContext) -> View:
    """Take an edit back."""
    changes.drop(*performer(context), context.argument(1))
    return _gone(context, "change-given-up")


def _gone(context: BotContext, key: str) -> View:
    rows = [(to(context, "examples-changes", "changes", 0),)]
    return menu.card(context.translate(key), rows=rows)


DECLINE = "ex-decline"
MOST_REASON = 500
_QUESTION = 200


def queue(context: BotContext) -> View:
    """Show what waits, the oldest first."""
    leave_dialog(context)
    count = proposals.count_waiting(*performer(context))
    page = menu.page_number(context.number(1), count)
    found = proposals.waiting(*performer(context), page * PAGE_SIZE, PAGE_SIZE)
    rows = [
        (
            Button(
                shorten(each.draft.question, _LABEL),
                callback("prop", each.proposal_id),
            ),
        )
        for each in found
    ]
    more = menu.page_buttons(callback("queue"), page, count)
    words = context.translate("examples-queue-words" if found else "examples-queue-empty")
    title = context.translate("examples-queue", count=count)
    return menu.card(title, words, rows=[*rows, *more, (to(context, "button-back", "home"),)])


async def proposal(context: BotContext) -> None:
    """Show one correction as the example that it would be."""

    def made() -> Draft:
        found = proposals.get_waiting(*performer(context), context.number(1))
        text = example_yaml(found.draft)
        return Draft(found.draft.dataset, text=text, proposal=found.proposal_id)

    await show_proof(context, made)


def ask_reason(context: BotContext) -> View:
    """Ask why the correction is declined."""
    found = proposals.get_waiting(*performer(context), context.number(1))
    wait_for(context, DECLINE, None, proposal=found.proposal_id)
    title = context.translate("examples-decline")
    words = context.translate(
        "examples-ask-reason", question=shorten(found.draft.question, _QUESTION)
    )
    yes = to(context, "examples-decline-bare", "no-yes", found.proposal_id, style="danger")
    return menu.card(title, words, rows=[(yes,), exit_row(context, "prop", found.proposal_id)])


def decline(context: BotContext) -> View:
    """Decline without a reason."""
    return _decline(context, context.number(1), "")


def decline_with_reason(context: BotContext, words: str) -> View:
    """Decline for the reason that was written."""
    if len(words) > MOST_REASON:
        raise Refused("too long", "examples-reason-long", most=MOST_REASON)
    return _decline(context, int(dialog_value(context, "proposal") or 0), words)


def _decline(context: BotContext, proposal_id: int, reason: str) -> View:
    found = proposals.decline(*performer(context), proposal_id, reason)
    if reason:
        Outbox(context.db, context.bot_id).put([_letter(context, found, reason)])
    leave_dialog(context)
    rows = [(Button(_queue_label(context), callback("queue", 0)),)]
    key = "examples-declined-told" if reason else "examples-declined"
    return menu.card(context.translate(key), rows=rows)


def _letter(context: BotContext, found: Proposal, reason: str) -> OutgoingMessage:
    """Return what the person who proposed reads; sealed in the outbox, as all people's words."""
    told = {"question": shorten(found.draft.question, _QUESTION), "reason": reason.strip()}
    words = text(context.services.language_of(found.user_id), "examples-not-taken", **told)
    return OutgoingMessage(f"declined:{found.proposal_id}", found.user_id, FormattedMessage(words))


def _queue_label(context: BotContext) -> str:
    return context.translate("examples-queue", count=proposals.count_waiting(*performer(context)))


_MOST_TOLD = 10
_LETTERS = 120
_EDIT_SIGNS: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: "➕",
    ChangeKind.EDIT: "✏️",
    ChangeKind.DELETE: "🗑",
}


async def undo(context: BotContext) -> None:
    """Show what would be undone."""
    ctx, mark = context.services, context.argument(1)

    def read() -> tuple[UndoPlan | None, DatasetFiles | None, str]:
        first, *others = changes.of_commit(*performer(context), mark)
        if not others and first.inside.startswith(EXAMPLES):
            _, is_newer = changes.draft_undo(*performer(context), mark)
            return None, None, context.translate("examples-undo-newer") if is_newer else ""
        plan = changes.plan_undo(*performer(context), mark)
        return plan, changes.read_files(*performer(context), first.dataset), ""

    try:
        plan, files, note = await context.store.read(read)
        if plan is None or files is None:
            await show_proof(context, lambda: _undo_draft(context), note)
            return
        edits = plan.revert.edits
        seen = await asyncio.to_thread(changes.check_edits, ctx, files, edits)
    except MerlinError as error:
        reason = error
        await show_screen(context, lambda: menu.error_view(context, reason))
        return
    await show_screen(context, lambda: _asks(context, plan, files, seen))


def _undo_draft(context: BotContext) -> Draft:
    mark = context.argument(1)
    edit, _ = changes.draft_undo(*performer(context), mark)
    dataset = changes.of_commit(*performer(context), mark)[0].dataset
    return Draft(dataset, edit.path, edit.before, edit.text or "", is_gone=edit.text is None)


def _asks(context: BotContext, plan: UndoPlan, files: DatasetFiles, seen: PreviewView) -> View:
    """Ask whether a commit is to be taken back, and show what that does."""
    first = changes.of_commit(*performer(context), context.argument(1))[0]
    told = {"subject": parse_subject(first.subject), "count": len(plan.revert.edits)}
    parts = [
        context.translate("examples-ask-undo", **told),
        "\n".join(_entries(context, plan.revert.edits, files)),
        _staying(context, plan.revert),
        "\n".join(finding_lines(context, seen)),
        format_price(context, seen),
    ]
    yes = to(context, "examples-undo", "undo-yes", context.argument(1))
    words = "\n\n".join(filter(None, parts))
    return menu.confirm(context, words, yes, callback("change", first.batch))


def _entries(context: BotContext, reverts: Sequence[Edit], files: DatasetFiles) -> Iterator[str]:
    """Yield what happens to the first of the files."""
    now = {each.path: each.text for each in files.files}
    edits = tuple(reversed(reverts))
    for each in edits[:_MOST_TOLD]:
        yield _edit_entry(each, now.get(each.path))
    if len(edits) > _MOST_TOLD:
        yield context.translate("examples-more", count=len(edits) - _MOST_TOLD)


def _edit_entry(edit: Edit, now: str | None) -> str:
    name = escape_unprintable(example_id_of(edit.path))
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


def undo_confirmed(context: BotContext) -> View:
    """Ask for the commit that takes another one back."""
    editor = commit_editor(context)
    dataset = changes.undo_commit(*performer(context), context.argument(1), editor)
    return saved_view(context, dataset)
