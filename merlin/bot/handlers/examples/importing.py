"""Importing: examples from a CSV or JSONL file, all of them in one commit.

    a document (a step) -> what it would add -> Save

Between both the file lies with Telegram: what is saved is read again and judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.proof import finding_lines, priced
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.saving import asked, saved
from merlin.bot.handlers.examples.sheet import cut, sheet
from merlin.bot.handlers.examples.words import fetch
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.change import MOST_AT_ONCE, Edit, changes_of
from merlin.dataset.finding import Severity, printable
from merlin.dataset.import_plan import ImportPlan
from merlin.dataset.importing import Imported, format_of, read_lines
from merlin.dataset.rewording import first_words
from merlin.dataset.subject import of_import

IMPORT = "ex-import"
MOST_BYTES = 5_000_000
_MOST_TOLD = 10
_MOST_ADDED = 5
_LETTERS = 160


def ask(kit: Kit, event: Event) -> Screen:
    """Ask for a file."""
    return _asks(kit, event, reach.dataset(kit, event), "")


def _asks(kit: Kit, event: Event, name: str, note: str) -> Screen:
    reach.wait(kit, event, IMPORT, None, dataset=name)
    title = text(event.language, "examples-import-title", dataset=name)
    words = text(event.language, "examples-ask-file", megabytes=MOST_BYTES // 1_000_000)
    return sheet(title, note, words, rows=[leaving(event, "ds", panel.short(name))])


async def sent(kit: Kit, event: Event) -> None:
    """Read the file that was sent, and show what it would add."""
    name = str(reach.kept(event, "dataset") or "")
    if event.sent is None or event.sent.kind != "document":
        note = text(event.language, "examples-file-wanted")
        await reach.show(kit, event, lambda: _again(kit, event, name, note))
        return
    file = {"id": event.sent.file_id, "name": event.sent.name}
    try:
        plan = await _plan(kit, event, name, file)
    except MerlinError as error:
        note = text(event.language, error.key, **error.arguments)
        await reach.show(kit, event, lambda: _again(kit, event, name, note))
        return
    await reach.show(kit, event, lambda: _shown(kit, event, plan, file))


def _again(kit: Kit, event: Event, name: str, note: str) -> Screen:
    """Say what was wrong with a message; the file that was shown before still can be saved."""
    reach.checked(kit, event, name)
    rows = [leaving(event, "ds", panel.short(name))]
    if reach.kept(event, "file"):
        return sheet(note, rows=[(to(event, "examples-save", "take", style="success"),), *rows])
    return sheet(note, rows=rows)


async def _plan(kit: Kit, event: Event, name: str, file: dict[str, Any]) -> ImportPlan:
    """Return what a file would add. Raises NotFound, Refused."""
    await kit.store.read(lambda: reach.permitted(kit, event, name))
    content = await fetch(kit, str(file["id"]), MOST_BYTES)
    files = await kit.store.read(lambda: kit.rows.library.files(name))
    if not files:
        raise NotFound("no such dataset", "admin-no-dataset")

    def work() -> ImportPlan:
        return kit.services.proofs.plan(name, files, _lines(str(file["name"]), content))

    return await asyncio.to_thread(work)


def _lines(name: str, content: bytes) -> list[Imported]:
    lines = read_lines(content, format_of(name, content))
    if len(lines) > MOST_AT_ONCE:
        raise Refused("too many lines", "change-count", count=len(lines), limit=MOST_AT_ONCE)
    return lines


def _good(plan: ImportPlan) -> list[Edit]:
    """Return the edits that have no error."""
    bad = {each.path for each in plan.seen.findings if each.severity is Severity.ERROR}
    return [each for each in plan.edits if printable(each.path) not in bad]


def _shown(kit: Kit, event: Event, plan: ImportPlan, file: dict[str, Any]) -> Screen:
    """Show what would come of it, and wait for a yes or for another file."""
    name = reach.checked(kit, event, plan.dataset)
    reach.wait(kit, event, IMPORT, None, dataset=name, file=file)
    good = _good(plan)
    counts = text(
        event.language,
        "examples-import-counts",
        lines=plan.lines,
        taken=len(good),
        duplicates=len(plan.duplicates),
        rejected=plan.rejected,
    )
    forecast = kit.services.proofs.forecast(kit.rows.library.newest_build(name), plan.seen)
    price = priced(event, sum(plan.seen.tokens.values()), forecast)
    label = text(event.language, "examples-save-many", count=len(good))
    save = (Button(label, reach.data("take"), style="success"),) if good else ()
    title = text(event.language, "examples-import-title", dataset=name)
    parts = [_added(event, good), "\n".join(_told(event, plan)), _around(event, plan)]
    rows = [save, leaving(event, "ds", panel.short(name))]
    return sheet(title, counts, *parts, price if good else "", rows=rows)


def _added(event: Event, good: Sequence[Edit]) -> str:
    """Return the questions of the first examples that would be new."""
    lines = [f"➕ {first_words(each.text)}" for each in good[:_MOST_ADDED]]
    if len(good) > _MOST_ADDED:
        lines.append(text(event.language, "examples-more", count=len(good) - _MOST_ADDED))
    return "\n".join(lines)


def _around(event: Event, plan: ImportPlan) -> str:
    """Return what the import would do to examples that lie there already."""
    return "\n".join(finding_lines(event, replace(plan.seen, findings=())))


def _told(event: Event, plan: ImportPlan) -> Iterator[str]:
    """Yield the first lines that something is wrong with or that are known."""
    found = [(line, each.text(event.language)) for line, each in plan.findings]
    found += [
        (line, text(event.language, "import-duplicate", other=_other(event, known)))
        for line, known in plan.duplicates.items()
    ]
    for line, words in sorted(found)[:_MOST_TOLD]:
        yield cut(text(event.language, "examples-import-line", line=line, words=words), _LETTERS)
    if len(found) > _MOST_TOLD:
        yield text(event.language, "examples-more", count=len(found) - _MOST_TOLD)


def _other(event: Event, known: str) -> str:
    """Return what says the same: a path, or another line of the file."""
    number = known.removeprefix("line ")
    return text(event.language, "examples-line", line=number) if number.isdecimal() else known


async def take(kit: Kit, event: Event) -> None:
    """Ask for the commit of all that is good in the file that was shown."""
    name, file = str(reach.kept(event, "dataset") or ""), reach.kept(event, "file")
    if event.dialog is None or event.dialog.step != IMPORT or not file:
        await reach.show(kit, event, lambda: panel.refusal(event))
        return
    try:
        plan = await _plan(kit, event, name, file)
    except MerlinError as error:
        reason = error
        await reach.show(kit, event, lambda: reach.trouble(event, reason))
        return
    await reach.show(kit, event, lambda: _saved(kit, event, plan))


def _saved(kit: Kit, event: Event, plan: ImportPlan) -> Screen:
    name, good = reach.checked(kit, event, plan.dataset), _good(plan)
    if not good:
        raise Refused("nothing new", "examples-import-nothing")
    line = of_import(len(good), name)
    kit.rows.changes.put(changes_of(name, good, asked(kit, event), line))
    reach.leave(kit, event)
    return saved(kit, event, name)
