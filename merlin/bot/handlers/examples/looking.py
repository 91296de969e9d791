"""Looking: a dataset's examples as a list, by the words they say, and one of them."""

from __future__ import annotations

from collections.abc import Sequence

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.proof import finding_line
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.sheet import File, cut, sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core import moment
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.editing import FileText
from merlin.dataset.finding import printable
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.rewording import first_words, parsed
from merlin.dataset.subject import words

FIND = "ex-find"
_LABEL = 48
_MOST_WORDS = 200
_MOST_FOUND = 80
_TEXT_LETTERS = 2600
_MOST_FINDINGS = 5
_MOST_VERSIONS = 10


def listed(kit: Kit, event: Event) -> Screen:
    """Show a page of the examples, by id."""
    reach.leave(kit, event)
    name = reach.dataset(kit, event)
    page = min(number(event, 2), 100_000)
    found = kit.rows.library.examples(name, page * panel.AT_ONCE, panel.AT_ONCE + 1)
    mark = panel.short(name)
    more = panel.turning(reach.data("list", mark), page, has_more=len(found) > panel.AT_ONCE)
    words = text(event.language, "examples-list-words" if found else "examples-none")
    back = (to(event, "button-back", "ds", mark),)
    return sheet(name, words, rows=[*_entries(found[: panel.AT_ONCE]), more, back])


def _entries(files: Sequence[FileText]) -> list[tuple[Button, ...]]:
    return [(Button(_label(each), _way(each)),) for each in files]


def _label(file: FileText) -> str:
    words = first_words(file.text, _LABEL)
    return words or f"⛔ {cut(printable(file.example_id), _LABEL)}"


def _way(file: FileText) -> str:
    return reach.data("one", panel.short(file.dataset), panel.short(file.example_id))


def flaws(kit: Kit, event: Event) -> Screen:
    """Show a page of what the check found in a dataset, with a way to each example."""
    reach.leave(kit, event)
    name = reach.dataset(kit, event)
    mark = panel.short(name)
    found = kit.rows.library.findings(name)
    here, page, has_more = panel.page_of(found, number(event, 2))
    ids = kit.rows.library.example_ids(name)
    known = {printable(f"{EXAMPLES}{each}.yaml"): each for each in ids}
    paths = dict.fromkeys(each.path for each in here if each.path in known)
    doors = [
        (Button(cut(printable(each), _LABEL), reach.data("one", mark, panel.short(each))),)
        for each in map(known.__getitem__, paths)
    ]
    lines = "\n".join(finding_line(event, each, is_named=True) for each in here)
    more = panel.turning(reach.data("flaws", mark), page, has_more=has_more)
    title = f"{text(event.language, 'examples-flaws')} · {name}"
    none = text(event.language, "examples-no-findings")
    back = (to(event, "button-back", "ds", mark),)
    return sheet(title, lines or none, rows=[*doors, more, back])


def ask_find(kit: Kit, event: Event) -> Screen:
    """Ask for words to search by."""
    name = reach.dataset(kit, event)
    reach.wait(kit, event, FIND, None, dataset=name)
    words = text(event.language, "examples-ask-find", dataset=name)
    return sheet(
        text(event.language, "examples-find"),
        words,
        rows=[leaving(event, "ds", panel.short(name))],
    )


async def find(kit: Kit, event: Event, words: str) -> None:
    """Search by the words that were written."""
    await _search(kit, event, str(reach.kept(event, "dataset") or ""), words[:_MOST_WORDS], 0)


async def found(kit: Kit, event: Event) -> None:
    """Show another page of what was found."""
    name, words = reach.kept(event, "dataset"), reach.kept(event, "words")
    if not name or not words:
        await reach.show(kit, event, lambda: panel.refusal(event))
        return
    await _search(kit, event, str(name), str(words), number(event, 1))


async def _search(kit: Kit, event: Event, name: str, words: str, page: int) -> None:
    # A long shelf takes a while to look through: not in the thread that writes.
    page = min(page, _MOST_FOUND // panel.AT_ONCE - 1)
    most = (page + 1) * panel.AT_ONCE + 1
    files = await kit.store.read(lambda: kit.rows.library.find(words, name, most))
    here = files[page * panel.AT_ONCE :]

    def act() -> Screen:
        reach.checked(kit, event, name)
        reach.wait(kit, event, FIND, None, dataset=name, words=words)
        more = panel.turning(reach.data("found"), page, has_more=len(here) > panel.AT_ONCE)
        key = "examples-found" if files else "examples-found-none"
        said = text(event.language, key, words=cut(" ".join(words.split()), 80))
        title = text(event.language, "examples-find")
        back = leaving(event, "ds", panel.short(name))
        return sheet(title, said, rows=[*_entries(here[: panel.AT_ONCE]), more, back])

    await reach.show(kit, event, act)


def one(kit: Kit, event: Event) -> Screen:
    """Show one example: its text, what taught it, what is wrong with it."""
    reach.leave(kit, event)
    file = reach.example(kit, event)
    mark, name = panel.short(file.dataset), panel.short(file.example_id)
    told = File(cut(file.text or text(event.language, "examples-no-text"), _TEXT_LETTERS))
    row = [
        to(event, "examples-edit-question", "edit", mark, name, "q"),
        to(event, "examples-edit-answer", "edit", mark, name, "a"),
    ]
    rows = [
        tuple(row) if parsed(file.text) else (),
        (to(event, "examples-edit-whole", "edit", mark, name, "y"),),
        (
            to(event, "examples-history", "past", mark, name),
            to(event, "examples-delete-ask", "del", mark, name, style="danger"),
        ),
        (to(event, "examples-to-list", "list", mark, 0), to(event, "button-back", "ds", mark)),
    ]
    parts = [_lineage(kit, event, file), *_findings(kit, event, file)]
    title = f"{file.dataset} · {printable(file.example_id)}"
    return sheet(title, told, "\n".join(filter(None, parts)), rows=rows)


def past(kit: Kit, event: Event) -> Screen:
    """Show who wrote an example when, as far as commits were seen."""
    file = reach.example(kit, event)
    versions = kit.rows.library.versions(file.dataset, file.example_id)
    zone = zone_for(kit, event)
    lines = [
        text(
            event.language,
            "examples-history-line",
            at=moment.brief(each.at, zone, event.language),
            author=each.author,
            subject=cut(words(each.subject, event.language), _LABEL),
            commit=each.commit[:10],
        )
        for each in versions[:_MOST_VERSIONS]
    ]
    if len(versions) > _MOST_VERSIONS:
        lines.append(text(event.language, "examples-more", count=len(versions) - _MOST_VERSIONS))
    title = f"{text(event.language, 'examples-history')} · {printable(file.example_id)}"
    hint = text(event.language, "examples-history-words" if lines else "examples-history-none")
    back = reach.data("one", panel.short(file.dataset), panel.short(file.example_id))
    return sheet(title, "\n".join(lines), hint, rows=[panel.back(event, back)])


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
        if each.path == printable(file.path)
    ]
    return [f"• {cut(each.text(event.language), 160)}" for each in mine[:_MOST_FINDINGS]]
