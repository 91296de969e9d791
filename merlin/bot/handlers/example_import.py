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

from merlin.app import changes, examples
from merlin.app.changes import DatasetFiles
from merlin.app.examples import ImportView
from merlin.bot import menu
from merlin.bot.context import BotContext, Handler
from merlin.bot.handlers import admin, example_access
from merlin.bot.handlers.example_access import (
    error_view,
    exit_row,
    to,
    with_current_dialog,
)
from merlin.bot.handlers.example_save import finding_lines, format_price, saved_view
from merlin.bot.menu import View
from merlin.core.errors import MerlinError, Refused
from merlin.core.formatted_text import Button
from merlin.dataset.changes import MOST_AT_ONCE, Edit, import_subject
from merlin.dataset.example_yaml import question_preview
from merlin.dataset.import_export import ImportedLine, ImportPlan, detect_format, read_import_lines
from merlin.dataset.layout import Limits

# More than any provider takes as one example.
MOST_LETTERS = 200_000
# What is done with the words, in the transaction that shows its screen.
TakeWords = Callable[[BotContext, str], View]
# The same for what takes longer; ends the update itself.
TakeWordsSlowly = Callable[[BotContext, str], Awaitable[None]]


def words_handler(take: TakeWords) -> Handler:
    """Return the handler of a step that waits for words."""

    async def show(context: BotContext, words: str) -> None:
        await example_access.show(context, lambda: take(with_current_dialog(context), words))

    return slow_words_handler(show)


def slow_words_handler(take: TakeWordsSlowly) -> Handler:
    """Return the handler of a step that waits for words; without them the person is told so."""

    async def handle(context: BotContext) -> None:
        try:
            words = await read_words(context)
        except MerlinError as error:
            reason = error
            await example_access.show(context, lambda: hint(context, reason))
            return
        await take(context, words)

    return handle


def hint(context: BotContext, error: MerlinError) -> View:
    """Return what is wrong with a message; the dialog waits on."""
    return error_view(context, error, (menu.button(context, "button-cancel", "cancel"),))


async def read_words(context: BotContext) -> str:
    """Return the words of a message or of a text file. Raises Refused for anything else."""
    words = context.text
    if context.sent is not None:
        if context.sent.kind != "document":
            raise Refused("no words", "examples-words-wanted")
        words = _decoded(await fetch(context, context.sent.file_id, Limits().file_bytes))
    if not words.strip():
        raise Refused("no words", "examples-words-wanted")
    if len(words) > MOST_LETTERS:
        raise Refused("too long", "examples-too-long", most=MOST_LETTERS)
    return words


async def fetch(context: BotContext, file_id: str, limit_bytes: int) -> bytes:
    """Return a file by its id. Raises Refused where it cannot be had."""
    try:
        return await context.bot_data.files.fetch(file_id, limit_bytes)
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


def ask_import(context: BotContext) -> View:
    """Ask for a file."""
    return _asks(context, example_access.dataset(context), "")


