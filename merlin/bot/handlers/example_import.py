"""Examples from a CSV or JSONL file, all in one commit; a long message sent as a file.

    a document (a step) -> what it would add -> Save

Between both the file lies with Telegram: what is saved is read again and judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from telegram.error import NetworkError

from merlin.bot.context import Event, Handler, Kit
from merlin.bot.handlers import admin, example_access
from merlin.bot.handlers.example_access import fresh, judged, leaving, to, trouble
from merlin.bot.handlers.example_save import asked, finding_lines, priced, saved
from merlin.bot.menu import Screen, cut, sheet
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.dataset.changes import MOST_AT_ONCE, Edit, import_subject, make_changes
from merlin.dataset.example_yaml import question_preview
from merlin.dataset.finding import Severity, escape_unprintable
from merlin.dataset.import_export import ImportedLine, ImportPlan, detect_format, read_import_lines
from merlin.dataset.layout import Limits

# More than any provider takes as one example.
MOST_LETTERS = 200_000
# What is done with the words, in the transaction that shows its screen.
Listen = Callable[[Kit, Event, str], Screen]
# The same for what takes longer; ends the update itself.
Lead = Callable[[Kit, Event, str], Awaitable[None]]


def listening(listen: Listen) -> Handler:
    """Return the handler of a step that waits for words."""

    async def lead(kit: Kit, event: Event, words: str) -> None:
        await kit.show(
            event, lambda: judged(kit, event, lambda: listen(kit, fresh(kit, event), words))
        )

    return leading(lead)


def leading(lead: Lead) -> Handler:
    """Return the handler of a step that waits for words; without them the person is told so."""

    async def handle(kit: Kit, event: Event) -> None:
        try:
            words = await typed(kit, event)
        except MerlinError as error:
            reason = error
            await kit.show(event, lambda: judged(kit, event, lambda: hint(event, reason)))
            return
        await lead(kit, event, words)

    return handle


def hint(event: Event, error: MerlinError) -> Screen:
    """Return what is wrong with a message; the dialog waits on."""
    return trouble(event, error, (Button(text(event.language, "button-cancel"), "cancel"),))


async def typed(kit: Kit, event: Event) -> str:
    """Return the words of a message or of a text file. Raises Refused for anything else."""
    words = event.text
    if event.sent is not None:
        if event.sent.kind != "document":
            raise Refused("no words", "examples-words-wanted")
        words = _decoded(await fetch(kit, event.sent.file_id, Limits().file_bytes))
    if not words.strip():
        raise Refused("no words", "examples-words-wanted")
    if len(words) > MOST_LETTERS:
        raise Refused("too long", "examples-too-long", most=MOST_LETTERS)
    return words


async def fetch(kit: Kit, file_id: str, limit_bytes: int) -> bytes:
    """Return a file by its id. Raises Refused where it cannot be had."""
    try:
        return await kit.files.fetch(file_id, limit_bytes)
    except NetworkError:
        raise Refused("Telegram hands no file out", "media-not-fetched") from None


def _decoded(content: bytes) -> str:
    try:
        found = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("no text", "examples-words-wanted") from None
    if "\0" in found:
        raise Refused("no text", "examples-words-wanted")
    return found


IMPORT = "ex-import"
MOST_BYTES = 5_000_000
_MOST_TOLD = 10
_MOST_ADDED = 5
_LETTERS = 160


def ask_import(kit: Kit, event: Event) -> Screen:
    """Ask for a file."""
    return _asks(kit, event, example_access.dataset(kit, event), "")


def _asks(kit: Kit, event: Event, name: str, note: str) -> Screen:
    example_access.wait(kit, event, IMPORT, None, dataset=name)
    title = text(event.language, "examples-import-title", dataset=name)
    words = text(event.language, "examples-ask-file", megabytes=MOST_BYTES // 1_000_000)
    return sheet(title, note, words, rows=[leaving(event, "ds", admin.short(name))])


async def import_sent(kit: Kit, event: Event) -> None:
    """Read the file that was sent, and show what it would add."""
    name = str(example_access.kept(event, "dataset") or "")
    if event.sent is None or event.sent.kind != "document":
        note = text(event.language, "examples-file-wanted")
        await example_access.show(kit, event, lambda: _again(kit, event, name, note))
        return
    file = {"id": event.sent.file_id, "name": event.sent.name}
    try:
        plan = await _plan(kit, event, name, file)
    except MerlinError as error:
        note = text(event.language, error.key, **error.arguments)
        await example_access.show(kit, event, lambda: _again(kit, event, name, note))
        return
    await example_access.show(kit, event, lambda: _shown(kit, event, plan, file))


def _again(kit: Kit, event: Event, name: str, note: str) -> Screen:
    """Say what was wrong with a message; the file that was shown before still can be saved."""
    example_access.checked(kit, event, name)
    rows = [leaving(event, "ds", admin.short(name))]
    if example_access.kept(event, "file"):
        return sheet(note, rows=[(to(event, "examples-save", "take", style="success"),), *rows])
    return sheet(note, rows=rows)


async def _plan(kit: Kit, event: Event, name: str, file: dict[str, Any]) -> ImportPlan:
    """Return what a file would add. Raises NotFound, Refused."""
    await kit.store.read(lambda: example_access.permitted(kit, event, name))
    content = await fetch(kit, str(file["id"]), MOST_BYTES)
    files = await kit.store.read(lambda: kit.rows.library.files(name))
    if not files:
        raise NotFound("no such dataset", "admin-no-dataset")

    def work() -> ImportPlan:
        return kit.services.proofs.plan(name, files, _lines(str(file["name"]), content))

    return await asyncio.to_thread(work)


def _lines(name: str, content: bytes) -> list[ImportedLine]:
    lines = read_import_lines(content, detect_format(name, content))
    if len(lines) > MOST_AT_ONCE:
        raise Refused("too many lines", "change-count", count=len(lines), limit=MOST_AT_ONCE)
    return lines


def _good(plan: ImportPlan) -> list[Edit]:
    """Return the edits that have no error."""
    bad = {each.path for each in plan.seen.findings if each.severity is Severity.ERROR}
    return [each for each in plan.edits if escape_unprintable(each.path) not in bad]


def _shown(kit: Kit, event: Event, plan: ImportPlan, file: dict[str, Any]) -> Screen:
    """Show what would come of it, and wait for a yes or for another file."""
    name = example_access.checked(kit, event, plan.dataset)
    example_access.wait(kit, event, IMPORT, None, dataset=name, file=file)
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
    save = (Button(label, example_access.data("take"), style="success"),) if good else ()
    title = text(event.language, "examples-import-title", dataset=name)
    parts = [_added(event, good), "\n".join(_told(event, plan)), _around(event, plan)]
    rows = [save, leaving(event, "ds", admin.short(name))]
    return sheet(title, counts, *parts, price if good else "", rows=rows)


def _added(event: Event, good: Sequence[Edit]) -> str:
    """Return the questions of the first examples that would be new."""
    lines = [f"➕ {question_preview(each.text)}" for each in good[:_MOST_ADDED]]
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


async def take_import(kit: Kit, event: Event) -> None:
    """Ask for the commit of all that is good in the file that was shown."""
    name, file = (
        str(example_access.kept(event, "dataset") or ""),
        example_access.kept(event, "file"),
    )
    if event.dialog is None or event.dialog.step != IMPORT or not file:
        await example_access.show(kit, event, lambda: admin.admin_refusal(event))
        return
    try:
        plan = await _plan(kit, event, name, file)
    except MerlinError as error:
        reason = error
        await example_access.show(kit, event, lambda: example_access.trouble(event, reason))
        return
    await example_access.show(kit, event, lambda: _saved(kit, event, plan))


def _saved(kit: Kit, event: Event, plan: ImportPlan) -> Screen:
    name, good = example_access.checked(kit, event, plan.dataset), _good(plan)
    if not good:
        raise Refused("nothing new", "examples-import-nothing")
    line = import_subject(len(good), name)
    kit.rows.changes.put(make_changes(name, good, asked(kit, event), line))
    example_access.leave(kit, event)
    return saved(kit, event, name)
