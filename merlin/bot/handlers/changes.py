"""Edits of examples (state, conflicts, undo), the review queue, and unanswered questions.

    waiting -> dropped (after a confirmation)      conflict -> mine | theirs | edit
    parked -> retried | dropped
    queue -> proof of one proposal -> approve (Save) | reword | decline, with or without a reason
    queue -> a page of proposals -> approve all as they are, one commit per dataset | decline all
    unanswered question -> answered by a new example | dismissed, and restored

Undo of a commit of the user's own is another commit. For one example it takes one tap; for anything
else a confirmation lists what would be removed and restored. Files that were changed since are left
alone and are listed; if all were, the undo is refused.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from merlin.app import changes, proposals, unanswered
from merlin.app.changes import DatasetFiles, PreviewView
from merlin.app.outbox import OutgoingMessage
from merlin.app.unanswered import MARK_DIGITS, GroupState, UnansweredView
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import example_draft
from merlin.bot.handlers import example_proof as proof
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import dataset_title
from merlin.core.errors import Refused
from merlin.core.formatted_text import Button, FormattedMessage, shorten_text
from merlin.core.i18n import cut, text
from merlin.core.permissions import Permission
from merlin.dataset.changes import MAX_BATCH_SIZE, Change, ChangeKind, Changes, ChangeState, Edit
from merlin.dataset.commit_batch import Revert
from merlin.dataset.commit_message import format_subject, parse_subject
from merlin.dataset.example import question_preview
from merlin.dataset.finding import escape_unprintable
from merlin.dataset.layout import EXAMPLES, example_id_of
from merlin.dataset.proposals import Proposal, example_yaml

handlers = Handlers(Permission.EDIT_EXAMPLES)
_LABEL_LENGTH = 48
_MAX_TEXT = 1500
# Of a blob's id in callback data, which has at most 64 bytes.
_REVISION_DIGITS = 10
_STATE_SIGNS = {
    ChangeState.WAITING: "⏳",
    ChangeState.WORKING: "⏳",
    ChangeState.COMMITTED: "✅",
    ChangeState.CONFLICT: "⚠️",
    ChangeState.REFUSED: "⛔",
    ChangeState.PARKED: "⏸",
}


@handlers.button("ex:changes")
def list_changes(context: BotContext) -> View:
    """List the user's newest edits, one entry per commit."""
    proof.leave_dialog(context)
    edits = changes.list_own(*context.caller, menu.items_to_read(context.number(1)))
    title, back = context.translate("examples-changes"), menu.back("ex:home")
    keys, data = ("examples-changes-hint", "examples-changes-none"), "ex:changes"

    def entry(change: Change) -> Button:
        subject = cut(format_subject(change.subject, context.language), _LABEL_LENGTH)
        return Button(f"{_STATE_SIGNS[change.state]} {subject}", f"ex:change:{change.change_id}")

    return menu.list_card(context, title, keys, edits, entry, data, back, place=1)


@handlers.button("ex:change")
def show_change(context: BotContext) -> View:
    """Show the state of an edit and the possible actions."""
    proof.leave_dialog(context)
    edit = changes.get_file(*context.caller, context.argument(1))
    commit = (edit.commit or "")[:10]
    state = context.translate(f"examples-state-{edit.state.value}", commit=commit)
    title = f"{_STATE_SIGNS[edit.state]} {format_subject(edit.subject, context.language)}"
    reason = context.translate(edit.reason, **edit.arguments) if edit.reason else ""
    if edit.theirs is not None:
        reason = context.translate("examples-conflict-file", path=edit.path)
    rows = [*_action_rows(context, edit), menu.back("ex:changes:0")]
    return menu.card(context, title, state, reason, *_texts(context, edit), rows=rows)


def _texts(context: BotContext, edit: Change) -> Iterator[menu.Part]:
    """Yield both texts of a conflict, or the text of the edit."""
    nothing = context.translate("examples-no-file")
    if edit.theirs is not None:
        yield context.translate("examples-mine-is")
        yield menu.code_block(cut(edit.text or nothing, _MAX_TEXT))
        yield context.translate("examples-theirs-is")
        yield menu.code_block(cut(edit.theirs.text or nothing, _MAX_TEXT))
    elif edit.text is not None:
        yield menu.code_block(cut(edit.text, _MAX_TEXT))


