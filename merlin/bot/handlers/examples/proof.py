"""Proof: a draft as it would be committed: its text, findings, tokens, price, difference.

draft -> checked beside its whole dataset -> shown -> Save
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.handlers.examples.ids import free_id
from merlin.bot.handlers.examples.origin import said_by_model
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.sheet import File, cut, sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core import money
from merlin.core.errors import MerlinError, NotFound
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.editing import FileText
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.preview import Preview, difference
from merlin.job.forecast import Forecast

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


async def look(kit: Kit, event: Event, make: Callable[[], Draft], note: str = "") -> None:
    """Show the proof of the draft that `make`, which reads rows, returns, and end the update."""
    try:
        draft = await kit.store.read(lambda: _made(kit, event, make))
        proof = await proved(kit, draft)
    except MerlinError as error:
        reason = error
        await reach.show(kit, event, lambda: reach.trouble(event, reason))
        return
    await reach.show(kit, event, lambda: _shown(kit, event, draft, proof, note))


def _made(kit: Kit, event: Event, make: Callable[[], Draft]) -> Draft:
    draft = make()
    reach.permitted(kit, event, draft.dataset)
    return draft


async def proved(kit: Kit, draft: Draft) -> Proof:
    """Return the proof of a draft. Raises NotFound for a dataset that is gone, Refused."""
    text_ = draft.written()
    shelf = await kit.store.read(lambda: _shelf(kit, draft, text_))
    proofs = kit.services.proofs
    edits = {shelf.path: text_}
    seen = await asyncio.to_thread(proofs.preview, draft.dataset, shelf.files, edits)
    build = await kit.store.read(lambda: kit.rows.library.newest_build(draft.dataset))
    return Proof(shelf.path, text_, shelf.old, seen, proofs.forecast(build, seen))


def _shelf(kit: Kit, draft: Draft, text_: str | None) -> _Shelf:
    library = kit.rows.library
    files = library.files(draft.dataset)
    if not files:
        raise NotFound("no such dataset", "admin-no-dataset")
    path = draft.path
    if not path:
        path = f"{EXAMPLES}{free_id(kit, draft, text_ or '')}.yaml"
    return _Shelf(files, path, library.text(draft.before) if draft.before else None)


def _shown(kit: Kit, event: Event, draft: Draft, proof: Proof, note: str) -> Screen:
    """Show the proof and wait for what the person makes of it."""
    reach.wait(kit, event, PROOF, draft, good=proof.is_savable)
    title = text(event.language, _title(draft), dataset=draft.dataset)
    name = draft.example_id or proof.path.removeprefix(EXAMPLES).removesuffix(".yaml")
    parts = [*finding_lines(event, proof.seen), price(event, proof), _verdict(event, proof)]
    if draft.proposal:
        note = "\n\n".join(filter(None, [note, said_by_model(kit, event, draft.proposal)]))
    rows = list(_rows(event, draft, proof))
    return sheet(title, note, name, *_files(proof), "\n".join(filter(None, parts)), rows=rows)


def _files(proof: Proof) -> Iterator[File]:
    """Yield the text and what leads to it from the one that lies there."""
    told = proof.old if proof.text is None else proof.text
    yield File(cut(told or "", _TEXT_LETTERS))
    if proof.old is not None and proof.text is not None:
        yield File(cut(_changed(proof.old, proof.text), _DIFF_LETTERS), "diff")


def _changed(old: str, new: str) -> str:
    """Return what leads from one text to the other, without names and numbers of lines."""
    lines = difference(old, new).split("\n")[3:]
    return "\n".join("⋯" if line.startswith("@@") else line for line in lines)


def _title(draft: Draft) -> str:
    if draft.is_gone:
        return "examples-proof-delete"
    if draft.change:
        return "examples-proof-conflict"
    if draft.proposal:
        return "examples-proof-proposal"
    return "examples-proof-edit" if draft.before else "examples-proof-new"


def _verdict(event: Event, proof: Proof) -> str:
    if proof.text == proof.old:
        return text(event.language, "examples-nothing-changed")
    return text(event.language, "examples-is-fine" if proof.seen.is_good else "examples-has-errors")


def finding_lines(event: Event, seen: Preview) -> list[str]:
    """Return the findings as lines, those at the edited files first."""
    found = [finding_line(event, each) for each in seen.findings]
    found += [finding_line(event, each, is_named=True) for each in seen.around]
    more = len(found) - MOST_FINDINGS
    shown = found[:MOST_FINDINGS]
    return [*shown, text(event.language, "examples-more", count=more)] if more > 0 else shown


def finding_line(event: Event, finding: Finding, *, is_named: bool = False) -> str:
    """Return a finding as one line; `is_named`: with the file that it stands at."""
    name = f"{finding.path.removeprefix(EXAMPLES)}: " if is_named else ""
    words = cut(finding.text(event.language), _FINDING_LETTERS)
    return f"{_SIGNS[finding.severity]} {name}{words}"


def price(event: Event, proof: Proof) -> str:
    """Return tokens and the price of the next training, "" where nobody knows."""
    return priced(event, sum(proof.seen.tokens.values()), proof.forecast)


def priced(event: Event, tokens: int, told: Forecast | None) -> str:
    """Return tokens and the price of the next training, "" where nobody knows."""
    if told is None:
        return ""
    about = {"tokens": tokens, "examples": told.examples}
    if told.cost_micro is None:
        return f"🧮 {text(event.language, 'did-change', **about)}"
    cost = money.shown(told.cost_micro, told.currency)
    return f"🧮 {text(event.language, 'did-change-price', **about, price=cost)}"


def _rows(event: Event, draft: Draft, proof: Proof) -> Iterator[tuple[Button, ...]]:
    if proof.is_savable:
        key, style = (
            ("examples-delete", "danger") if draft.is_gone else ("examples-save", "success")
        )
        if draft.proposal:
            key = "examples-approve"
        yield (to(event, key, "save", style=style),)
    if not draft.is_gone:
        yield (
            to(event, "examples-edit-question", "word", "q"),
            to(event, "examples-edit-answer", "word", "a"),
        )
        whole = () if draft.proposal else (to(event, "examples-edit-whole", "word", "y"),)
        yield (to(event, "examples-edit-tags", "word", "t"), *whole)
    if draft.proposal:
        yield (to(event, "examples-decline", "no", draft.proposal, style="danger"),)
    if len(proof.text or proof.old or "") > _TEXT_LETTERS:
        yield (to(event, "examples-as-file", "whole"),)
    yield leaving(event, *way_back(draft))


def way_back(draft: Draft) -> tuple[object, ...]:
    """Return where a draft's Back leads, as a button's words."""
    mark = panel.short(draft.dataset)
    if draft.proposal:
        return ("queue", 0)
    if draft.change:
        return ("change", draft.change)
    if draft.before:
        return ("one", mark, panel.short(draft.example_id))
    return ("tags",) if draft.turns else ("ds", mark)
