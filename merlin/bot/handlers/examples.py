"""/examples: datasets, their examples as a list and by words, one example, imports; all buttons.

    datasets -> dataset -> add | forward | find | list | import
                proof of a draft -> Save -> a Change, committed by the daemon
                a CSV or JSONL file -> what it would add -> Save: one commit
    review queue -> proof -> approve | decline
    changes under way -> conflict: mine | theirs | edit; committed: undo

Every button is `ex:<action>:…`; the draft lies in the dialog, so that a restart loses nothing. A
file to import lies with Telegram: what is saved is read again and judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from merlin.app import examples
from merlin.app.changes import DatasetFiles, count_open, read_files
from merlin.app.changes import save as save_changes
from merlin.app.examples import ExampleView, ImportView
from merlin.app.proposals import count_waiting
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext, Handler, add_handlers
from merlin.bot.handlers import admin, changes, example_draft, example_proof
from merlin.bot.handlers.admin import performer, to_admin_home
from merlin.bot.handlers.example_draft import fetch, slow_words_handler, words_handler
from merlin.bot.handlers.example_proof import (
    callback,
    chosen_dataset,
    chosen_example,
    commit_editor,
    dialog_value,
    editable_datasets,
    editor_handler,
    exit_row,
    finding_line,
    finding_lines,
    format_price,
    leave_dialog,
    require_editing,
    require_editing_here,
    saved_view,
    show_result,
    show_screen,
    to,
    wait_for,
)
from merlin.bot.menu import PAGE_SIZE, View
from merlin.core import i18n
from merlin.core.errors import MerlinError, Refused
from merlin.core.formatted_text import Button
from merlin.dataset.changes import MOST_AT_ONCE, Edit
from merlin.dataset.commit_message import format_subject, import_subject
from merlin.dataset.example import parse_example, question_preview
from merlin.dataset.files import DatasetCard
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.import_export import ImportedLine, ImportPlan, detect_format, read_import_lines
from merlin.dataset.layout import example_path


def examples_home(context: BotContext) -> View:
    """Show the datasets that the person may edit."""
    leave_dialog(context)
    found = editable_datasets(context)
    data, entry = callback("home"), partial(_dataset_button, context)
    rows = menu.list_rows(found, context.number(1), data, entry)
    title = context.translate("admin-examples")
    words = context.translate("examples-which" if found else "admin-no-datasets")
    return menu.card(title, words, rows=[*rows, _common(context), to_admin_home(context)])


def _dataset_button(context: BotContext, card: DatasetCard) -> Button:
    count = context.translate("examples-count", count=card.examples)
    return Button(
        f"{_titled(context, card)} · {count}",
        callback("ds", admin.short(card.name)),
    )


def _titled(context: BotContext, card: DatasetCard) -> str:
    return card.title.get(context.language) or card.name


def _common(context: BotContext) -> tuple[Button, ...]:
    """Return the buttons that lead to no dataset alone."""
    waiting = count_waiting(*performer(context))
    count = count_open(*performer(context))
    queue = context.translate("examples-queue", count=waiting)
    changes = context.translate("examples-changes-count", count=count)
    return (
        Button(queue, callback("queue", 0)),
        Button(changes, callback("changes", 0)),
    )


def show_dataset(context: BotContext) -> View:
    """Show one dataset and what can be done with its examples."""
    leave_dialog(context)
    name = chosen_dataset(context)
    card = next(each for each in editable_datasets(context) if each.name == name)
    mark = admin.short(name)
    flaws = examples.findings(*performer(context), name)
    rows = [
        (
            to(context, "examples-add", "add", mark),
            to(context, "examples-forward", "fwd", mark),
        ),
        (
            to(context, "examples-find", "find", mark),
            to(context, "examples-list", "list", mark, 0),
        ),
        (to(context, "examples-import", "import", mark),),
        (to(context, "examples-flaws", "flaws", mark, 0),) if flaws else (),
        _common(context),
        (to(context, "button-back", "home"),),
    ]
    count = context.translate("examples-count", count=card.examples)
    return menu.card(
        _titled(context, card), f"{name} · {count}", _health(context, flaws), rows=rows
    )


def _health(context: BotContext, found: Sequence[Finding]) -> str:
    """Return how many findings the dataset has."""
    errors = sum(each.severity is Severity.ERROR for each in found)
    warnings = sum(each.severity is Severity.WARNING for each in found)
    if not errors and not warnings:
        return context.translate("examples-no-findings")
    return context.translate("examples-findings", errors=errors, warnings=warnings)


FIND = "ex-find"
_LABEL = 48
_MOST_WORDS = 200
_MOST_FOUND = 80
_TEXT_LETTERS = 2600
_MOST_FINDINGS = 5
_MOST_VERSIONS = 10


def list_examples(context: BotContext) -> View:
    """Show a page of the examples, by id."""
    leave_dialog(context)
    name = chosen_dataset(context)
    page = min(context.number(2), 100_000)
    offset = page * PAGE_SIZE
    found = examples.recent(*performer(context), name, offset=offset, limit=PAGE_SIZE + 1)
    mark = admin.short(name)
    more = _page_buttons(callback("list", mark), page, found)
    words = context.translate("examples-list-words" if found else "examples-none")
    back = (to(context, "button-back", "ds", mark),)
    return menu.card(name, words, rows=[*_entries(found[:PAGE_SIZE]), *more, back])


def _page_buttons(data: str, page: int, found: Sequence[ExampleView]) -> tuple[menu.Row, ...]:
    """Return the row that turns over; one more was looked for than a page shows."""
    return menu.page_buttons(data, page, page * PAGE_SIZE + len(found))


def _entries(files: Sequence[ExampleView]) -> list[tuple[Button, ...]]:
    return [(Button(_label(each), _way(each)),) for each in files]


def _label(file: ExampleView) -> str:
    words = question_preview(file.text, _LABEL)
    return words or f"⛔ {menu.cut(escape_unprintable(file.id), _LABEL)}"


def _way(file: ExampleView) -> str:
    return callback("one", admin.short(file.dataset), admin.short(file.id))


def flaws(context: BotContext) -> View:
    """Show a page of what the check found in a dataset, with a way to each example."""
    leave_dialog(context)
    name = chosen_dataset(context)
    mark = admin.short(name)
    found = examples.findings(*performer(context), name)
    here, page = menu.paginate(found, context.number(2))
    ids = examples.ids(*performer(context), name)
    known = {escape_unprintable(example_path(each)): each for each in ids}
    paths = dict.fromkeys(each.path for each in here if each.path in known)
    links = [
        (
            Button(
                menu.cut(escape_unprintable(each), _LABEL),
                callback("one", mark, admin.short(each)),
            ),
        )
        for each in map(known.__getitem__, paths)
    ]
    lines = "\n".join(finding_line(context, each, is_named=True) for each in here)
    more = menu.page_buttons(callback("flaws", mark), page, len(found))
    title = f"{context.translate('examples-flaws')} · {name}"
    none = context.translate("examples-no-findings")
    back = (to(context, "button-back", "ds", mark),)
    return menu.card(title, lines or none, rows=[*links, *more, back])


def ask_find(context: BotContext) -> View:
    """Ask for words to search by."""
    name = chosen_dataset(context)
    wait_for(context, FIND, None, dataset=name)
    words = context.translate("examples-ask-find", dataset=name)
    return menu.card(
        context.translate("examples-find"), words, rows=[exit_row(context, "ds", admin.short(name))]
    )


async def find_examples(context: BotContext, words: str) -> None:
    """Search by the words that were written."""
    await _search(context, str(dialog_value(context, "dataset") or ""), words[:_MOST_WORDS], 0)


async def show_found(context: BotContext) -> None:
    """Show another page of what was found."""
    name, words = (
        dialog_value(context, "dataset"),
        dialog_value(context, "words"),
    )
    if not name or not words:
        await show_screen(context, lambda: admin.admin_refusal(context))
        return
    await _search(context, str(name), str(words), context.number(1))


async def _search(context: BotContext, name: str, words: str, page: int) -> None:
    # A long shelf takes a while to look through: not in the thread that writes.
    page = min(page, _MOST_FOUND // PAGE_SIZE - 1)
    most = (page + 1) * PAGE_SIZE + 1
    files = await context.store.read(
        lambda: examples.find(*performer(context), words, name, limit=most)
    )
    here = files[page * PAGE_SIZE :]

    def act() -> View:
        require_editing(context, name)
        wait_for(context, FIND, None, dataset=name, words=words)
        more = _page_buttons(callback("found"), page, here)
        key = "examples-found" if files else "examples-found-none"
        said = context.translate(key, words=menu.cut(" ".join(words.split()), 80))
        title = context.translate("examples-find")
        back = exit_row(context, "ds", admin.short(name))
        return menu.card(title, said, rows=[*_entries(here[:PAGE_SIZE]), *more, back])

    await show_screen(context, act)


def show_example(context: BotContext) -> View:
    """Show one example: its text, what taught it, what is wrong with it."""
    leave_dialog(context)
    file = chosen_example(context)
    mark, name = admin.short(file.dataset), admin.short(file.id)
    told = menu.CodeBlock(
        menu.cut(file.text or context.translate("examples-no-text"), _TEXT_LETTERS)
    )
    row = [
        to(context, "examples-edit-question", "edit", mark, name, "q"),
        to(context, "examples-edit-answer", "edit", mark, name, "a"),
    ]
    rows = [
        tuple(row) if parse_example(file.text) else (),
        (to(context, "examples-edit-whole", "edit", mark, name, "y"),),
        (
            to(context, "examples-history", "past", mark, name),
            to(context, "examples-delete-ask", "del", mark, name, style="danger"),
        ),
        (
            to(context, "examples-to-list", "list", mark, 0),
            to(context, "button-back", "ds", mark),
        ),
    ]
    parts = [_lineage(context, file), *_findings(context, file)]
    title = f"{file.dataset} · {escape_unprintable(file.id)}"
    return menu.card(title, told, "\n".join(filter(None, parts)), rows=rows)


def show_history(context: BotContext) -> View:
    """Show who wrote an example when, as far as commits were seen."""
    file = chosen_example(context)
    versions = examples.versions(*performer(context), file.dataset, file.id)
    zone = context.zone
    lines = [
        context.translate(
            "examples-history-line",
            at=i18n.format_moment_briefly(each.at, zone, context.language),
            author=each.author,
            subject=menu.cut(format_subject(each.subject, context.language), _LABEL),
            commit=each.commit[:10],
        )
        for each in versions[:_MOST_VERSIONS]
    ]
    if len(versions) > _MOST_VERSIONS:
        lines.append(context.translate("examples-more", count=len(versions) - _MOST_VERSIONS))
    title = f"{context.translate('examples-history')} · {escape_unprintable(file.id)}"
    hint = context.translate("examples-history-words" if lines else "examples-history-none")
    back = callback("one", admin.short(file.dataset), admin.short(file.id))
    return menu.card(title, "\n".join(lines), hint, rows=menu.rows(context, menu.back(back)))


def _lineage(context: BotContext, file: ExampleView) -> str:
    """Return which builds hold the example."""
    builds = examples.builds_with(*performer(context), file.dataset, file.id)
    if builds is None:
        return context.translate("examples-untaught")
    first, last = builds
    blob = file.revision[:10]
    return context.translate("examples-taught", first=first, last=last, blob=blob)


def _findings(context: BotContext, file: ExampleView) -> list[str]:
    mine = [
        each
        for each in examples.findings(*performer(context), file.dataset)
        if each.path == escape_unprintable(file.path)
    ]
    return [f"• {menu.cut(each.text(context.language), 160)}" for each in mine[:_MOST_FINDINGS]]


IMPORT = "ex-import"
MOST_BYTES = 5_000_000
_MOST_TOLD = 10
_MOST_ADDED = 5
_LETTERS = 160


def ask_import(context: BotContext) -> View:
    """Ask for a file."""
    return _asks(context, chosen_dataset(context), "")


def _asks(context: BotContext, name: str, note: str) -> View:
    wait_for(context, IMPORT, None, dataset=name)
    title = context.translate("examples-import-title", dataset=name)
    words = context.translate("examples-ask-file", megabytes=MOST_BYTES // 1_000_000)
    return menu.card(title, note, words, rows=[exit_row(context, "ds", admin.short(name))])


async def import_sent(context: BotContext) -> None:
    """Read the file that was sent, and show what it would add."""
    name = str(dialog_value(context, "dataset") or "")
    if context.sent is None or context.sent.kind != "document":
        note = context.translate("examples-file-wanted")
        await show_screen(context, lambda: _again(context, name, note))
        return
    file = {"id": context.sent.file_id, "name": context.sent.name}
    try:
        plan = await _plan(context, name, file)
    except MerlinError as error:
        note = context.translate(error.key, **error.arguments)
        await show_screen(context, lambda: _again(context, name, note))
        return
    await show_screen(context, lambda: _import_view(context, plan, file))


def _again(context: BotContext, name: str, note: str) -> View:
    """Say what was wrong with a message; the file that was shown before still can be saved."""
    require_editing(context, name)
    rows = [exit_row(context, "ds", admin.short(name))]
    if dialog_value(context, "file"):
        return menu.card(
            note, rows=[(to(context, "examples-save", "take", style="success"),), *rows]
        )
    return menu.card(note, rows=rows)


async def _plan(context: BotContext, name: str, file: dict[str, Any]) -> ImportView:
    """Return what a file would add. Raises NotFound, Refused."""
    ctx = context.services

    def read() -> DatasetFiles:
        require_editing_here(context, name)
        return read_files(ctx, admin.actor(context), name)

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
    name = require_editing(context, plan.dataset)
    wait_for(context, IMPORT, None, dataset=name, file=file)
    counts = context.translate(
        "examples-import-counts",
        lines=plan.lines,
        taken=len(good),
        duplicates=len(plan.duplicates),
        rejected=plan.rejected,
    )
    label = context.translate("examples-save-many", count=len(good))
    save = (Button(label, callback("take"), style="success"),) if good else ()
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
        str(dialog_value(context, "dataset") or ""),
        dialog_value(context, "file"),
    )
    if context.dialog is None or context.dialog.step != IMPORT or not file:
        await show_screen(context, lambda: admin.admin_refusal(context))
        return
    plan = _plan(context, name, file)
    await show_result(context, plan, lambda found: _saved(context, found))


def _saved(context: BotContext, found: ImportView) -> View:
    name, good = require_editing(context, found.plan.dataset), found.edits
    if not good:
        raise Refused("nothing new", "examples-import-nothing")
    ctx, line = context.services, import_subject(len(good), name)
    editor = commit_editor(context)
    save_changes(ctx, admin.actor(context), name, good, line, editor=editor)
    leave_dialog(context)
    return saved_view(context, name)


# What a button does, by the word behind `ex:`.
ACTIONS: Mapping[str, Handler] = {
    "home": editor_handler(examples_home),
    "ds": editor_handler(show_dataset),
    "add": editor_handler(example_draft.add),
    "turn": editor_handler(example_draft.turn),
    "turns": editor_handler(example_draft.turns),
    "unturn": editor_handler(example_draft.unturn),
    "tags": editor_handler(example_draft.tags),
    "look": example_draft.show_draft,
    "word": editor_handler(example_draft.ask_words),
    "untag": example_draft.untag,
    "whole": editor_handler(example_draft.whole_file),
    "save": editor_handler(example_proof.save),
    "list": editor_handler(list_examples),
    "flaws": editor_handler(flaws),
    "find": editor_handler(ask_find),
    "found": show_found,
    "one": editor_handler(show_example),
    "past": editor_handler(show_history),
    "edit": editor_handler(example_draft.edit),
    "del": example_draft.delete,
    "fwd": editor_handler(example_draft.collect),
    "picks": editor_handler(example_draft.picks),
    "pick": editor_handler(example_draft.pick),
    "picked": example_draft.show_picked,
    "import": editor_handler(ask_import),
    "take": take_import,
    "queue": editor_handler(changes.queue),
    "prop": changes.proposal,
    "no": editor_handler(changes.ask_reason),
    "no-yes": editor_handler(changes.decline),
    "changes": editor_handler(changes.list_changes),
    "change": editor_handler(changes.change),
    "mine": editor_handler(changes.mine),
    "theirs": editor_handler(changes.theirs),
    "mend": changes.mend,
    "retry": editor_handler(changes.retry),
    "drop": editor_handler(changes.ask_drop),
    "drop-yes": editor_handler(changes.drop),
    "undo": changes.undo,
    "undo-yes": editor_handler(changes.undo_confirmed),
}


async def pressed(context: BotContext) -> None:
    """Do what a button says."""
    action = context.argument(0)
    home_ = "home" if action in {"", admin.ANEW} else action
    await ACTIONS.get(home_, _old)(context)


async def _old(context: BotContext) -> None:
    await context.show(lambda: admin.admin_refusal(context))


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"examples": editor_handler(examples_home)},
        buttons={example_proof.VERB: pressed},
        steps={
            example_draft.QUESTION: words_handler(example_draft.question),
            example_draft.ANSWER: words_handler(example_draft.answer),
            example_draft.TURNS: editor_handler(example_draft.ask_for_button_again),
            example_draft.TAGS: slow_words_handler(example_draft.take_tags),
            example_proof.PROOF: example_draft.ask_for_button,
            example_draft.REWORD: slow_words_handler(example_draft.take_words),
            FIND: slow_words_handler(find_examples),
            example_draft.PICK: editor_handler(example_draft.take_forwarded),
            IMPORT: import_sent,
            changes.DECLINE: words_handler(changes.decline_with_reason),
        },
    )