def _action_rows(context: BotContext, edit: Change) -> Iterator[menu.RowOf]:
    if edit.theirs is not None:
        yield from conflict_buttons(edit.change_id, edit.theirs.revision, context.language)
    elif edit.state is ChangeState.PARKED:
        yield ("examples-retry", f"ex:retry:{edit.change_id}")
    elif edit.state is ChangeState.COMMITTED and edit.commit:
        yield ("examples-undo", f"ex:undo:{edit.commit[:10]}")
    if edit.theirs is None and Changes(context.services.db).can_withdraw(edit):
        yield ("examples-take-back", f"ex:drop:{edit.change_id}", "danger")


def conflict_buttons(
    change_id: str, revision: str, language: str, *more: str
) -> tuple[Button, ...]:
    """Return the buttons that resolve a conflict with the shown `revision` of the other text.

    `more` is appended to their callback data.
    """
    arguments = [change_id, *filter(None, [revision[:_REVISION_DIGITS]]), *more]
    return tuple(
        Button(text(language, f"examples-{verb}"), ":".join(["ex", verb, *arguments]))
        for verb in ("mine", "theirs", "mend")
    )


@handlers.button("ex:mine")
def keep_mine(context: BotContext) -> View:
    """Resolve a conflict with the user's own text, unless the other text changed meanwhile."""
    edit = changes.solve(*context.caller, context.argument(1), "mine", context.argument(2))
    proof.leave_dialog(context)
    return proof.saved_view(context, edit.dataset)


@handlers.button("ex:theirs")
def keep_theirs(context: BotContext) -> View:
    """Resolve a conflict with the other text; the rest of the batch is committed."""
    changes.solve(*context.caller, context.argument(1), "theirs")
    proof.leave_dialog(context)
    return _build_resolved_view(context, "examples-theirs-stays")


@handlers.button("ex:mend")
@proof.make_handler
def conflict_draft(context: BotContext) -> proof.Draft:
    """Return a draft with the user's own text that replaces the other, for editing."""
    own, theirs = changes.get_conflict(*context.caller, context.argument(1))
    text, is_gone = own.text or theirs.text or "", own.text is None
    return proof.Draft(
        own.dataset, own.inside, theirs.blob, text, is_gone=is_gone, change=own.change_id
    )


@handlers.button("ex:retry")
def retry(context: BotContext) -> View:
    """Retry an edit that the repository refused."""
    changes.retry(*context.caller, context.argument(1))
    return show_change(context)


@handlers.button("ex:drop", "ex:drop-yes")
def drop(context: BotContext) -> View:
    """Drop a waiting edit, after a confirmation."""
    if context.argument(0) == "drop":
        edit = changes.get_file(*context.caller, context.argument(1))
        message = context.translate("examples-ask-take-back", subject=parse_subject(edit.subject))
        sure = ("examples-take-back", f"ex:drop-yes:{edit.change_id}")
        return menu.confirmation_card(context, message, sure, f"ex:change:{edit.change_id}")
    changes.drop(*context.caller, context.argument(1))
    return _build_resolved_view(context, "change-given-up")


def _build_resolved_view(context: BotContext, key: str) -> View:
    rows: menu.Rows = (("examples-changes", "ex:changes:0"),)
    return menu.card(context, context.translate(key), rows=rows)


DECLINE = "ex-decline"
MAX_REASON_LENGTH = 500
_QUESTION_LENGTH = 200


@handlers.button("ex:queue")
def show_queue(context: BotContext) -> View:
    """List the waiting proposals, oldest first."""
    proof.leave_dialog(context)
    count = proposals.count_waiting(*context.caller)
    page = menu.page_number(context.number(1), count)
    pending = proposals.list_waiting(*context.caller, page * PAGE_SIZE, PAGE_SIZE)
    entries = [
        Button(
            shorten_text(proposal.draft.question, _LABEL_LENGTH), f"ex:prop:{proposal.proposal_id}"
        )
        for proposal in pending
    ]
    several_button = len(pending) > 1 and ("examples-several", f"ex:several:{page}")
    page_row = menu.page_buttons("ex:queue", page, count)
    rows: menu.Rows = (*entries, *page_row, several_button, menu.back("ex:home"))
    message = context.translate("examples-queue-hint" if pending else "examples-queue-empty")
    return menu.card(context, context.translate("examples-queue", count=count), message, rows=rows)


