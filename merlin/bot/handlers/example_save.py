"""A draft as it would be committed: text, findings, tokens, price, difference; then saved.

    draft -> checked beside its whole dataset -> shown -> Save

Saved, it becomes a Change, which the daemon commits in the editor's name. Beside a correction
stands what it corrects, as an editor may see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from merlin.app import changes, examples, proposals
from merlin.app.changes import DatasetFiles, PreviewView
from merlin.app.health import is_daemon_alive
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin, example_access
from merlin.bot.handlers.example_access import Draft, exit_row, to
from merlin.bot.menu import View
from merlin.chat.turns import Turns
from merlin.core import money
from merlin.core.errors import MerlinError, Refused
from merlin.core.formatted_text import Button
from merlin.dataset.changes import Edit
from merlin.dataset.file_index import FileIndex
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.preview import unified_diff
from merlin.dataset.proposals import FOLDER, Proposals, mask_personal_data

_LETTERS = 500


def model_answer(context: BotContext, proposal_id: int) -> str:
    """Return what the model had answered, masked; "" where nobody knows it any more."""
    proposal = Proposals(context.db).get(proposal_id)
    turn = Turns(context.db, context.bot_id).get(proposal.draft.turn_id)
    if turn is None or turn.written is None or turn.question.user_id != proposal.user_id:
        return ""
    masked = mask_personal_data(turn.written.answer, context.language).words
    return context.translate("examples-model-said", words=menu.cut(masked, _LETTERS))


PROOF = "ex-proof"
MOST_FINDINGS = 6
_TEXT_LETTERS = 1400
_DIFF_LETTERS = 1000
_FINDING_LETTERS = 140
_SIGNS = {Severity.ERROR: "⛔", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}


@dataclass(frozen=True, slots=True)
class Proof:
    """What the checker says of a draft; `old` is the text that lies there, None for none."""

    path: str
    text: str | None
    old: str | None
    seen: PreviewView

    @property
    def is_savable(self) -> bool:
        """Return whether it is free of errors and changes anything."""
        return self.seen.is_good and self.text != self.old


async def show_proof(context: BotContext, make: Callable[[], Draft], note: str = "") -> None:
    """Show the proof of the draft that `make`, which reads rows, returns, and end the update."""
    try:
        draft = await context.store.read(lambda: _made(context, make))
        proof = await check_draft(context, draft)
    except MerlinError as error:
        reason = error
        await example_access.show(context, lambda: example_access.error_view(context, reason))
        return
    await example_access.show(context, lambda: _proof_view(context, draft, proof, note))


def _made(context: BotContext, make: Callable[[], Draft]) -> Draft:
    draft = make()
    example_access.require_editing_here(context, draft.dataset)
    return draft


async def check_draft(context: BotContext, draft: Draft) -> Proof:
    """Return the proof of a draft. Raises NotFound for a dataset that is gone, Refused."""
    text, ctx = draft.written(), context.services

    def read() -> tuple[DatasetFiles, Edit, str | None]:
        files = changes.read_files(ctx, admin.actor(context), draft.dataset)
        old = FileIndex(context.db).text(draft.before) if draft.before else None
        return files, _edit(context, draft, text), old

    files, edit, old = await context.store.read(read)
    seen = await asyncio.to_thread(changes.check_edits, ctx, files, [edit])
    return Proof(edit.path, text, old, seen)


def _edit(context: BotContext, draft: Draft, text: str | None) -> Edit:
    path, folder = draft.path, FOLDER if draft.proposal else ""
    if not path:
        ctx = context.services
        path = example_path(examples.free_id(ctx, draft.dataset, text, folder))
    return Edit(path, draft.before, text)


def _proof_view(context: BotContext, draft: Draft, proof: Proof, note: str) -> View:
    """Show the proof and wait for what the person makes of it."""
    example_access.wait(context, PROOF, draft, good=proof.is_savable)
    title = context.translate(_title(draft), dataset=draft.dataset)
    name = draft.example_id or example_id_of(proof.path)
    parts = [
        *finding_lines(context, proof.seen),
        format_price(context, proof.seen),
        _verdict(context, proof),
    ]
    if draft.proposal:
        note = "\n\n".join(filter(None, [note, model_answer(context, draft.proposal)]))
    rows = list(_rows(context, draft, proof))
    return menu.card(title, note, name, *_files(proof), "\n".join(filter(None, parts)), rows=rows)


def _files(proof: Proof) -> Iterator[menu.CodeBlock]:
    """Yield the text and what leads to it from the one that lies there."""
    told = proof.old if proof.text is None else proof.text
    yield menu.CodeBlock(menu.cut(told or "", _TEXT_LETTERS))
    if proof.old is not None and proof.text is not None:
        yield menu.CodeBlock(menu.cut(_changed(proof.old, proof.text), _DIFF_LETTERS), "diff")


def _changed(old: str, new: str) -> str:
    """Return what leads from one text to the other, without names and numbers of lines."""
    lines = unified_diff(old, new).split("\n")[3:]
    return "\n".join("⋯" if line.startswith("@@") else line for line in lines)


def _title(draft: Draft) -> str:
    if draft.is_gone:
        return "examples-proof-delete"
    if draft.change:
        return "examples-proof-conflict"
    if draft.proposal:
        return "examples-proof-proposal"
    return "examples-proof-edit" if draft.before else "examples-proof-new"


def _verdict(context: BotContext, proof: Proof) -> str:
    if proof.text == proof.old:
        return context.translate("examples-nothing-changed")
    return context.translate("examples-is-fine" if proof.seen.is_good else "examples-has-errors")


def finding_lines(context: BotContext, seen: PreviewView) -> list[str]:
    """Return the findings as lines, those at the edited files first."""
    found = [finding_line(context, each) for each in seen.findings]
    found += [finding_line(context, each, is_named=True) for each in seen.around]
    more = len(found) - MOST_FINDINGS
    shown = found[:MOST_FINDINGS]
    return [*shown, context.translate("examples-more", count=more)] if more > 0 else shown


def finding_line(context: BotContext, finding: Finding, *, is_named: bool = False) -> str:
    """Return a finding as one line; `is_named`: with the file that it stands at."""
    name = f"{finding.path.removeprefix(EXAMPLES)}: " if is_named else ""
    words = menu.cut(finding.text(context.language), _FINDING_LETTERS)
    return f"{_SIGNS[finding.severity]} {name}{words}"


def format_price(context: BotContext, seen: PreviewView) -> str:
    """Return tokens and the price of the next training, "" where nobody knows."""
    told = seen.next_training
    if told is None:
        return ""
    about = {"tokens": seen.tokens, "examples": told.examples}
    if told.cost_micro is None:
        return f"🧮 {context.translate('did-change', **about)}"
    cost = money.format_cost_plainly(told.cost_micro, told.currency)
    return f"🧮 {context.translate('did-change-price', **about, price=cost)}"


def _rows(context: BotContext, draft: Draft, proof: Proof) -> Iterator[tuple[Button, ...]]:
    if proof.is_savable:
        key, style = (
            ("examples-delete", "danger") if draft.is_gone else ("examples-save", "success")
        )
        if draft.proposal:
            key = "examples-approve"
        yield (to(context, key, "save", style=style),)
    if not draft.is_gone:
        yield (
            to(context, "examples-edit-question", "word", "q"),
            to(context, "examples-edit-answer", "word", "a"),
        )
        whole = () if draft.proposal else (to(context, "examples-edit-whole", "word", "y"),)
        yield (to(context, "examples-edit-tags", "word", "t"), *whole)
    if draft.proposal:
        yield (to(context, "examples-decline", "no", draft.proposal, style="danger"),)
    if len(proof.text or proof.old or "") > _TEXT_LETTERS:
        yield (to(context, "examples-as-file", "whole"),)
    yield exit_row(context, *way_back(draft))


def way_back(draft: Draft) -> tuple[object, ...]:
    """Return where a draft's Back leads, as a button's words."""
    mark = admin.short(draft.dataset)
    if draft.proposal:
        return ("queue", 0)
    if draft.change:
        return ("change", draft.change)
    if draft.before:
        return ("one", mark, admin.short(draft.example_id))
    return ("tags",) if draft.turns else ("ds", mark)


def save(context: BotContext) -> View:
    """Ask for the commit of the draft that was shown."""
    example_access.require_step(context, PROOF)
    draft = example_access.draft(context)
    if example_access.dialog_value(context, "good") is not True:
        raise Refused("the draft has errors", "change-not-good")
    ctx, actor = context.services, admin.actor(context)
    if draft.change:
        changes.rewrite(ctx, actor, draft.change, draft.written(), draft.before)
    elif draft.proposal:
        editor = example_access.editor(context)
        proposals.approve(ctx, actor, draft.proposal, draft.example(), editor)
    else:
        edit, editor = _edit(context, draft, draft.written()), example_access.editor(context)
        changes.save(ctx, actor, draft.dataset, [edit], editor=editor)
    context.stop_waiting()
    return saved_view(context, draft.dataset)


def saved_view(context: BotContext, dataset: str) -> View:
    """Return what the person sees when a commit has been asked for."""
    is_alive = is_daemon_alive(context.services)
    words = context.translate("examples-saved" if is_alive else "examples-saved-late")
    mark = admin.short(dataset)
    rows = [
        (to(context, "examples-add", "add", mark), to(context, "examples-changes", "changes", 0)),
        (to(context, "examples-to-dataset", "ds", mark),),
    ]
    return menu.card(context.translate("examples-saved-title"), words, rows=rows)
