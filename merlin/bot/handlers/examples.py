"""/examples: datasets, their examples as a list and by words, one example, imports; all buttons.

    datasets -> dataset -> add | forward | find | list | import | unanswered
                proof of a draft -> Save -> a Change, committed by the daemon
                a CSV, XLSX or JSON file -> what it would add -> Save: one commit
    review queue -> proof -> approve | decline; several at once
    changes under way -> conflict: mine | theirs | edit; committed: undo

Every button is `ex:<action>:…`; the draft lies in the dialog, so that a restart loses nothing. A
file to import lies with Telegram: what is saved is read again and judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import BufferedReader, BytesIO
from typing import Any

from merlin.app import examples
from merlin.app.changes import DatasetFiles, PreviewView, count_open, read_files
from merlin.app.changes import save as save_changes
from merlin.app.examples import ExampleView
from merlin.app.proposals import count_waiting
from merlin.bot import menu
from merlin.bot.context import Act, BotContext, Handler
from merlin.bot.handlers import (
    admin,
    changes,
    example_draft,
    example_proof,
)
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.example_draft import ask_field, reword_draft, text_handler
from merlin.bot.handlers.example_proof import (
    Draft,
    ask,
    chosen_card,
    chosen_dataset,
    chosen_example,
    commit_editor,
    current_draft,
    dataset_title,
    dialog_value,
    draft_of,
    draft_of_example,
    editable_datasets,
    editor_handler,
    finding_line,
    finding_lines,
    format_price,
    leave_dialog,
    proof_handler,
    require_editing,
    require_editing_here,
    saved_view,
    show_screen,
    titled,
)
from merlin.bot.handlers.prompts import fetch
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers, admin_refusal
from merlin.core.errors import MerlinError, Refused
from merlin.core.formatted_text import Button
from merlin.dataset.changes import Edit
from merlin.dataset.commit_message import format_subject, import_subject
from merlin.dataset.drafts import is_table, read_pasted
from merlin.dataset.example import parse_example, question_preview
from merlin.dataset.files import DatasetCard
from merlin.dataset.finding import Severity, escape_unprintable, shorten
from merlin.dataset.import_lines import read_import_lines
from merlin.dataset.import_plan import ImportPlan, Place
from merlin.dataset.layout import example_path

handlers = Handlers()


def examples_home(context: BotContext) -> View:
    """Show the datasets that the person may edit; typed, it leaves no draft."""
    if context.verb:
        leave_dialog(context)

    def entry(card: DatasetCard) -> Button:
        count = context.translate("examples-count", count=card.examples)
        return Button(f"{titled(context, card)} · {count}", f"ex:ds:{admin.short_hash(card.name)}")

    found, title = editable_datasets(context), context.translate("admin-examples")
    keys, rows = ("examples-which", "admin-no-datasets"), (_common(context), admin.HOME)
    return menu.list_card(context, title, keys, found, entry, "ex:home", *rows, place=1)


def _common(context: BotContext) -> tuple[Button, ...]:
    """Return the buttons that lead to no dataset alone."""
    waiting, changed = count_waiting(*performer(context)), count_open(*performer(context))
    return (
        Button(context.translate("examples-queue", count=waiting), "ex:queue:0"),
        Button(context.translate("examples-changes-count", count=changed), "ex:changes:0"),
    )


def show_dataset(context: BotContext) -> View:
    """Show one dataset, how many findings it has, and what can be done with its examples."""
    leave_dialog(context)
    card = chosen_card(context)
    mark, flaws = admin.short_hash(card.name), examples.findings(*performer(context), card.name)
    rows: menu.Rows = (
        (("examples-add", f"ex:add:{mark}"), ("examples-forward", f"ex:fwd:{mark}")),
        (("examples-find", f"ex:find:{mark}"), ("examples-list", f"ex:list:{mark}:0")),
        ("examples-import", f"ex:import:{mark}"),
        ("examples-unanswered", f"ex:vains:{mark}:0"),
        bool(flaws) and ("examples-flaws", f"ex:flaws:{mark}:0"),
        _common(context),
        menu.back("ex:home"),
    )
    errors = sum(flaw.severity is Severity.ERROR for flaw in flaws)
    warnings = sum(flaw.severity is Severity.WARNING for flaw in flaws)
    health = context.translate("examples-findings", errors=errors, warnings=warnings)
    if not errors and not warnings:
        health = context.translate("examples-no-findings")
    what = context.translate("examples-count", count=card.examples)
    return menu.card(context, titled(context, card), what, health, rows=rows)


FIND = "ex-find"
_LABEL = 48
_MAX_WORDS = 200
_MAX_FOUND = 80
_TEXT_LETTERS = 2600
_MAX_FINDINGS = 5
_MAX_VERSIONS = 10


def list_examples(context: BotContext) -> View:
    """Show a page of the examples, by id."""
    leave_dialog(context)
    name = chosen_dataset(context)
    page, mark = min(context.number(2), 100_000), admin.short_hash(name)
    limit = PAGE_SIZE + 1
    found = examples.recent(*performer(context), name, offset=page * PAGE_SIZE, limit=limit)
    text = context.translate("examples-list-words" if found else "examples-none")
    rows: menu.Rows = (*_entries(f"ex:list:{mark}", page, found), menu.back(f"ex:ds:{mark}"))
    return menu.card(context, name, text, rows=rows)


def _entries(data: str, page: int, found: Sequence[ExampleView]) -> Iterator[menu.RowOf]:
    """Yield a button for each of a page's examples, and the row that turns over.

    One more was looked for than a page shows.
    """
    for each in found[:PAGE_SIZE]:
        words = question_preview(each.text, _LABEL)
        label = words or f"⛔ {menu.cut(escape_unprintable(each.id), _LABEL)}"
        yield Button(label, f"ex:one:{admin.short_hash(each.dataset)}:{admin.short_hash(each.id)}")
    yield from menu.page_buttons(data, page, page * PAGE_SIZE + len(found))


def flaws(context: BotContext) -> View:
    """Show a page of what the check found in a dataset, with a way to each example."""
    leave_dialog(context)
    name = chosen_dataset(context)
    mark = admin.short_hash(name)
    found = examples.findings(*performer(context), name)
    here, page = menu.paginate(found, context.number(2))
    ids = examples.ids(*performer(context), name)
    known = {escape_unprintable(example_path(each)): each for each in ids}
    paths = dict.fromkeys(each.path for each in here if each.path in known)
    links = [
        Button(
            menu.cut(escape_unprintable(each), _LABEL), f"ex:one:{mark}:{admin.short_hash(each)}"
        )
        for each in map(known.__getitem__, paths)
    ]
    lines = "\n".join(finding_line(context, each, is_named=True) for each in here)
    more = menu.page_buttons(f"ex:flaws:{mark}", page, len(found))
    title = f"{context.translate('examples-flaws')} · {name}"
    words = lines or context.translate("examples-no-findings")
    return menu.card(context, title, words, rows=(*links, *more, menu.back(f"ex:ds:{mark}")))


def ask_find(context: BotContext) -> View:
    """Ask for words to search by."""
    name = chosen_dataset(context)
    title, back = context.translate("examples-find"), f"ex:ds:{admin.short_hash(name)}"
    text = context.translate("examples-ask-find", dataset=dataset_title(context, name))
    return ask(context, FIND, title, text, back=back, kept={"dataset": name})


async def find_examples(context: BotContext) -> None:
    """Search by the words that were written, or show another page of what was found."""
    name = str(dialog_value(context, "dataset") or "")
    words = context.text[:_MAX_WORDS]
    if context.verb:
        words = str(dialog_value(context, "words") or "")
        if not name or not words:
            await show_screen(context, lambda: admin_refusal(context))
            return
    # A long shelf takes a while to look through: not in the thread that writes.
    page = min(context.number(1) if context.verb else 0, _MAX_FOUND // PAGE_SIZE - 1)
    most = (page + 1) * PAGE_SIZE + 1
    files = await context.store.read(
        lambda: examples.find(*performer(context), words, name, limit=most)
    )
    here = files[page * PAGE_SIZE :]

    def act() -> View:
        require_editing(context, name)
        key = "examples-found" if files else "examples-found-none"
        message = context.translate(key, words=menu.cut(" ".join(words.split()), 80))
        title, back = context.translate("examples-find"), f"ex:ds:{admin.short_hash(name)}"
        kept, rows = {"dataset": name, "words": words}, _entries("ex:found", page, here)
        return ask(context, FIND, title, message, back=back, rows=rows, kept=kept)

    await show_screen(context, act)


def show_example(context: BotContext) -> View:
    """Show one example: its text, what taught it, what is wrong with it."""
    leave_dialog(context)
    file = chosen_example(context)
    mark, name = admin.short_hash(file.dataset), admin.short_hash(file.id)
    code_block = menu.CodeBlock(
        menu.cut(file.text or context.translate("examples-no-text"), _TEXT_LETTERS)
    )
    way = f"{mark}:{name}"
    words = (
        ("examples-edit-question", f"ex:edit:{way}:q"),
        ("examples-edit-answer", f"ex:edit:{way}:a"),
    )
    rows: menu.Rows = (
        words if parse_example(file.text) else (),
        ("examples-edit-whole", f"ex:edit:{way}:y"),
        (
            ("examples-history", f"ex:past:{way}"),
            ("examples-delete-ask", f"ex:del:{way}", "danger"),
        ),
        (("examples-to-list", f"ex:list:{mark}:0"), menu.back(f"ex:ds:{mark}")),
    )
    lineage = context.translate("examples-untaught")
    builds = examples.builds_with(*performer(context), file.dataset, file.id)
    if builds is not None:
        first, last = builds
        blob = file.revision[:10]
        lineage = context.translate("examples-taught", first=first, last=last, blob=blob)
    flaws = [
        f"• {menu.cut(finding.text(context.language), 160)}"
        for finding in examples.findings(*performer(context), file.dataset)
        if finding.path == escape_unprintable(file.path)
    ]
    title = f"{file.dataset} · {escape_unprintable(file.id)}"
    about = admin.join_lines(lineage, *flaws[:_MAX_FINDINGS])
    return menu.card(context, title, code_block, about, rows=rows)


def show_history(context: BotContext) -> View:
    """Show who wrote an example when, as far as commits were seen."""
    file = chosen_example(context)
    versions = examples.versions(*performer(context), file.dataset, file.id)
    lines = [
        context.translate(
            "examples-history-line",
            at=admin.when(context, version.at),
            author=version.author,
            subject=menu.cut(format_subject(version.subject, context.language), _LABEL),
            commit=version.commit[:10],
        )
        for version in versions[:_MAX_VERSIONS]
    ]
    if len(versions) > _MAX_VERSIONS:
        lines.append(context.translate("examples-more", count=len(versions) - _MAX_VERSIONS))
    title = f"{context.translate('examples-history')} · {escape_unprintable(file.id)}"
    hint = context.translate("examples-history-words" if lines else "examples-history-none")
    back = menu.back(f"ex:one:{admin.short_hash(file.dataset)}:{admin.short_hash(file.id)}")
    return menu.card(context, title, "\n".join(lines), hint, rows=(back,))


IMPORT = "ex-import"
MAX_BYTES = 5_000_000
_MAX_LINES = 10
_MAX_ADDED = 5
_ADDED_LETTERS = 120
_LETTERS = 160


def ask_import(context: BotContext) -> View:
    """Ask for a file."""
    name = chosen_dataset(context)
    title = context.translate("examples-import-title", dataset=dataset_title(context, name))
    text = context.translate("examples-ask-file", megabytes=MAX_BYTES // 1_000_000)
    back = f"ex:ds:{admin.short_hash(name)}"
    return ask(context, IMPORT, title, text, back=back, kept={"dataset": name})


@handlers.step(IMPORT)
async def import_sent(context: BotContext) -> None:
    """Read the file that was sent, and show what it would add."""
    name = str(dialog_value(context, "dataset") or "")
    note = context.translate("examples-file-wanted")
    source: dict[str, Any] = {}
    if context.sent is not None and context.sent.kind == "document":
        source = {"id": context.sent.file_id, "name": context.sent.name}
    elif is_table(context.text):
        source = {"text": context.text}
    if source:
        try:
            await _show_import(context, name, source)
        except MerlinError as error:
            note = context.translate(error.key, **error.arguments)
        else:
            return

    def ask_again() -> View:
        """Say what was wrong with it; the file that was shown before still can be saved."""
        require_editing(context, name)
        save = bool(dialog_value(context, "file")) and ("examples-save", "ex:take", "success")
        rows = (save, menu.back_or_cancel(f"ex:ds:{admin.short_hash(name)}"))
        return menu.card(context, note, rows=rows)

    await show_screen(context, ask_again)


async def _show_import(context: BotContext, name: str, source: dict[str, Any]) -> None:
    """Show what a file or a text would add. Raises NotFound, Refused."""
    plan = await _plan(context, name, source)
    await show_screen(context, lambda: _import_view(context, *plan, source))


async def import_pairs(context: BotContext) -> None:
    """Show what the questions of a forwarded chat would add, each with its answer."""
    name, table = await context.store.read(lambda: example_draft.picked_table(context))
    await _show_import(context, name, {"text": table})


async def question_sent(context: BotContext) -> None:
    """Take the question of a new example, or several at once as a table or a forwarded chat."""
    draft = draft_of(dialog_value(context, "draft"))
    if draft is not None and not draft.turns and is_table(context.text):
        await _show_import(context, draft.dataset, {"text": context.text})
    else:
        await text_handler(example_draft.take_question)(context)


async def _plan(
    context: BotContext, name: str, file: dict[str, Any]
) -> tuple[ImportPlan, PreviewView]:
    """Return what a file or a text would add. Raises NotFound, Refused."""
    ctx = context.services

    def read() -> DatasetFiles:
        require_editing_here(context, name)
        return read_files(ctx, admin.actor(context), name)

    files = await context.store.read(read)
    if "text" in file:
        lines = read_pasted(str(file["text"]))
    else:
        content = await fetch(context, str(file["id"]), MAX_BYTES)
        lines = read_import_lines(BufferedReader(BytesIO(content)), str(file["name"]))
    return await asyncio.to_thread(examples.plan, ctx, files, lines)


def _import_view(
    context: BotContext, plan: ImportPlan, seen: PreviewView, file: dict[str, Any]
) -> View:
    """Show what would come of it, and wait for a yes or for another file."""
    name, good = require_editing(context, plan.dataset), plan.good_edits
    counts = context.translate(
        "examples-import-counts",
        lines=plan.lines,
        taken=len(good),
        duplicates=len(plan.duplicates),
        rejected=plan.rejected,
    )
    label = context.translate("examples-save-many", count=len(good))
    save = Button(label, "ex:take", style="success") if good else None
    title = context.translate("examples-import-title", dataset=dataset_title(context, name))
    new = [_added(each) for each in good[:_MAX_ADDED]]
    if len(good) > _MAX_ADDED:
        new.append(context.translate("examples-more", count=len(good) - _MAX_ADDED))
    around = finding_lines(context, replace(seen, findings=()))
    parts = ("\n\n".join(new), "\n".join(_line_reports(context, plan)), "\n".join(around))
    price = format_price(context, seen) if good else ""
    kept = {"dataset": name, "file": file}
    back = f"ex:ds:{admin.short_hash(name)}"
    return ask(context, IMPORT, title, counts, *parts, price, back=back, rows=(save,), kept=kept)


def _added(edit: Edit) -> str:
    """Return a new example as its first question and answer, short."""
    example = parse_example(edit.text)
    parts = (example.question, example.answer) if example else (edit.path, "")
    return "➕ " + "\n🤖 ".join(shorten(each, _ADDED_LETTERS) for each in parts)


def _line_reports(context: BotContext, plan: ImportPlan) -> Iterator[str]:
    """Yield the first lines that something is wrong with or that are known."""
    found = [(finding.line, finding.text(context.language)) for finding in plan.findings]
    for place, known in plan.duplicates:
        if isinstance(known, Place):
            other = context.translate("examples-line", line=known.line)
        else:
            other = known
        found.append((place.line, context.translate("import-duplicate", other=other)))
    for line, words in sorted(found)[:_MAX_LINES]:
        yield menu.cut(context.translate("examples-import-line", line=line, words=words), _LETTERS)
    if len(found) > _MAX_LINES:
        yield context.translate("examples-more", count=len(found) - _MAX_LINES)


async def take_import(context: BotContext) -> None:
    """Ask for the commit of all that is good in the file that was shown."""
    name, file = str(dialog_value(context, "dataset") or ""), dialog_value(context, "file")
    if context.dialog is None or context.dialog.step != IMPORT or not file:
        await show_screen(context, lambda: admin_refusal(context))
        return

    plan, _ = await _plan(context, name, file)

    def saved() -> View:
        name, good = require_editing(context, plan.dataset), plan.good_edits
        if not good:
            raise Refused("nothing new", "examples-import-nothing")
        line, editor = import_subject(len(good), name), commit_editor(context)
        save_changes(*performer(context), name, good, line, editor=editor)
        leave_dialog(context)
        return saved_view(context, name)

    await show_screen(context, saved)


# What a button does, by the word behind `ex:`.
ACTIONS: Mapping[str, Handler | Act] = {
    "home": examples_home,
    "ds": show_dataset,
    "add": example_draft.ask_question,
    "turn": example_draft.ask_turn,
    "unturn": example_draft.undo_turn,
    "look": proof_handler(current_draft),
    # Buttons of messages that were sent when more steps led to the proof.
    "turns": proof_handler(current_draft),
    "tags": proof_handler(current_draft),
    "test": proof_handler(example_proof.switch_test),
    "wording": example_proof.ask_wording,
    "word": lambda context: ask_field(
        context, current_draft(context), context.argument(1), "ex:look"
    ),
    "untag": proof_handler(lambda context: replace(current_draft(context), tags=())),
    "whole": example_draft.send_file,
    "answers": example_draft.compare_answers,
    "save": example_proof.save,
    "list": list_examples,
    "flaws": flaws,
    "find": ask_find,
    "found": find_examples,
    "one": show_example,
    "past": show_history,
    "edit": example_draft.ask_edit,
    # Save is the second question.
    "del": proof_handler(lambda context: draft_of_example(chosen_example(context), is_gone=True)),
    "fwd": example_draft.ask_forwarded,
    "picks": example_draft.show_messages,
    "pick": example_draft.switch_role,
    "picked": proof_handler(example_draft.picked_draft),
    "pairs": import_pairs,
    "vains": changes.list_unanswered,
    "vain": changes.answer_unanswered,
    "vain-no": changes.dismiss_unanswered,
    "vain-back": changes.restore_unanswered,
    "import": ask_import,
    "take": take_import,
    "queue": changes.show_queue,
    "prop": proof_handler(changes.proposal_draft),
    "no": changes.ask_reason,
    "no-yes": changes.decline,
    "several": changes.show_page,
    "all-yes": changes.approve_all,
    "all-no": changes.decline_all,
    "changes": changes.list_changes,
    "change": changes.show_change,
    "mine": changes.keep_mine,
    "theirs": changes.keep_theirs,
    "mend": proof_handler(changes.conflict_draft),
    "retry": changes.retry,
    "drop": changes.drop,
    "drop-yes": changes.drop,
    "undo": changes.undo,
    "undo-yes": changes.undo_confirmed,
}


@handlers.button(example_proof.VERB)
async def pressed(context: BotContext) -> None:
    """Do what a button says."""
    action = context.argument(0)
    home = "home" if action in {"", AS_NEW_MESSAGE} else action
    await editor_handler(ACTIONS.get(home, admin_refusal))(context)


def _reworded(context: BotContext) -> Draft:
    field = str(dialog_value(context, "field") or "t")
    return reword_draft(current_draft(context), field, context.text)


handlers.command("examples")(editor_handler(examples_home))
handlers.step(example_draft.QUESTION)(editor_handler(question_sent))
handlers.step(example_draft.ANSWER)(text_handler(proof_handler(example_draft.answered_draft)))
handlers.step(example_draft.TAGS, example_draft.REWORD)(text_handler(proof_handler(_reworded)))
handlers.step(example_proof.WORDING)(text_handler(proof_handler(example_proof.worded_draft)))
handlers.step(example_proof.PROOF, "ex-turns")(
    proof_handler(current_draft, "examples-press-button")
)
handlers.step(FIND)(text_handler(find_examples))
handlers.step(example_draft.PICK)(editor_handler(example_draft.take_forwarded))
handlers.step(changes.DECLINE)(text_handler(changes.decline))