_ANSWER_LENGTH = 180


@handlers.button("ex:several")
def show_page(context: BotContext) -> View:
    """Show the questions and answers of a page of the queue, to approve or decline all."""
    page = context.number(1)
    pending = proposals.list_waiting(*context.caller, page * PAGE_SIZE, PAGE_SIZE)
    if not pending:
        return show_queue(context)
    replacements = proposals.find_replacements(*context.caller, pending)
    entries = list[str]()
    for number, proposal in enumerate(pending, 1):
        *asked, answer = (message.content for message in proposal.draft.messages)
        lines = [shorten_text(words, _LABEL_LENGTH) for words in asked]
        lines.append(f"{shorten_text(answer, _ANSWER_LENGTH)} · {proposal.draft.source}")
        lines += proof.replacement_lines(context, replacements[proposal.proposal_id])
        entries.append("\n".join([f"{number}. {lines[0]}", *lines[1:]]))
    title = context.translate("examples-several-title", count=len(pending))
    marks = f"{pending[0].proposal_id}:{pending[-1].proposal_id}:{len(pending)}"
    rows: menu.Rows = (
        ("examples-approve-all", f"ex:all-yes:{marks}", "success"),
        ("examples-decline-all", f"ex:all-no:{marks}", "danger"),
        menu.back(f"ex:queue:{page}"),
    )
    return menu.card(context, title, *entries, rows=rows)


def _read_shown(context: BotContext) -> list[Proposal]:
    """Return the proposals of a bulk button: its data has the first id, the last id and the count.

    Raises Refused if some were decided in the meantime.
    """
    first, last, count = (context.number(index) for index in (1, 2, 3))
    waiting = proposals.list_waiting(*context.caller, 0, MAX_BATCH_SIZE)
    matching = [proposal for proposal in waiting if first <= proposal.proposal_id <= last]
    if not matching or len(matching) != count:
        raise Refused("decided meanwhile", "examples-decided")
    return matching


@handlers.button("ex:all-yes")
async def approve_all(context: BotContext) -> None:
    """Request the commits of the proposals shown; those with errors stay in the queue."""
    ctx = context.services

    def read() -> list[tuple[DatasetFiles, Mapping[int, Sequence[Edit]]]]:
        shown = _read_shown(context)
        ids = [proposal.proposal_id for proposal in shown]
        names = {proposal.draft.dataset for proposal in shown}
        return [proposals.read_several(*context.caller, name, ids) for name in sorted(names)]

    edits_by_dataset = await context.store.read(read)
    approvable = [
        await asyncio.to_thread(proposals.check_several, ctx, *files_and_edits)
        for files_and_edits in edits_by_dataset
    ]
    skipped = sum(len(edits) for _, edits in edits_by_dataset) - sum(map(len, approvable))

    def approve(context: BotContext) -> View:
        for ids in filter(None, approvable):
            proposals.approve_several(*context.caller, ids, proof.commit_editor(context))
        count = sum(map(len, approvable))
        return _queue_card(context, "examples-approved-all", count=count, left=skipped)

    await proof.show_screen(context, approve)


@handlers.button("ex:all-no")
def decline_all(context: BotContext) -> View:
    """Decline the proposals that were shown."""
    ids = [proposal.proposal_id for proposal in _read_shown(context)]
    count = proposals.decline_several(*context.caller, ids)
    return _queue_card(context, "examples-declined-all", count=count)


