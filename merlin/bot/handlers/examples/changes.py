"""Changes: what an editor asked for and where it stands; conflicts are solved here.

waiting -> taken back (asked twice)      conflict -> mine | theirs | edit
parked -> tried again | taken back
"""

from __future__ import annotations

from collections.abc import Iterator

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.handlers.examples.proof import look
from merlin.bot.handlers.examples.reach import to
from merlin.bot.handlers.examples.saving import own_change, saved
from merlin.bot.handlers.examples.sheet import File, cut, sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import Refused
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.change import Change, ChangeState, Theirs
from merlin.dataset.subject import said, words

_MOST_SHOWN = 80
_LABEL = 48
_TEXT_LETTERS = 1500
_SIGNS = {
    ChangeState.WAITING: "⏳",
    ChangeState.WORKING: "⏳",
    ChangeState.COMMITTED: "✅",
    ChangeState.CONFLICT: "⚠️",
    ChangeState.REFUSED: "⛔",
    ChangeState.PARKED: "⏸",
}


def changes(kit: Kit, event: Event) -> Screen:
    """Show the person's newest edits, one entry a commit."""
    reach.leave(kit, event)
    batches = kit.rows.change_list.batches(str(event.user_id), _MOST_SHOWN)
    page = min(number(event, 1), max(len(batches) - 1, 0) // panel.AT_ONCE)
    here = batches[page * panel.AT_ONCE : (page + 1) * panel.AT_ONCE]
    rows = [(_entry(event, each),) for each in here]
    has_more = len(batches) > (page + 1) * panel.AT_ONCE
    more = panel.turning(reach.data("changes"), page, has_more=has_more)
    told = text(event.language, "examples-changes-words" if here else "examples-changes-none")
    title = text(event.language, "examples-changes")
    return sheet(title, told, rows=[*rows, more, (to(event, "button-back", "home"),)])


def _entry(event: Event, change: Change) -> Button:
    label = f"{_SIGNS[change.state]} {cut(words(change.subject, event.language), _LABEL)}"
    return Button(label, reach.data("change", change.change_id))


def change(kit: Kit, event: Event) -> Screen:
    """Show where one edit stands, and what can be done."""
    reach.leave(kit, event)
    one = _told(kit, own_change(kit, event, reach.word(event, 1)))
    commit = (one.commit or "")[:10]
    state = text(event.language, f"examples-state-{one.state.value}", commit=commit)
    title = f"{_SIGNS[one.state]} {words(one.subject, event.language)}"
    parts = [state, _reason(event, one), *_files(event, one)]
    back = (to(event, "button-back", "changes", 0),)
    return sheet(title, *parts, rows=[*_rows(event, one), back])


def _told(kit: Kit, one: Change) -> Change:
    """Return what speaks for a batch: its first conflict, if any."""
    batch = kit.rows.changes.of_batch(one.batch)
    return next((each for each in [one, *batch] if each.theirs is not None), one)


def _reason(event: Event, one: Change) -> str:
    if one.theirs is not None:
        return text(event.language, "examples-conflict-words", path=one.path)
    return text(event.language, one.reason, **one.arguments) if one.reason else ""


def _files(event: Event, one: Change) -> Iterator[str | File]:
    """Yield both texts of a conflict, or the one that waits."""
    nothing = text(event.language, "examples-no-file")
    if one.theirs is not None:
        yield text(event.language, "examples-mine-is")
        yield File(cut(one.text or nothing, _TEXT_LETTERS))
        yield text(event.language, "examples-theirs-is")
        yield File(cut(one.theirs.text or nothing, _TEXT_LETTERS))
    elif one.text is not None:
        yield File(cut(one.text, _TEXT_LETTERS))


def _rows(event: Event, one: Change) -> Iterator[tuple[Button, ...]]:
    if one.theirs is not None:
        yield solving(one.change_id, event.language)
    elif one.state is ChangeState.PARKED:
        yield (to(event, "examples-retry", "retry", one.change_id),)
        yield (to(event, "examples-take-back", "drop", one.change_id, style="danger"),)
    elif one.state is ChangeState.WAITING:
        yield (to(event, "examples-take-back", "drop", one.change_id, style="danger"),)
    elif one.state is ChangeState.COMMITTED and one.commit:
        yield (to(event, "examples-undo", "undo", one.commit[:10]),)


def solving(change_id: str, language: str, *more: str) -> tuple[Button, ...]:
    """Return the buttons that solve a conflict; `more` is put behind their data."""
    return tuple(
        Button(text(language, f"examples-{verb}"), reach.data(verb, change_id, *more))
        for verb in ("mine", "theirs", "mend")
    )


def mine(kit: Kit, event: Event) -> Screen:
    """Let the person's own text stand over the other's."""
    one, theirs = _conflict(kit, event)
    kit.rows.changes.again(one.change_id, one.text, theirs.blob)
    reach.leave(kit, event)
    return saved(kit, event, one.dataset)


def theirs(kit: Kit, event: Event) -> Screen:
    """Let the other's text stand; the rest of a batch goes on."""
    one, other = _conflict(kit, event)
    is_alone = len(kit.rows.changes.of_batch(one.batch)) == 1
    is_text = other.text is not None or other.blob is None
    if is_alone or not is_text:
        kit.rows.changes.give_up(one.change_id)
    else:
        kit.rows.changes.again(one.change_id, other.text, other.blob)
    reach.leave(kit, event)
    return _gone(event, "examples-theirs-stays")


async def mend(kit: Kit, event: Event) -> None:
    """Show the person's own text over the other's, to be written anew."""

    def made() -> Draft:
        one, other = _conflict(kit, event)
        path = one.path.removeprefix(f"{one.dataset}/")
        return Draft(
            one.dataset,
            path,
            other.blob,
            one.text or other.text or "",
            is_gone=one.text is None,
            change=one.change_id,
        )

    await look(kit, event, made)


def _conflict(kit: Kit, event: Event) -> tuple[Change, Theirs]:
    """Return a conflict of the person's own. Raises NotFound, Refused where it is solved."""
    one = own_change(kit, event, reach.word(event, 1))
    if one.state is not ChangeState.CONFLICT or one.theirs is None:
        raise Refused("solved already", "examples-solved")
    return one, one.theirs


def retry(kit: Kit, event: Event) -> Screen:
    """Let an edit that the repository refused be tried again."""
    one = own_change(kit, event, reach.word(event, 1))
    if not kit.rows.changes.retry(one.change_id):
        raise Refused("not parked", "examples-not-parked")
    return change(kit, event)


def ask_drop(kit: Kit, event: Event) -> Screen:
    """Ask whether an edit that waits is to be taken back."""
    one = own_change(kit, event, reach.word(event, 1))
    told = text(event.language, "examples-ask-take-back", subject=said(one.subject))
    yes = to(event, "examples-take-back", "drop-yes", one.change_id)
    return panel.asks(event, told, yes, reach.data("change", one.change_id))


def drop(kit: Kit, event: Event) -> Screen:
    """Take an edit back."""
    one = own_change(kit, event, reach.word(event, 1))
    if not kit.rows.changes.give_up(one.change_id):
        raise Refused("too late", "examples-too-late")
    return _gone(event, "change-given-up")


def _gone(event: Event, key: str) -> Screen:
    rows = [(to(event, "examples-changes", "changes", 0),)]
    return sheet(text(event.language, key), rows=rows)
