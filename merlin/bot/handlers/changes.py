"""Edits of examples: where each stands, conflicts, undo; what waits for an editor.

    waiting -> taken back (asked twice)      conflict -> mine | theirs | edit
    parked -> tried again | taken back
    queue -> proof of one -> approve (Save) | other words | decline, with a reason or without
    queue -> a page of it, whole -> approve all as they are, one commit a dataset | decline all
    asked in vain -> answered, as a new example | dismissed, and back

A commit of the person's own is taken back by another one. One example: by one tap; was it written
anew since, its proof says so first. Anything else: what it takes away and brings back, asked
twice, then one commit; there the files that were written anew since stay, and are named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from merlin.app import changes, proposals, unanswered
from merlin.app.changes import DatasetFiles, PreviewView
from merlin.app.outbox import OutgoingMessage
from merlin.app.proposals import Proposal
from merlin.app.unanswered import MARK_DIGITS, GroupState, UnansweredView
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin, example_draft
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.example_proof import (
    USER,
    Draft,
    ask,
    chosen_dataset,
    commit_editor,
    dialog_value,
    finding_lines,
    format_price,
    leave_dialog,
    replacement_lines,
    saved_view,
    show_proof,
    show_screen,
)
from merlin.bot.menu import PAGE_SIZE, View
from merlin.core.errors import Refused
from merlin.core.formatted_text import Button, FormattedMessage
from merlin.core.i18n import text
from merlin.dataset.changes import MAX_BATCH_SIZE, Change, ChangeKind, ChangeState, Edit
from merlin.dataset.commit_batch import Revert
from merlin.dataset.commit_message import format_subject, parse_subject
from merlin.dataset.example import question_preview
from merlin.dataset.finding import escape_unprintable, shorten
from merlin.dataset.layout import EXAMPLES, example_id_of
from merlin.dataset.proposals import example_yaml

_MAX_SHOWN = 80
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
    found = changes.list_own(*performer(context), _MAX_SHOWN)
    title, back = context.translate("examples-changes"), menu.back("ex:home")
    keys, data = ("examples-changes-words", "examples-changes-none"), "ex:changes"

    def entry(change: Change) -> Button:
        subject = menu.cut(format_subject(change.subject, context.language), _LABEL)
        return Button(f"{_STATE_SIGNS[change.state]} {subject}", f"ex:change:{change.change_id}")

    return menu.list_card(context, title, keys, found, entry, data, back, place=1)


def change(context: BotContext) -> View:
    """Show where one edit stands, and what can be done."""
    leave_dialog(context)
    one = changes.get_file(*performer(context), context.argument(1))
    commit = (one.commit or "")[:10]
    state = context.translate(f"examples-state-{one.state.value}", commit=commit)
    title = f"{_STATE_SIGNS[one.state]} {format_subject(one.subject, context.language)}"
    reason = context.translate(one.reason, **one.arguments) if one.reason else ""
    if one.theirs is not None:
        reason = context.translate("examples-conflict-words", path=one.path)
    rows = [*_rows(context, one), menu.back("ex:changes:0")]
    return menu.card(context, title, state, reason, *_files(context, one), rows=rows)


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


def _rows(context: BotContext, one: Change) -> Iterator[menu.RowOf]:
    take_back = ("examples-take-back", f"ex:drop:{one.change_id}", "danger")
    if one.theirs is not None:
        yield solving(one.change_id, context.language)
    elif one.state is ChangeState.PARKED:
        yield ("examples-retry", f"ex:retry:{one.change_id}")
        yield take_back
    elif one.state is ChangeState.WAITING:
        yield take_back
    elif one.state is ChangeState.COMMITTED and one.commit:
        yield ("examples-undo", f"ex:undo:{one.commit[:10]}")


def solving(change_id: str, language: str, *more: str) -> tuple[Button, ...]:
    """Return the buttons that solve a conflict; `more` is put behind their data."""
    return tuple(
        Button(text(language, f"examples-{verb}"), ":".join(["ex", verb, change_id, *more]))
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


def conflict_draft(context: BotContext) -> Draft:
    """Return the person's own text over the other's, to be written anew."""
    one, other = changes.conflict(*performer(context), context.argument(1))
    text, is_gone = one.text or other.text or "", one.text is None
    return Draft(one.dataset, one.inside, other.blob, text, is_gone=is_gone, change=one.change_id)


def retry(context: BotContext) -> View:
    """Let an edit that the repository refused be tried again."""
    changes.retry(*performer(context), context.argument(1))
    return change(context)


def drop(context: BotContext) -> View:
    """Take an edit that waits back, asked twice."""
    if context.argument(0) == "drop":
        one = changes.get_file(*performer(context), context.argument(1))
        message = context.translate("examples-ask-take-back", subject=parse_subject(one.subject))
        sure = ("examples-take-back", f"ex:drop-yes:{one.change_id}")
        return menu.second_question(context, message, sure, f"ex:change:{one.change_id}")
    changes.drop(*performer(context), context.argument(1))
    return _gone(context, "change-given-up")


def _gone(context: BotContext, key: str) -> View:
    rows: menu.Rows = (("examples-changes", "ex:changes:0"),)
    return menu.card(context, context.translate(key), rows=rows)


DECLINE = "ex-decline"
MAX_REASON_LENGTH = 500
_QUESTION = 200


def queue(context: BotContext) -> View:
    """Show what waits, the oldest first."""
    leave_dialog(context)
    count = proposals.count_waiting(*performer(context))
    page = menu.page_number(context.number(1), count)
    found = proposals.waiting(*performer(context), page * PAGE_SIZE, PAGE_SIZE)
    entries = [
        Button(shorten(each.draft.question, _LABEL), f"ex:prop:{each.proposal_id}")
        for each in found
    ]
    several = len(found) > 1 and ("examples-several", f"ex:several:{page}")
    turn = menu.page_buttons("ex:queue", page, count)
    rows: menu.Rows = (*entries, *turn, several, menu.back("ex:home"))
    message = context.translate("examples-queue-words" if found else "examples-queue-empty")
    return menu.card(context, context.translate("examples-queue", count=count), message, rows=rows)


_SEVERAL_LETTERS = 180


def several(context: BotContext) -> View:
    """Show the questions and answers of one page of the queue, to be judged together."""
    page = context.number(1)
    found = proposals.waiting(*performer(context), page * PAGE_SIZE, PAGE_SIZE)
    if not found:
        return queue(context)
    replaced = proposals.find_replacements(*performer(context), found)
    shown = [
        "\n".join(
            [
                f"{number}. {shorten(each.draft.question, _LABEL)}",
                f"{shorten(each.draft.answer, _SEVERAL_LETTERS)} · {each.draft.source}",
                *replacement_lines(context, replaced[each.proposal_id]),
            ]
        )
        for number, each in enumerate(found, 1)
    ]
    title = context.translate("examples-several-title", count=len(found))
    mark = f"{found[0].proposal_id}:{found[-1].proposal_id}:{len(found)}"
    rows: menu.Rows = (
        ("examples-approve-all", f"ex:all-yes:{mark}", "success"),
        ("examples-decline-all", f"ex:all-no:{mark}", "danger"),
        menu.back(f"ex:queue:{page}"),
    )
    return menu.card(context, title, *shown, rows=rows)


def _read_shown(context: BotContext) -> list[Proposal]:
    """Return what a button approves or declines: the first, the last, and how many were shown.

    Raises Refused where some were decided meanwhile.
    """
    first, last, count = (context.number(place) for place in (1, 2, 3))
    every = proposals.waiting(*performer(context), 0, MAX_BATCH_SIZE)
    found = [each for each in every if first <= each.proposal_id <= last]
    if not found or len(found) != count:
        raise Refused("decided meanwhile", "examples-decided")
    return found


async def approve_all(context: BotContext) -> None:
    """Ask for the commits of the proposals that were shown; those with errors wait on."""
    ctx = context.services

    def read() -> list[tuple[DatasetFiles, Mapping[int, Sequence[Edit]]]]:
        shown = _read_shown(context)
        ids = [each.proposal_id for each in shown]
        names = {each.draft.dataset for each in shown}
        return [proposals.read_several(*performer(context), name, ids) for name in sorted(names)]

    found = await context.store.read(read)
    good = [await asyncio.to_thread(proposals.check_several, ctx, *each) for each in found]
    left = sum(len(edits) for _, edits in found) - sum(map(len, good))

    def approve() -> View:
        for ids in filter(None, good):
            proposals.approve_several(*performer(context), ids, commit_editor(context))
        count = sum(map(len, good))
        return _queue_card(context, "examples-approved-all", count=count, left=left)

    await show_screen(context, approve)


def decline_all(context: BotContext) -> View:
    """Decline the proposals that were shown."""
    ids = [each.proposal_id for each in _read_shown(context)]
    count = proposals.decline_several(*performer(context), ids)
    return _queue_card(context, "examples-declined-all", count=count)


def _queue_card(context: BotContext, key: str, **arguments: object) -> View:
    waiting = proposals.count_waiting(*performer(context))
    queue = Button(context.translate("examples-queue", count=waiting), "ex:queue:0")
    return menu.card(context, context.translate(key, **arguments), rows=(queue,))


def proposal_draft(context: BotContext) -> Draft:
    """Return one correction as the example that it would be."""
    waiting = proposals.get_waiting(*performer(context), context.number(1))
    text = example_yaml(waiting.draft)
    return Draft(waiting.draft.dataset, text=text, proposal=waiting.proposal_id)


def ask_reason(context: BotContext) -> View:
    """Ask why the correction is declined."""
    waiting = proposals.get_waiting(*performer(context), context.number(1))
    number, question = waiting.proposal_id, shorten(waiting.draft.question, _QUESTION)
    title = context.translate("examples-decline")
    message = context.translate("examples-ask-reason", question=question)
    bare = (("examples-decline-bare", f"ex:no-yes:{number}", "danger"),)
    back = f"ex:prop:{number}"
    return ask(context, DECLINE, title, message, back=back, rows=bare, kept={"proposal": number})


def decline(context: BotContext) -> View:
    """Decline, by a button without a reason; who proposed reads a reason that was written.

    It is sealed in the outbox, as all their words.
    """
    reason = "" if context.verb else context.text
    if len(reason) > MAX_REASON_LENGTH:
        raise Refused("too long", "examples-reason-long", most=MAX_REASON_LENGTH)
    asked_id = int(dialog_value(context, "proposal") or 0)
    proposal_id = context.number(1) if context.verb else asked_id
    found = proposals.decline(*performer(context), proposal_id, reason)
    is_told = reason and found.is_persons
    if is_told:
        arguments = {"question": shorten(found.draft.question, _QUESTION), "reason": reason.strip()}
        message = text(
            context.services.language_of(found.user_id), "examples-not-taken", **arguments
        )
        key, page = f"declined:{found.proposal_id}", FormattedMessage(message)
        context.outbox.put([OutgoingMessage(key, found.user_id, page)])
    leave_dialog(context)
    return _queue_card(context, "examples-declined-told" if is_told else "examples-declined")


_MAX_NAMED = 10
_LETTERS = 120
_EDIT_SIGNS: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: "➕",
    ChangeKind.EDIT: "✏️",
    ChangeKind.DELETE: "🗑",
}


async def undo(context: BotContext) -> None:
    """Take back an edit of one example; of anything else show what would be undone."""
    ctx, mark = context.services, context.argument(1)

    def read() -> tuple[Draft, str] | tuple[list[Change], Revert, DatasetFiles]:
        """Return the draft of one example that was written anew since with a note, or the plan."""
        batch = changes.of_commit(*performer(context), mark)
        dataset = batch[0].dataset
        if _is_one_example(batch):
            edit, is_newer = changes.draft_undo(*performer(context), mark)
            if is_newer:
                note, is_gone = context.translate("examples-undo-newer"), edit.text is None
                text = edit.text or ""
                return Draft(dataset, edit.path, edit.before, text, is_gone=is_gone), note
        _, revert = changes.plan_undo(*performer(context), mark)
        return batch, revert, changes.read_files(*performer(context), dataset)

    found = await context.store.read(read)
    if len(found) == 2:  # noqa: PLR2004 - a draft with its note
        draft, note = found
        await show_proof(context, lambda: draft, note)
        return
    batch, revert, files = found
    seen = await asyncio.to_thread(changes.check_edits, ctx, files, revert.edits)
    if seen.is_good and _is_one_example(batch):
        await show_screen(context, lambda: undo_confirmed(context))
    else:
        await show_screen(context, lambda: _asks(context, batch[0], revert, files, seen))


def _is_one_example(batch: Sequence[Change]) -> bool:
    return len(batch) == 1 and batch[0].inside.startswith(EXAMPLES)


def _asks(
    context: BotContext, first: Change, revert: Revert, files: DatasetFiles, seen: PreviewView
) -> View:
    """Ask whether a commit is to be taken back, and show what that does."""
    arguments = {"subject": parse_subject(first.subject), "count": len(revert.edits)}
    stay, newer = "", revert.newer
    if newer:
        # Somebody wrote them anew since.
        names = ", ".join(escape_unprintable(each) for each in newer[:_MAX_NAMED])
        stay = context.translate("examples-undo-stay", count=len(newer), paths=names)
    parts = [
        context.translate("examples-ask-undo", **arguments),
        "\n".join(_entries(context, revert.edits, files)),
        stay,
        "\n".join(finding_lines(context, seen)),
        format_price(context, seen),
    ]
    sure = ("examples-undo", f"ex:undo-yes:{context.argument(1)}")
    message = "\n\n".join(filter(None, parts))
    return menu.second_question(context, message, sure, f"ex:change:{first.batch}")


def _entries(context: BotContext, reverts: Sequence[Edit], files: DatasetFiles) -> Iterator[str]:
    """Yield what happens to the first of the files."""
    now = {file.path: file.text for file in files.files}
    edits = tuple(reversed(reverts))
    for edit in edits[:_MAX_NAMED]:
        name = escape_unprintable(example_id_of(edit.path))
        words = question_preview(now.get(edit.path) if edit.text is None else edit.text)
        line = f"{_EDIT_SIGNS[edit.kind]} {name}{f': {words}' if words else ''}"
        yield menu.cut(menu.printable(line), _LETTERS)
    if len(edits) > _MAX_NAMED:
        yield context.translate("examples-more", count=len(edits) - _MAX_NAMED)


def undo_confirmed(context: BotContext) -> View:
    """Ask for the commit that takes another one back."""
    mark, editor = context.argument(1), commit_editor(context)
    (first, *_) = changes.of_commit(*performer(context), mark)
    dataset = changes.undo_commit(*performer(context), mark, editor)
    subject = format_subject(first.subject, context.language)
    message = context.translate("examples-undone", subject=subject)
    return saved_view(context, dataset, "examples-undone-title", message)


def list_unanswered(context: BotContext) -> View:
    """Show the questions that wait, newest first."""
    leave_dialog(context)
    name = chosen_dataset(context)
    short = admin.short(name)

    def entry(each: UnansweredView) -> Button:
        label = f"{each.times} · {menu.cut(each.question, _LABEL)}"
        return Button(label, f"ex:vain:{short}:{each.mark[:MARK_DIGITS]}")

    questions = unanswered.list_unanswered(*performer(context), name, context.language)
    title, back = context.translate("examples-unanswered"), menu.back(f"ex:ds:{short}")
    keys, found = ("unanswered-words", "unanswered-none"), questions.of(GroupState.WAITING)
    data = f"ex:vains:{short}"
    return menu.list_card(context, f"{title} · {name}", keys, found, entry, data, back, place=2)


def answer_unanswered(context: BotContext) -> View:
    """Ask for the answer to a question, as in a new example; or show the example that has one."""
    name, each = chosen_dataset(context), _chosen_question(context)
    short = admin.short(name)
    if each.example:
        ways = (
            ("page-unanswered-edit", f"ex:one:{short}:{admin.short(each.example)}", "primary"),
            _dismissing(context),
            menu.back(f"ex:vains:{short}:0"),
        )
        message = context.translate("page-unanswered-there")
        return menu.card(context, name, each.question, message, rows=ways)
    draft = Draft(name, turns=((USER, each.question),))
    return example_draft.ask_answer(context, draft, f"ex:vains:{short}:0", _dismissing(context))


def dismiss_unanswered(context: BotContext) -> View:
    """Take a question out of what waits, with a way back."""
    leave_dialog(context)
    name, each = chosen_dataset(context), _chosen_question(context)
    unanswered.dismiss(*performer(context), name, each.mark)
    short = admin.short(name)
    undo = ("page-unanswered-restore", f"ex:vain-back:{short}:{context.argument(2)}")
    message = context.translate("unanswered-dismissed", question=each.question)
    return menu.card(context, name, message, rows=(undo, menu.back(f"ex:vains:{short}:0")))


def restore_unanswered(context: BotContext) -> View:
    """Let a dismissed question wait again."""
    unanswered.restore(*performer(context), chosen_dataset(context), context.argument(2))
    return answer_unanswered(context)


def _dismissing(context: BotContext) -> menu.RowOf:
    return ("page-unanswered-dismiss", f"ex:vain-no:{context.argument(1)}:{context.argument(2)}")


def _chosen_question(context: BotContext) -> UnansweredView:
    """Return the question that a button names. Raises NotFound."""
    found = chosen_dataset(context), context.argument(2), context.language
    return unanswered.get_unanswered(*performer(context), *found)