def _queue_card(context: BotContext, key: str, **arguments: object) -> View:
    waiting = proposals.count_waiting(*context.caller)
    queue_button = Button(context.translate("examples-queue", count=waiting), "ex:queue:0")
    return menu.card(context, context.translate(key, **arguments), rows=(queue_button,))


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
def decline(context: BotContext) -> View:
    """Decline a proposal, by a button or with a written reason, which its author gets as a message.

    The message is encrypted in the outbox, as all messages with user texts are.
    """
    reason = "" if context.verb else context.text
    if len(reason) > MAX_REASON_LENGTH:
        raise Refused("too long", "examples-reason-long", most=MAX_REASON_LENGTH)
    stored_id = int(proof.dialog_value(context, "proposal") or 0)
    proposal_id = context.number(1) if context.verb else stored_id
    proposal = proposals.decline(*context.caller, proposal_id, reason)
    is_sent = reason and proposal.is_persons
    if is_sent:
        arguments = {
            "question": shorten_text(proposal.draft.question, _QUESTION_LENGTH),
            "reason": reason.strip(),
        }
        message = text(
            context.services.language_of(proposal.user_id), "examples-not-accepted", **arguments
        )
        key, page = f"declined:{proposal.proposal_id}", FormattedMessage(message)
        context.outbox.put([OutgoingMessage(key, proposal.user_id, page)])
    proof.leave_dialog(context)
    return _queue_card(context, "examples-declined-notified" if is_sent else "examples-declined")


handlers.step(DECLINE)(example_draft.text_handler(decline))


_MAX_LISTED = 10
_LINE_LENGTH = 120
_EDIT_SIGNS: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: "➕",
    ChangeKind.EDIT: "✏️",
    ChangeKind.DELETE: "🗑",
}


@handlers.button("ex:undo")
async def undo(context: BotContext) -> None:
    """Undo a commit of one example at once; for any other commit show what would be undone."""

    def read() -> tuple[list[Change], Revert, DatasetFiles]:
        first = changes.find_of_commit(*context.caller, context.argument(1))
        batch, plan = changes.plan_undo(*context.caller, first.change_id)
        files = changes.read_files(*context.caller, first.dataset)
        return batch, plan(files), files

    batch, revert, files = await context.store.read(read)
    preview = await asyncio.to_thread(changes.check_edits, context.services, files, revert.edits)
    if preview.is_good and len(batch) == 1 and batch[0].inside.startswith(EXAMPLES):
        await undo_confirmed(context)
    else:
        await proof.show_screen(
            context, lambda context: _confirm_undo(context, batch[0], revert, files, preview)
        )


def _confirm_undo(
    context: BotContext, change: Change, revert: Revert, files: DatasetFiles, preview: PreviewView
) -> View:
    """Ask for confirmation of an undo and show its effects; with errors it cannot be confirmed."""
    arguments = {"subject": parse_subject(change.subject), "count": len(revert.edits)}
    newer = changes.EditedSince(revert.newer)
    parts = [
        context.translate("examples-ask-undo", **arguments),
        "\n".join(_edit_lines(context, revert.edits, files)),
        context.translate(newer.key, **newer.arguments) if newer.count else "",
        "\n".join(proof.finding_lines(context, preview)),
        proof.format_price(context, preview),
    ]
    message, back = "\n\n".join(filter(None, parts)), f"ex:change:{change.batch}"
    if not preview.is_good:
        title = context.translate("examples-has-errors")
        return menu.card(context, title, message, rows=(menu.back(back),))
    sure = ("examples-undo", f"ex:undo-yes:{context.argument(1)}:{newer.count}")
    return menu.confirmation_card(context, message, sure, back)


def _edit_lines(context: BotContext, reverts: Sequence[Edit], files: DatasetFiles) -> Iterator[str]:
    """Yield a line for each of the first files of an undo."""
    current_texts = {file.path: file.text for file in files.files}
    edits = tuple(reversed(reverts))
    for edit in edits[:_MAX_LISTED]:
        name = escape_unprintable(example_id_of(edit.path))
        question = question_preview(
            current_texts.get(edit.path) if edit.text is None else edit.text
        )
        line = f"{_EDIT_SIGNS[edit.kind]} {name}{f': {question}' if question else ''}"
        yield cut(menu.printable(line), _LINE_LENGTH)
    if len(edits) > _MAX_LISTED:
        yield context.translate("examples-more", count=len(edits) - _MAX_LISTED)


