"""Rewriting: the question, the answer, the tags or the whole file of a draft, in other words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.adding import tags_of
from merlin.bot.handlers.examples.draft import Draft, draft_of_file
from merlin.bot.handlers.examples.proof import look
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.sheet import File, fine, sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import Refused
from merlin.core.page import Attachment, Page
from merlin.core.text import text
from merlin.core.utf16 import units

REWORD = "ex-reword"
# What of a text one message shows whole.
_SHOWN_UNITS = 3000
_KEYS: Mapping[str, str] = {
    "q": "examples-reword-question",
    "a": "examples-reword-answer",
    "t": "examples-reword-tags",
    "y": "examples-reword-whole",
}


def word(kit: Kit, event: Event) -> Screen:
    """Ask for other words in the draft."""
    return ask(kit, event, reach.draft(kit, event), reach.word(event, 1))


def edit(kit: Kit, event: Event) -> Screen:
    """Ask for other words in an example that lies there."""
    draft = draft_of_file(reach.example(kit, event))
    return ask(kit, event, draft, reach.word(event, 3), is_new=True)


def ask(kit: Kit, event: Event, draft: Draft, field: str, *, is_new: bool = False) -> Screen:
    """Ask for the words of one field; what they are now can be copied."""
    if field not in _KEYS or draft.is_gone or (draft.proposal and field == "y"):
        raise Refused("no such field", "bot-button-old")
    now = _now(draft, field)
    reach.wait(kit, event, REWORD, draft, field=field)
    title = text(event.language, _KEYS[field])
    hint = text(event.language, f"examples-reword-hint-{field}")
    mark = panel.short(draft.dataset)
    back = ("one", mark, panel.short(draft.example_id)) if is_new else ("look",)
    rows = [leaving(event, *back)]
    if field == "t" and now:
        rows.insert(0, (to(event, "examples-no-tags", "untag"),))
    if units(now) <= _SHOWN_UNITS:
        kind = "yaml" if field == "y" else ""
        return sheet(title, File(now, kind), hint, rows=rows)
    name = f"{field}.{'yaml' if field == 'y' else 'txt'}"
    file = Attachment(name, fine(now).encode())
    return Screen(Page(f"{title}\n\n{hint}", buttons=tuple(rows), file=file), is_new=True)


def _now(draft: Draft, field: str) -> str:
    """Return what stands there now. Raises Refused where the file cannot be read."""
    if field == "y":
        return draft.written() or ""
    if draft.turns and field in "qa":
        return _of_turns(draft, field)
    overrides = {"q": draft.question, "a": draft.answer}
    given = overrides.get(field)
    if given is not None:
        return given
    if field == "t" and draft.tags is not None:
        return ", ".join(draft.tags)
    return _of_example(draft, field)


def _of_turns(draft: Draft, field: str) -> str:
    if field == "a":
        return draft.turns[-1][1]
    return next((words for role, words in draft.turns if role == "user"), "")


def _of_example(draft: Draft, field: str) -> str:
    bare = replace(draft, question=None, answer=None, tags=None)
    example = bare.example()
    if example is None:
        if field == "t" and draft.turns:
            return ""
        raise Refused("the example is broken", "examples-broken")
    return {"q": example.question, "a": example.answer, "t": ", ".join(example.tags)}[field]


async def reworded(kit: Kit, event: Event, words: str) -> None:
    """Take the words, and show the proof."""

    def made() -> Draft:
        draft = reach.draft(kit, event)
        field = str(reach.kept(event, "field"))
        if field == "q":
            return draft.with_question(words.strip())
        if field == "a":
            return draft.with_answer(words.strip())
        if field == "t":
            return replace(draft, tags=tags_of(words))
        return draft.with_text(words if words.endswith("\n") else f"{words}\n")

    await look(kit, event, made)


async def untag(kit: Kit, event: Event) -> None:
    """Take all tags away, and show the proof."""
    await look(kit, event, lambda: replace(reach.draft(kit, event), tags=()))


async def delete(kit: Kit, event: Event) -> None:
    """Show what deleting an example would lead to; Save is the second question."""
    await look(kit, event, lambda: draft_of_file(reach.example(kit, event), is_gone=True))


def whole(kit: Kit, event: Event) -> Screen:
    """Send the draft's file."""
    draft = reach.draft(kit, event)
    written = draft.written()
    content = fine(draft.text if written is None else written).encode()
    if not content:
        raise Refused("nothing written", "examples-no-draft")
    name = f"{draft.example_id.rpartition('/')[2] or 'example'}.yaml"
    return Screen(Page("", file=Attachment(name, content)), is_new=True)