def _asks(context: BotContext, name: str, note: str) -> View:
    example_access.wait(context, IMPORT, None, dataset=name)
    title = context.translate("examples-import-title", dataset=name)
    words = context.translate("examples-ask-file", megabytes=MOST_BYTES // 1_000_000)
    return menu.card(title, note, words, rows=[exit_row(context, "ds", admin.short(name))])


async def import_sent(context: BotContext) -> None:
    """Read the file that was sent, and show what it would add."""
    name = str(example_access.dialog_value(context, "dataset") or "")
    if context.sent is None or context.sent.kind != "document":
        note = context.translate("examples-file-wanted")
        await example_access.show(context, lambda: _again(context, name, note))
        return
    file = {"id": context.sent.file_id, "name": context.sent.name}
    try:
        plan = await _plan(context, name, file)
    except MerlinError as error:
        note = context.translate(error.key, **error.arguments)
        await example_access.show(context, lambda: _again(context, name, note))
        return
    await example_access.show(context, lambda: _import_view(context, plan, file))


def _again(context: BotContext, name: str, note: str) -> View:
    """Say what was wrong with a message; the file that was shown before still can be saved."""
    example_access.require_editing(context, name)
    rows = [exit_row(context, "ds", admin.short(name))]
    if example_access.dialog_value(context, "file"):
        return menu.card(
            note, rows=[(to(context, "examples-save", "take", style="success"),), *rows]
        )
    return menu.card(note, rows=rows)


async def _plan(context: BotContext, name: str, file: dict[str, Any]) -> ImportView:
    """Return what a file would add. Raises NotFound, Refused."""
    ctx = context.services

    def read() -> DatasetFiles:
        example_access.require_editing_here(context, name)
        return changes.read_files(ctx, admin.actor(context), name)

    files = await context.store.read(read)
    content = await fetch(context, str(file["id"]), MOST_BYTES)
    lines = await asyncio.to_thread(_lines, str(file["name"]), content)
    return await asyncio.to_thread(examples.plan, ctx, files, lines)


def _lines(name: str, content: bytes) -> list[ImportedLine]:
    lines = read_import_lines(content, detect_format(name, content))
    if len(lines) > MOST_AT_ONCE:
        raise Refused("too many lines", "change-count", count=len(lines), limit=MOST_AT_ONCE)
    return lines


def _import_view(context: BotContext, found: ImportView, file: dict[str, Any]) -> View:
    """Show what would come of it, and wait for a yes or for another file."""
    plan, good = found.plan, found.edits
    name = example_access.require_editing(context, plan.dataset)
    example_access.wait(context, IMPORT, None, dataset=name, file=file)
    counts = context.translate(
        "examples-import-counts",
        lines=plan.lines,
        taken=len(good),
        duplicates=len(plan.duplicates),
        rejected=plan.rejected,
    )
    label = context.translate("examples-save-many", count=len(good))
    save = (Button(label, example_access.data("take"), style="success"),) if good else ()
    title = context.translate("examples-import-title", dataset=name)
    around = "\n".join(finding_lines(context, replace(found.preview, findings=())))
    parts = [_added(context, good), "\n".join(_line_reports(context, plan)), around]
    rows = [save, exit_row(context, "ds", admin.short(name))]
    price = format_price(context, found.preview) if good else ""
    return menu.card(title, counts, *parts, price, rows=rows)


def _added(context: BotContext, good: Sequence[Edit]) -> str:
    """Return the questions of the first examples that would be new."""
    lines = [f"➕ {question_preview(each.text)}" for each in good[:_MOST_ADDED]]
    if len(good) > _MOST_ADDED:
        lines.append(context.translate("examples-more", count=len(good) - _MOST_ADDED))
    return "\n".join(lines)


def _line_reports(context: BotContext, plan: ImportPlan) -> Iterator[str]:
    """Yield the first lines that something is wrong with or that are known."""
    found = [(line, each.text(context.language)) for line, each in plan.findings]
    found += [
        (line, context.translate("import-duplicate", other=_other(context, known)))
        for line, known in plan.duplicates.items()
    ]
    for line, words in sorted(found)[:_MOST_TOLD]:
        yield menu.cut(context.translate("examples-import-line", line=line, words=words), _LETTERS)
    if len(found) > _MOST_TOLD:
        yield context.translate("examples-more", count=len(found) - _MOST_TOLD)


def _other(context: BotContext, known: str) -> str:
    """Return what says the same: a path, or another line of the file."""
    number = known.removeprefix("line ")
    return context.translate("examples-line", line=number) if number.isdecimal() else known


async def take_import(context: BotContext) -> None:
    """Ask for the commit of all that is good in the file that was shown."""
    name, file = (
        str(example_access.dialog_value(context, "dataset") or ""),
        example_access.dialog_value(context, "file"),
    )
    if context.dialog is None or context.dialog.step != IMPORT or not file:
        await example_access.show(context, lambda: admin.admin_refusal(context))
        return
    try:
        plan = await _plan(context, name, file)
    except MerlinError as error:
        reason = error
        await example_access.show(context, lambda: example_access.error_view(context, reason))
        return
    await example_access.show(context, lambda: _saved(context, plan))


def _saved(context: BotContext, found: ImportView) -> View:
    name, good = example_access.require_editing(context, found.plan.dataset), found.edits
    if not good:
        raise Refused("nothing new", "examples-import-nothing")
    ctx, line = context.services, import_subject(len(good), name)
    editor = example_access.editor(context)
    changes.save(ctx, admin.actor(context), name, good, line, editor=editor)
    example_access.leave(context)
    return saved_view(context, name)