@handlers.button("ex:undo-yes")
async def undo_confirmed(context: BotContext) -> None:
    """Request the commit that undoes another commit, if the same files stay as were shown."""
    (ctx, actor), commit, edited_since = context.caller, context.argument(1), context.number(2)

    def read() -> tuple[Change, tuple[str, changes.Make]]:
        first = changes.find_of_commit(ctx, actor, commit)
        return first, changes.make_undo(ctx, actor, first.change_id, edited_since)

    first, (dataset, make) = await context.store.read(read)
    once, editor = context.key_of_update(context.update_id), proof.commit_editor(context)
    await changes.submit(ctx, actor, dataset, make, once, editor)
    subject = format_subject(first.subject, context.language)

    def show(context: BotContext) -> View:
        return proof.saved_view(context, dataset, "examples-undone-title", subject)

    await proof.show_screen(context, show)


@handlers.button("ex:vains")
def list_unanswered(context: BotContext) -> View:
    """List the unanswered questions, newest first."""
    proof.leave_dialog(context)
    card = proof.require_chosen_card(context)
    name, dataset_hash = card.name, menu.short_hash(card.name)

    def entry(question: UnansweredView) -> Button:
        label = f"{question.times} · {cut(question.question, _LABEL_LENGTH)}"
        return Button(label, f"ex:vain:{dataset_hash}:{question.mark[:MARK_DIGITS]}")

    questions = unanswered.list_unanswered(*context.caller, name, context.language)
    title = f"{context.translate('page-unanswered')} · {card.title_in(context.language)}"
    back = menu.back(f"ex:ds:{dataset_hash}")
    keys = ("unanswered-hint", "unanswered-none")
    waiting = questions.list_in_state(GroupState.WAITING)
    data = f"ex:vains:{dataset_hash}"
    return menu.list_card(context, title, keys, waiting, entry, data, back, place=2)


@handlers.button("ex:vain")
def answer_unanswered(context: BotContext) -> View:
    """Ask for the answer to a question as in a new example, or show the example that answers it."""
    name, question = proof.require_chosen_dataset(context), _require_chosen_question(context)
    dataset_hash = menu.short_hash(name)
    if question.example:
        rows = (
            (
                "page-unanswered-edit",
                f"ex:one:{dataset_hash}:{menu.short_hash(question.example)}",
                "primary",
            ),
            _dismiss_button(context),
            menu.back(f"ex:vains:{dataset_hash}:0"),
        )
        message = context.translate("page-unanswered-exists")
        title = dataset_title(context, name)
        return menu.card(context, title, question.question, message, rows=rows)
    turns = proof.conversation_of(question.before, question.question)
    draft = proof.Draft(name, turns=turns)
    back, dismiss_row = f"ex:vains:{dataset_hash}:0", (_dismiss_button(context),)
    return example_draft.ask_text(context, draft, example_draft.ANSWER, back, dismiss_row)


@handlers.button("ex:vain-no")
def dismiss_unanswered(context: BotContext) -> View:
    """Dismiss an unanswered question, with a button to restore it."""
    proof.leave_dialog(context)
    name, question = proof.require_chosen_dataset(context), _require_chosen_question(context)
    unanswered.dismiss(*context.caller, name, question.mark)
    dataset_hash = menu.short_hash(name)
    undo = ("page-unanswered-restore", f"ex:vain-back:{dataset_hash}:{context.argument(2)}")
    message = context.translate("unanswered-dismissed", question=question.question)
    title, back = dataset_title(context, name), menu.back(f"ex:vains:{dataset_hash}:0")
    return menu.card(context, title, message, rows=(undo, back))


@handlers.button("ex:vain-back")
def restore_unanswered(context: BotContext) -> View:
    """Restore a dismissed question."""
    unanswered.restore(*context.caller, proof.require_chosen_dataset(context), context.argument(2))
    return answer_unanswered(context)


def _dismiss_button(context: BotContext) -> menu.RowOf:
    return ("page-unanswered-dismiss", f"ex:vain-no:{context.argument(1)}:{context.argument(2)}")


def _require_chosen_question(context: BotContext) -> UnansweredView:
    """Return the question named by the callback data. Raises NotFound."""
    arguments = proof.require_chosen_dataset(context), context.argument(2), context.language
    return unanswered.get_unanswered(*context.caller, *arguments)
