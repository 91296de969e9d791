"""/examples: datasets, their examples as a list and by words, one example; all its buttons.

    datasets -> dataset -> add | forward | find | list | import
                proof of a draft -> Save -> a Change, committed by the daemon
    review queue -> proof -> approve | decline
    changes under way -> conflict: mine | theirs | edit; committed: undo

Every button is `ex:<action>:…`; the draft lies in the dialog, so that a restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merlin.bot.context import BotApplication, Event, Handler, Kit, add_handlers
from merlin.bot.handlers import (
    admin,
    changes,
    example_access,
    example_draft,
    example_import,
    example_save,
)
from merlin.bot.handlers.admin import to_admin_home
from merlin.bot.handlers.example_access import acted, leaving, to
from merlin.bot.handlers.example_import import leading, listening
from merlin.bot.handlers.example_save import finding_line
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import zone_for
from merlin.bot.menu import File, Screen, cut, page_buttons, paginate, sheet
from merlin.core import i18n
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.dataset.changes import format_subject
from merlin.dataset.example_yaml import parse_example, question_preview
from merlin.dataset.files import DatasetCard, FileText
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.layout import EXAMPLES


def examples_home(kit: Kit, event: Event) -> Screen:
    """Show the datasets that the person may edit."""
    example_access.leave(kit, event)
    found = example_access.datasets(kit, event)
    here, page = paginate(found, number(event, 1))
    doors = [(_door(event, each),) for each in here]
    rows = [*doors, *page_buttons(example_access.data("home"), page, len(found))]
    title = text(event.language, "admin-examples")
    words = text(event.language, "examples-which" if found else "admin-no-datasets")
    return sheet(title, words, rows=[*rows, _common(kit, event), to_admin_home(event)])


def _door(event: Event, card: DatasetCard) -> Button:
    count = text(event.language, "examples-count", count=card.examples)
    return Button(
        f"{_titled(event, card)} · {count}", example_access.data("ds", admin.short(card.name))
    )


def _titled(event: Event, card: DatasetCard) -> str:
    return card.title.get(event.language) or card.name


def _common(kit: Kit, event: Event) -> tuple[Button, ...]:
    """Return the doors that lead to no dataset alone."""
    names = [each.name for each in example_access.datasets(kit, event)]
    waiting = kit.rows.reviews.count(names) if names else 0
    count = kit.rows.change_list.count_open(str(event.user_id))
    queue = text(event.language, "examples-queue", count=waiting)
    changes = text(event.language, "examples-changes-count", count=count)
    return (
        Button(queue, example_access.data("queue", 0)),
        Button(changes, example_access.data("changes", 0)),
    )


def show_dataset(kit: Kit, event: Event) -> Screen:
    """Show one dataset and what can be done with its examples."""
    example_access.leave(kit, event)
    name = example_access.dataset(kit, event)
    card = next(each for each in example_access.datasets(kit, event) if each.name == name)
    mark = admin.short(name)
    flaws = kit.rows.library.findings(name)
    rows = [
        (to(event, "examples-add", "add", mark), to(event, "examples-forward", "fwd", mark)),
        (to(event, "examples-find", "find", mark), to(event, "examples-list", "list", mark, 0)),
        (to(event, "examples-import", "import", mark),),
        (to(event, "examples-flaws", "flaws", mark, 0),) if flaws else (),
        _common(kit, event),
        (to(event, "button-back", "home"),),
    ]
    count = text(event.language, "examples-count", count=card.examples)
    return sheet(_titled(event, card), f"{name} · {count}", _health(event, flaws), rows=rows)


def _health(event: Event, found: Sequence[Finding]) -> str:
    """Return how many findings the dataset has."""
    errors = sum(each.severity is Severity.ERROR for each in found)
    warnings = sum(each.severity is Severity.WARNING for each in found)
    if not errors and not warnings:
        return text(event.language, "examples-no-findings")
    return text(event.language, "examples-findings", errors=errors, warnings=warnings)


FIND = "ex-find"
_LABEL = 48
_MOST_WORDS = 200
_MOST_FOUND = 80
_TEXT_LETTERS = 2600
_MOST_FINDINGS = 5
_MOST_VERSIONS = 10


def list_examples(kit: Kit, event: Event) -> Screen:
    """Show a page of the examples, by id."""
    example_access.leave(kit, event)
    name = example_access.dataset(kit, event)
    page = min(number(event, 2), 100_000)
    found = kit.rows.library.examples(name, page * admin.AT_ONCE, admin.AT_ONCE + 1)
    mark = admin.short(name)
    more = admin.turning(
        example_access.data("list", mark), page, has_more=len(found) > admin.AT_ONCE
    )
    words = text(event.language, "examples-list-words" if found else "examples-none")
    back = (to(event, "button-back", "ds", mark),)
    return sheet(name, words, rows=[*_entries(found[: admin.AT_ONCE]), more, back])


def _entries(files: Sequence[FileText]) -> list[tuple[Button, ...]]:
    return [(Button(_label(each), _way(each)),) for each in files]


def _label(file: FileText) -> str:
    words = question_preview(file.text, _LABEL)
    return words or f"⛔ {cut(escape_unprintable(file.example_id), _LABEL)}"


def _way(file: FileText) -> str:
    return example_access.data("one", admin.short(file.dataset), admin.short(file.example_id))


def flaws(kit: Kit, event: Event) -> Screen:
    """Show a page of what the check found in a dataset, with a way to each example."""
    example_access.leave(kit, event)
    name = example_access.dataset(kit, event)
    mark = admin.short(name)
    found = kit.rows.library.findings(name)
    here, page, has_more = admin.page_of(found, number(event, 2))
    ids = kit.rows.library.example_ids(name)
    known = {escape_unprintable(f"{EXAMPLES}{each}.yaml"): each for each in ids}
    paths = dict.fromkeys(each.path for each in here if each.path in known)
    doors = [
        (
            Button(
                cut(escape_unprintable(each), _LABEL),
                example_access.data("one", mark, admin.short(each)),
            ),
        )
        for each in map(known.__getitem__, paths)
    ]
    lines = "\n".join(finding_line(event, each, is_named=True) for each in here)
    more = admin.turning(example_access.data("flaws", mark), page, has_more=has_more)
    title = f"{text(event.language, 'examples-flaws')} · {name}"
    none = text(event.language, "examples-no-findings")
    back = (to(event, "button-back", "ds", mark),)
    return sheet(title, lines or none, rows=[*doors, more, back])


def ask_find(kit: Kit, event: Event) -> Screen:
    """Ask for words to search by."""
    name = example_access.dataset(kit, event)
    example_access.wait(kit, event, FIND, None, dataset=name)
    words = text(event.language, "examples-ask-find", dataset=name)
    return sheet(
        text(event.language, "examples-find"),
        words,
        rows=[leaving(event, "ds", admin.short(name))],
    )


async def find_examples(kit: Kit, event: Event, words: str) -> None:
    """Search by the words that were written."""
    await _search(
        kit, event, str(example_access.kept(event, "dataset") or ""), words[:_MOST_WORDS], 0
    )


async def show_found(kit: Kit, event: Event) -> None:
    """Show another page of what was found."""
    name, words = example_access.kept(event, "dataset"), example_access.kept(event, "words")
    if not name or not words:
        await example_access.show(kit, event, lambda: admin.admin_refusal(event))
        return
    await _search(kit, event, str(name), str(words), number(event, 1))


async def _search(kit: Kit, event: Event, name: str, words: str, page: int) -> None:
    # A long shelf takes a while to look through: not in the thread that writes.
    page = min(page, _MOST_FOUND // admin.AT_ONCE - 1)
    most = (page + 1) * admin.AT_ONCE + 1
    files = await kit.store.read(lambda: kit.rows.library.find(words, name, most))
    here = files[page * admin.AT_ONCE :]

    def act() -> Screen:
        example_access.checked(kit, event, name)
        example_access.wait(kit, event, FIND, None, dataset=name, words=words)
        more = admin.turning(example_access.data("found"), page, has_more=len(here) > admin.AT_ONCE)
        key = "examples-found" if files else "examples-found-none"
        said = text(event.language, key, words=cut(" ".join(words.split()), 80))
        title = text(event.language, "examples-find")
        back = leaving(event, "ds", admin.short(name))
        return sheet(title, said, rows=[*_entries(here[: admin.AT_ONCE]), more, back])

    await example_access.show(kit, event, act)


def show_example(kit: Kit, event: Event) -> Screen:
    """Show one example: its text, what taught it, what is wrong with it."""
    example_access.leave(kit, event)
    file = example_access.example(kit, event)
    mark, name = admin.short(file.dataset), admin.short(file.example_id)
    told = File(cut(file.text or text(event.language, "examples-no-text"), _TEXT_LETTERS))
    row = [
        to(event, "examples-edit-question", "edit", mark, name, "q"),
        to(event, "examples-edit-answer", "edit", mark, name, "a"),
    ]
    rows = [
        tuple(row) if parse_example(file.text) else (),
        (to(event, "examples-edit-whole", "edit", mark, name, "y"),),
        (
            to(event, "examples-history", "past", mark, name),
            to(event, "examples-delete-ask", "del", mark, name, style="danger"),
        ),
        (to(event, "examples-to-list", "list", mark, 0), to(event, "button-back", "ds", mark)),
    ]
    parts = [_lineage(kit, event, file), *_findings(kit, event, file)]
    title = f"{file.dataset} · {escape_unprintable(file.example_id)}"
    return sheet(title, told, "\n".join(filter(None, parts)), rows=rows)


def show_history(kit: Kit, event: Event) -> Screen:
    """Show who wrote an example when, as far as commits were seen."""
    file = example_access.example(kit, event)
    versions = kit.rows.library.versions(file.dataset, file.example_id)
    zone = zone_for(kit, event)
    lines = [
        text(
            event.language,
            "examples-history-line",
            at=i18n.format_moment_briefly(each.at, zone, event.language),
            author=each.author,
            subject=cut(format_subject(each.subject, event.language), _LABEL),
            commit=each.commit[:10],
        )
        for each in versions[:_MOST_VERSIONS]
    ]
    if len(versions) > _MOST_VERSIONS:
        lines.append(text(event.language, "examples-more", count=len(versions) - _MOST_VERSIONS))
    title = f"{text(event.language, 'examples-history')} · {escape_unprintable(file.example_id)}"
    hint = text(event.language, "examples-history-words" if lines else "examples-history-none")
    back = example_access.data("one", admin.short(file.dataset), admin.short(file.example_id))
    return sheet(title, "\n".join(lines), hint, rows=[admin.back(event, back)])


def _lineage(kit: Kit, event: Event, file: FileText) -> str:
    """Return which builds hold the example."""
    builds = kit.rows.library.taught(file.dataset, file.example_id)
    if builds is None:
        return text(event.language, "examples-untaught")
    first, last = builds
    blob = file.blob[:10]
    return text(event.language, "examples-taught", first=first, last=last, blob=blob)


def _findings(kit: Kit, event: Event, file: FileText) -> list[str]:
    mine = [
        each
        for each in kit.rows.library.findings(file.dataset)
        if each.path == escape_unprintable(file.path)
    ]
    return [f"• {cut(each.text(event.language), 160)}" for each in mine[:_MOST_FINDINGS]]


# What a button does, by the word behind `ex:`.
ACTIONS: Mapping[str, Handler] = {
    "home": acted(examples_home),
    "ds": acted(show_dataset),
    "add": acted(example_draft.add),
    "turn": acted(example_draft.turn),
    "turns": acted(example_draft.turns),
    "unturn": acted(example_draft.unturn),
    "tags": acted(example_draft.tags),
    "look": example_draft.shown,
    "word": acted(example_draft.word),
    "untag": example_draft.untag,
    "whole": acted(example_draft.whole_file),
    "save": acted(example_save.save),
    "list": acted(list_examples),
    "flaws": acted(flaws),
    "find": acted(ask_find),
    "found": show_found,
    "one": acted(show_example),
    "past": acted(show_history),
    "edit": acted(example_draft.edit),
    "del": example_draft.delete,
    "fwd": acted(example_draft.collect),
    "picks": acted(example_draft.picks),
    "pick": acted(example_draft.pick),
    "picked": example_draft.picked,
    "import": acted(example_import.ask_import),
    "take": example_import.take_import,
    "queue": acted(changes.queue),
    "prop": changes.proposal,
    "no": acted(changes.ask_reason),
    "no-yes": acted(changes.declined),
    "changes": acted(changes.changes),
    "change": acted(changes.change),
    "mine": acted(changes.mine),
    "theirs": acted(changes.theirs),
    "mend": changes.mend,
    "retry": acted(changes.retry),
    "drop": acted(changes.ask_drop),
    "drop-yes": acted(changes.drop),
    "undo": changes.undo,
    "undo-yes": acted(changes.undone),
}


async def pressed(kit: Kit, event: Event) -> None:
    """Do what a button says."""
    action = example_access.word(event, 0)
    home_ = "home" if action in {"", admin.ANEW} else action
    await ACTIONS.get(home_, _old)(kit, event)


async def _old(kit: Kit, event: Event) -> None:
    await kit.show(event, lambda: admin.admin_refusal(event))


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"examples": acted(examples_home)},
        buttons={example_access.VERB: pressed},
        steps={
            example_draft.QUESTION: listening(example_draft.question),
            example_draft.ANSWER: listening(example_draft.answer),
            example_draft.TURNS: acted(example_draft.more_unawaited),
            example_draft.TAGS: leading(example_draft.tagged),
            example_save.PROOF: example_draft.unawaited,
            example_draft.REWORD: leading(example_draft.reworded),
            FIND: leading(find_examples),
            example_draft.PICK: acted(example_draft.heard),
            example_import.IMPORT: example_import.import_sent,
            changes.DECLINE: listening(changes.reasoned),
        },
    )
