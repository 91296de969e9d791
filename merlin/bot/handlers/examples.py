"""/examples: datasets, their examples (list, search, one example) and imports.

    datasets -> dataset -> add | forward | find | list | import | unanswered
                proof of a draft -> Save -> a Change, committed by the daemon
                a CSV, XLSX or JSON file -> what it would add -> Save: one commit
    review queue -> proof -> approve | decline; several at once
    changes under way -> conflict: mine | theirs | edit; committed: undo

Drafts are stored in the dialog and survive a restart. A file to import stays at Telegram: on Save
it is downloaded and checked again.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BufferedReader, BytesIO
from typing import Any

from merlin.app import examples
from merlin.app.changes import PreviewView, count_open, read_files
from merlin.app.changes import save as save_changes
from merlin.app.examples import ExampleView
from merlin.app.inbox import ASIDE
from merlin.app.proposals import count_waiting
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin, example_draft
from merlin.bot.handlers import example_proof as proof
from merlin.bot.handlers.example_draft import text_handler
from merlin.bot.handlers.prompts import fetch
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers, admin_refusal
from merlin.bot.rendering import dataset_title, format_time, join_lines
from merlin.core.errors import MerlinError, Refused
from merlin.core.formatted_text import Button, shorten_text
from merlin.core.i18n import cut
from merlin.core.permissions import Permission
from merlin.dataset.changes import Edit
from merlin.dataset.commit_message import format_subject, import_subject
from merlin.dataset.drafts import is_table, read_pasted
from merlin.dataset.example import parse_example, question_preview
from merlin.dataset.files import DatasetCard
from merlin.dataset.finding import Severity, escape_unprintable
from merlin.dataset.import_lines import read_import_lines
from merlin.dataset.import_plan import ImportPlan, Place
from merlin.dataset.layout import example_path

handlers = Handlers(Permission.EDIT_EXAMPLES)


@handlers.command("examples")
@handlers.button("ex", "ex:home", f"ex:{AS_NEW_MESSAGE}")
def examples_home(context: BotContext) -> View:
    """List the datasets that the user may edit; the typed command keeps and offers a draft."""
    is_open = context.dialog is not None and context.dialog.has_draft and not context.verb
    if context.verb:
        proof.leave_dialog(context)

    def entry(card: DatasetCard) -> Button:
        count = context.translate("examples-count", count=card.examples)
        return Button(
            f"{card.title_in(context.language)} · {count}", f"ex:ds:{menu.short_hash(card.name)}"
        )

    cards, title = examples.list_datasets(*context.caller), context.translate("admin-examples")
    is_left = context.dialogs.get(ASIDE, context.user_id) is not None
    left = (is_open or is_left) and ("examples-aside-continue", "ex:return", "primary")
    keys, rows = (
        ("examples-which", "admin-no-datasets"),
        (left, _shared_buttons(context), admin.HOME),
    )
    return menu.list_card(context, title, keys, cards, entry, "ex:home", *rows, place=1)


def _shared_buttons(context: BotContext) -> tuple[Button, ...]:
    """Return the buttons that belong to no single dataset."""
    queued = count_waiting(*context.caller)
    changes_count = count_open(*context.caller)
    return (
        Button(context.translate("examples-queue", count=queued), "ex:queue:0"),
        Button(context.translate("examples-changes-count", count=changes_count), "ex:changes:0"),
    )


@handlers.button("ex:ds")
def show_dataset(context: BotContext) -> View:
    """Show a dataset, the number of its findings, and the actions for its examples."""
    proof.leave_dialog(context)
    card = proof.require_chosen_card(context)
    dataset_hash = menu.short_hash(card.name)
    findings = examples.list_findings(*context.caller, card.name)
    rows: menu.Rows = (
        (
            ("examples-add", f"ex:add:{dataset_hash}"),
            ("examples-forward", f"ex:fwd:{dataset_hash}"),
        ),
        (
            ("examples-find", f"ex:find:{dataset_hash}"),
            ("examples-list", f"ex:list:{dataset_hash}:0"),
        ),
        ("examples-import", f"ex:import:{dataset_hash}"),
        ("page-unanswered", f"ex:vains:{dataset_hash}:0"),
        bool(findings) and ("examples-problems", f"ex:flaws:{dataset_hash}:0"),
        _shared_buttons(context),
        menu.back("ex:home"),
    )
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    counts = {"page-board-errors": errors, "page-board-warnings": len(findings) - errors}
    health = ", ".join(
        context.translate(key, count=count) for key, count in counts.items() if count
    ) or context.translate("examples-no-findings")
    count = context.translate("examples-count", count=card.examples)
    return menu.card(context, card.title_in(context.language), count, health, rows=rows)


FIND = "ex-find"
_LABEL_LENGTH = 48
_MAX_QUERY = 200
_MAX_RESULTS = 80
_TEXT_LENGTH = 2600
_MAX_FINDINGS = 5
_MAX_VERSIONS = 10


@handlers.button("ex:list")
def list_examples(context: BotContext) -> View:
    """Show a page of the examples, ordered by id."""
    proof.leave_dialog(context)
    card = proof.require_chosen_card(context)
    name, dataset_hash = card.name, menu.short_hash(card.name)
    page = min(context.number(2), 100_000)
    limit = PAGE_SIZE + 1
    page_items = examples.list_examples(*context.caller, name, offset=page * PAGE_SIZE, limit=limit)
    text = context.translate("examples-list-hint" if page_items else "examples-none")
    rows: menu.Rows = (
        *_example_entries(f"ex:list:{dataset_hash}", page, page_items),
        menu.back(f"ex:ds:{dataset_hash}"),
    )
    return menu.card(context, card.title_in(context.language), text, rows=rows)


def _example_entries(
    data: str, page: int, page_items: Sequence[ExampleView]
) -> Iterator[menu.RowOf]:
    """Yield a button for each example of a page, and the row of page buttons.

    `page_items` has one item more than a page if there is another page.
    """
    for example in page_items[:PAGE_SIZE]:
        question = question_preview(example.text, _LABEL_LENGTH)
        label = question or f"⛔ {cut(escape_unprintable(example.id), _LABEL_LENGTH)}"
        yield Button(
            label, f"ex:one:{menu.short_hash(example.dataset)}:{menu.short_hash(example.id)}"
        )
    yield from menu.page_buttons(data, page, page * PAGE_SIZE + len(page_items))


@handlers.button("ex:flaws")
def show_findings(context: BotContext) -> View:
    """Show a page of the findings of a dataset, with a button for each example."""
    proof.leave_dialog(context)
    card = proof.require_chosen_card(context)
    name, dataset_hash = card.name, menu.short_hash(card.name)
    findings = examples.list_findings(*context.caller, name)
    page_findings, page = menu.paginate(findings, context.number(2))
    ids = examples.list_ids(*context.caller, name)
    ids_by_path = {escape_unprintable(example_path(example_id)): example_id for example_id in ids}
    paths = dict.fromkeys(finding.path for finding in page_findings if finding.path in ids_by_path)
    links = [
        Button(
            cut(escape_unprintable(example_id), _LABEL_LENGTH),
            f"ex:one:{dataset_hash}:{menu.short_hash(example_id)}",
        )
        for example_id in map(ids_by_path.__getitem__, paths)
    ]
    lines = "\n".join(
        proof.finding_line(context, finding, is_named=True) for finding in page_findings
    )
    more = menu.page_buttons(f"ex:flaws:{dataset_hash}", page, len(findings))
    title = f"{context.translate('examples-problems')} · {card.title_in(context.language)}"
    text = lines or context.translate("examples-no-findings")
    return menu.card(context, title, text, rows=(*links, *more, menu.back(f"ex:ds:{dataset_hash}")))


@handlers.button("ex:find")
def ask_query(context: BotContext) -> View:
    """Ask for the words to search for."""
    name = proof.require_chosen_dataset(context)
    title, back = context.translate("examples-find"), f"ex:ds:{menu.short_hash(name)}"
    text = context.translate("examples-ask-find", dataset=dataset_title(context, name))
    return proof.ask(context, FIND, title, text, back=back, values={"dataset": name})


@handlers.button("ex:found")
async def find_examples(context: BotContext) -> None:
    """Search for the words of the message, or show another page of the results."""
    name = str(proof.dialog_value(context, "dataset") or "")
    query = context.text[:_MAX_QUERY]
    if context.verb:
        query = str(proof.dialog_value(context, "query") or "")
        if not name or not query:
            await proof.show_screen(context, admin_refusal)
            return
    # Searching many examples is slow, so it runs outside the thread that writes.
    page = min(context.number(1) if context.verb else 0, _MAX_RESULTS // PAGE_SIZE - 1)
    limit = menu.items_to_read(page)
    matches = await context.store.read(
        lambda: examples.find(*context.caller, query, name, limit=limit)
    )
    page_matches = matches[page * PAGE_SIZE :]

    def act(context: BotContext) -> View:
        key = "examples-found" if matches else "examples-found-none"
        message = context.translate(key, words=shorten_text(query, 80))
        title, back = context.translate("examples-find"), f"ex:ds:{menu.short_hash(name)}"
        values = {"dataset": name, "query": query}
        rows = _example_entries("ex:found", page, page_matches)
        return proof.ask(context, FIND, title, message, back=back, rows=rows, values=values)

    await proof.show_screen(context, act)


handlers.step(FIND)(text_handler(find_examples))


@handlers.button("ex:one")
def show_example(context: BotContext) -> View:
    """Show an example: its text, the builds that contain it, and its findings."""
    proof.leave_dialog(context)
    file = proof.require_chosen_example(context)
    dataset_hash, example_hash = menu.short_hash(file.dataset), menu.short_hash(file.id)
    text_block = menu.code_block(
        cut(file.text or context.translate("examples-no-text"), _TEXT_LENGTH)
    )
    target = f"{dataset_hash}:{example_hash}"
    reword_buttons = (
        ("examples-edit-question", f"ex:edit:{target}:q"),
        ("examples-edit-answer", f"ex:edit:{target}:a"),
    )
    rows: menu.Rows = (
        reword_buttons if parse_example(file.text) else (),
        ("examples-edit-whole", f"ex:edit:{target}:y"),
        (
            ("admin-history", f"ex:past:{target}"),
            ("examples-delete-ask", f"ex:del:{target}", "danger"),
        ),
        (("examples-list", f"ex:list:{dataset_hash}:0"), menu.back(f"ex:ds:{dataset_hash}")),
    )
    lineage = context.translate("examples-no-version")
    builds = examples.find_build_range(*context.caller, file.dataset, file.id)
    if builds is not None:
        versions = " … ".join(dict.fromkeys(builds))
        blob = file.revision[:10]
        lineage = context.translate("examples-versions", versions=versions, blob=blob)
    findings = [
        f"• {cut(finding.text(context.language), 160)}"
        for finding in examples.list_findings(*context.caller, file.dataset)
        if finding.path == escape_unprintable(file.path)
    ]
    title = f"{file.dataset} · {escape_unprintable(file.id)}"
    details = join_lines(lineage, *findings[:_MAX_FINDINGS])
    return menu.card(context, title, text_block, details, rows=rows)


@handlers.button("ex:past")
def show_history(context: BotContext) -> View:
    """Show the author and time of each known version of an example."""
    file = proof.require_chosen_example(context)
    versions = examples.list_versions(*context.caller, file.dataset, file.id)
    lines = [
        context.translate(
            "examples-history-line",
            at=format_time(context, version.at),
            author=version.author,
            subject=cut(format_subject(version.subject, context.language), _LABEL_LENGTH),
            commit=version.commit[:10],
        )
        for version in versions[:_MAX_VERSIONS]
    ]
    if len(versions) > _MAX_VERSIONS:
        lines.append(context.translate("examples-more", count=len(versions) - _MAX_VERSIONS))
    title = f"{context.translate('admin-history')} · {escape_unprintable(file.id)}"
    hint = context.translate("examples-history-hint" if lines else "examples-history-none")
    back = menu.back(f"ex:one:{menu.short_hash(file.dataset)}:{menu.short_hash(file.id)}")
    return menu.card(context, title, "\n".join(lines), hint, rows=(back,))


IMPORT = "ex-import"
MAX_BYTES = 5_000_000
_MAX_LINES = 10
_MAX_ADDED = 5
_ADDED_LENGTH = 120
_LINE_LENGTH = 160


@handlers.button("ex:import")
def ask_import(context: BotContext) -> View:
    """Ask for a file."""
    name = proof.require_chosen_dataset(context)
    title = context.translate("examples-import-title", dataset=dataset_title(context, name))
    text = context.translate("examples-ask-file", megabytes=MAX_BYTES // 1_000_000)
    back = f"ex:ds:{menu.short_hash(name)}"
    return proof.ask(context, IMPORT, title, text, back=back, values={"dataset": name})


@handlers.step(IMPORT)
async def receive_import(context: BotContext) -> None:
    """Read the file that was sent and show what it would add."""
    name = str(proof.dialog_value(context, "dataset") or "")
    note = context.translate("examples-send-file")
    source: dict[str, Any] = {}
    if [file.kind for file in context.attachments] == ["document"] and context.attachment:
        source = {"id": context.attachment.file_id, "name": context.attachment.name}
    elif is_table(context.text):
        source = {"text": context.text}
    if source:
        try:
            await _show_import(context, name, source)
        except MerlinError as error:
            note = context.translate(error.key, **error.arguments)
        else:
            return

    def ask_again(context: BotContext) -> View:
        """Say what was wrong; the file shown before can still be saved."""
        save = bool(proof.dialog_value(context, "file")) and ("examples-save", "ex:take", "success")
        rows = (save, menu.back_or_cancel(context, f"ex:ds:{menu.short_hash(name)}"))
        return menu.card(context, note, rows=rows)

    await proof.show_screen(context, ask_again)


async def _show_import(context: BotContext, name: str, source: dict[str, Any]) -> None:
    """Show what a file or a text would add. Raises NotFound, Refused."""
    plan = await _plan_import(context, name, source)
    await proof.show_screen(context, lambda context: _import_view(context, *plan, source))


@handlers.button("ex:pairs")
async def import_pairs(context: BotContext) -> None:
    """Show the examples that the questions and answers of a forwarded chat would add."""
    name, table = await context.store.read(lambda: example_draft.read_picked_table(context))
    await _show_import(context, name, {"text": table})


@handlers.step(example_draft.QUESTION)
async def receive_question(context: BotContext) -> None:
    """Take the question of a new example, or a table or a forwarded chat with several."""
    draft = proof.draft_of(proof.dialog_value(context, "draft"))
    if draft is not None and not draft.turns and is_table(context.text):
        await _show_import(context, draft.dataset, {"text": context.text})
    else:
        await text_handler(example_draft.take_question)(context)


async def _plan_import(
    context: BotContext, name: str, source: dict[str, Any]
) -> tuple[ImportPlan, PreviewView]:
    """Return what a file or a text would add. Raises NotFound, Refused."""
    files = await context.store.read(lambda: read_files(*context.caller, name))
    if "text" in source:
        lines = read_pasted(str(source["text"]))
    else:
        content = await fetch(context, str(source["id"]), MAX_BYTES)
        lines = read_import_lines(BufferedReader(BytesIO(content)), str(source["name"]))
    return await asyncio.to_thread(examples.plan, context.services, files, lines)


def _import_view(
    context: BotContext, plan: ImportPlan, preview: PreviewView, source: dict[str, Any]
) -> View:
    """Show the result of an import, and wait for Save or for another file."""
    name, good = plan.dataset, plan.good_edits
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
    added = [_added_example(edit) for edit in good[:_MAX_ADDED]]
    if len(good) > _MAX_ADDED:
        added.append(context.translate("examples-more", count=len(good) - _MAX_ADDED))
    parts = (
        "\n\n".join(added),
        "\n".join(_line_reports(context, plan)),
        "\n".join(proof.finding_lines(context, replace(preview, findings=()))),
    )
    price = proof.format_price(context, preview) if good else ""
    values = {"dataset": name, "file": source}
    back = f"ex:ds:{menu.short_hash(name)}"
    return proof.ask(
        context, IMPORT, title, counts, *parts, price, back=back, rows=(save,), values=values
    )


def _added_example(edit: Edit) -> str:
    """Return the first question and answer of a new example, shortened."""
    example = parse_example(edit.text)
    parts = (example.question, example.answer) if example else (edit.path, "")
    return "➕ " + "\n🤖 ".join(shorten_text(part, _ADDED_LENGTH) for part in parts)


def _line_reports(context: BotContext, plan: ImportPlan) -> Iterator[str]:
    """Yield the first lines with findings and duplicates."""
    reports = [(finding.line, finding.text(context.language)) for finding in plan.findings]
    for place, duplicate in plan.duplicates:
        if isinstance(duplicate, Place):
            other = context.translate("examples-line", line=duplicate.line)
        else:
            other = duplicate
        reports.append((place.line, context.translate("import-duplicate", other=other)))
    for line, message in sorted(reports)[:_MAX_LINES]:
        yield cut(context.translate("examples-import-line", line=line, words=message), _LINE_LENGTH)
    if len(reports) > _MAX_LINES:
        yield context.translate("examples-more", count=len(reports) - _MAX_LINES)


@handlers.button("ex:take")
async def take_import(context: BotContext) -> None:
    """Request a commit of the valid examples in the file that was shown."""
    name, source = (
        str(proof.dialog_value(context, "dataset") or ""),
        proof.dialog_value(context, "file"),
    )
    if context.step != IMPORT or not source:
        await proof.show_screen(context, admin_refusal)
        return

    plan, _ = await _plan_import(context, name, source)

    def save(context: BotContext) -> View:
        name, good = plan.dataset, plan.good_edits
        if not good:
            raise Refused("nothing new", "examples-import-nothing")
        subject, editor = import_subject(len(good), name), proof.commit_editor(context)
        save_changes(*context.caller, name, good, subject, editor=editor)
        proof.leave_dialog(context)
        return proof.saved_view(context, name)

    await proof.show_screen(context, save)


@handlers.button("ex:del")
@proof.make_handler
def draft_deletion(context: BotContext) -> proof.Draft:
    """Return the draft that deletes an example: the Save button of its proof confirms it."""
    return proof.draft_of_example(proof.require_chosen_example(context), is_gone=True)
