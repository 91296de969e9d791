"""A draft as it would be committed: text, findings, tokens, price, difference; then saved.

    draft -> checked beside its whole dataset -> shown -> Save

Saved, it becomes a Change, which the daemon commits in the editor's name. Beside a correction
stands what it corrects, as an editor may see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin, example_access
from merlin.bot.handlers.example_access import Draft, free_id, leaving, to
from merlin.bot.menu import View
from merlin.chat.turns import Turns
from merlin.core import money
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import Button
from merlin.dataset.change_queue import Changes
from merlin.dataset.changes import Change, ChangeRequest, ChangeState, Edit, make_changes
from merlin.dataset.file_index import FileIndex
from merlin.dataset.files import FileText
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.preview import Preview, unified_diff
from merlin.dataset.proposals import Approval, Proposals, mask_personal_data
from merlin.dataset.proposals import Draft as Words
from merlin.db.processes import Heartbeats
from merlin.training.policy import Forecast

_LETTERS = 500


def said_by_model(context: BotContext, proposal_id: int) -> str:
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
    seen: Preview
    forecast: Forecast | None

    @property
    def is_savable(self) -> bool:
        """Return whether it is free of errors and changes anything."""
        return self.seen.is_good and self.text != self.old


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What lies there."""

    files: Sequence[FileText]
    path: str
    old: str | None


async def look(context: BotContext, make: Callable[[], Draft], note: str = "") -> None:
    """Show the proof of the draft that `make`, which reads rows, returns, and end the update."""
    try:
        draft = await context.store.read(lambda: _made(context, make))
        proof = await proved(context, draft)
    except MerlinError as error:
        reason = error
        await example_access.show(context, lambda: example_access.trouble(context, reason))
        return
    await example_access.show(context, lambda: _shown(context, draft, proof, note))


def _made(context: BotContext, make: Callable[[], Draft]) -> Draft:
    draft = make()
    example_access.permitted(context, draft.dataset)
    return draft


async def proved(context: BotContext, draft: Draft) -> Proof:
    """Return the proof of a draft. Raises NotFound for a dataset that is gone, Refused."""
    text_ = draft.written()
    shelf = await context.store.read(lambda: _shelf(context, draft, text_))
    proofs = context.services.proofs
    edits = {shelf.path: text_}
    seen = await asyncio.to_thread(proofs.preview, draft.dataset, shelf.files, edits)
    build = await context.store.read(lambda: FileIndex(context.db).newest_build(draft.dataset))
    return Proof(shelf.path, text_, shelf.old, seen, proofs.forecast(build, seen))


def _shelf(context: BotContext, draft: Draft, text_: str | None) -> _Shelf:
    library = FileIndex(context.db)
    files = library.files(draft.dataset)
    if not files:
        raise NotFound("no such dataset", "admin-no-dataset")
    path = draft.path
    if not path:
        path = f"{EXAMPLES}{free_id(context, draft, text_ or '')}.yaml"
    return _Shelf(files, path, library.text(draft.before) if draft.before else None)


def _shown(context: BotContext, draft: Draft, proof: Proof, note: str) -> View:
    """Show the proof and wait for what the person makes of it."""
    example_access.wait(context, PROOF, draft, good=proof.is_savable)
    title = context.translate(_title(draft), dataset=draft.dataset)
    name = draft.example_id or proof.path.removeprefix(EXAMPLES).removesuffix(".yaml")
    parts = [*finding_lines(context, proof.seen), price(context, proof), _verdict(context, proof)]
    if draft.proposal:
        note = "\n\n".join(filter(None, [note, said_by_model(context, draft.proposal)]))
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


def finding_lines(context: BotContext, seen: Preview) -> list[str]:
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


def price(context: BotContext, proof: Proof) -> str:
    """Return tokens and the price of the next training, "" where nobody knows."""
    return priced(context, sum(proof.seen.tokens.values()), proof.forecast)


def priced(context: BotContext, tokens: int, told: Forecast | None) -> str:
    """Return tokens and the price of the next training, "" where nobody knows."""
    if told is None:
        return ""
    about = {"tokens": tokens, "examples": told.examples}
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
    yield leaving(context, *way_back(draft))


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
    example_access.at_step(context, PROOF)
    draft = example_access.draft(context)
    if example_access.kept(context, "good") is not True:
        raise Refused("the draft has errors", "change-not-good")
    if draft.change:
        _solve(context, draft)
    elif draft.proposal:
        _approve(context, draft)
    else:
        Changes(context.db).put(
            make_changes(draft.dataset, [_edit(context, draft)], asked(context))
        )
    context.stop_waiting()
    return saved(context, draft.dataset)


def asked(context: BotContext) -> ChangeRequest:
    """Return who asks, and when."""
    return ChangeRequest(
        example_access.editor(context), str(context.user_id), context.services.clock()
    )


def _edit(context: BotContext, draft: Draft) -> Edit:
    written = draft.written()
    path = draft.path
    if not path:
        path = f"{EXAMPLES}{free_id(context, draft, written or '')}.yaml"
    return Edit(path, draft.before, written)


def _solve(context: BotContext, draft: Draft) -> None:
    """Send a conflict's change again, over what lies there now."""
    change = own_change(context, draft.change)
    if change.state is not ChangeState.CONFLICT:
        raise Refused("solved already", "examples-solved")
    Changes(context.db).again(change.change_id, draft.written(), draft.before)


def own_change(context: BotContext, change_id: str) -> Change:
    """Return the person's own change. Raises NotFound, also for one out of reach."""
    change = Changes(context.db).get(change_id)
    if change.by != str(context.user_id):
        raise NotFound("not theirs", "change-unknown", change=change_id)
    example_access.checked(context, change.dataset)
    return change


def _approve(context: BotContext, draft: Draft) -> None:
    """Let a correction become an example in the editor's name."""
    proposal = Proposals(context.db).get(draft.proposal)
    example_access.checked(context, proposal.draft.dataset)
    example = draft.example()
    if example is None:
        raise Refused("broken", "change-not-good")
    origin = proposal.draft
    words = Words(example.question, example.answer, draft.dataset, origin.turn_id, origin.model_id)
    approval = Approval(words, example_access.editor(context), context.user_id, example.tags)
    if Proposals(context.db).approve(proposal.proposal_id, approval) is None:
        raise Refused("decided already", "examples-decided")


def saved(context: BotContext, dataset: str) -> View:
    """Return what the person sees when a commit has been asked for."""
    now = context.services.clock()
    beats = [beat for beat in Heartbeats(context.db).all() if beat.process == "daemon"]
    is_alive = any(beat.is_alive(now) for beat in beats)
    words = context.translate("examples-saved" if is_alive else "examples-saved-late")
    mark = admin.short(dataset)
    rows = [
        (to(context, "examples-add", "add", mark), to(context, "examples-changes", "changes", 0)),
        (to(context, "examples-to-dataset", "ds", mark),),
    ]
    return menu.card(context.translate("examples-saved-title"), words, rows=rows)
