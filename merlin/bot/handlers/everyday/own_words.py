"""Own words: the texts that the operator writes: for /info, /privacy and /terms, by language.

/info -> texts -> one of them -> its new words (a step) | taken away
"""

from __future__ import annotations

from merlin.account import audit
from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.chat.setting import MOST_CHARACTERS, PRIVACY, TERMS
from merlin.core.page import Button
from merlin.core.text import LANGUAGES, text

INFO = "info"
TEXTS = (INFO, PRIVACY, TERMS)
WRITING = "own-words"


def of(kit: Kit, event: Event, name: str) -> str:
    """Return the operator's text, of another language where there is none in the person's."""
    languages = (event.language, *LANGUAGES)
    found = (kit.rows.settings.get(f"{name}.{each}") for each in languages)
    return next(filter(None, found), "")


def door(kit: Kit, event: Event) -> list[tuple[Button, ...]]:
    """Return the row that leads to the texts, none to who may not edit them."""
    if not _may_edit(kit, event):
        return []
    return [(Button(text(event.language, "own-words-edit"), "own"),)]


def _may_edit(kit: Kit, event: Event) -> bool:
    standing = kit.rows.roles.standing(event.user_id)
    return event.is_private and standing.may(Permission.EDIT_TEXTS)


def choose(kit: Kit, event: Event) -> Screen:
    """Show the texts, or ask for the new words of the one that a button names."""
    if not _may_edit(kit, event):
        return alert(text(event.language, "bot-button-old"))
    if not _is_text(event.args):
        kit.rows.dialogs.end(event.chat_id, event.user_id)
        return _all(event)
    kit.wait(event, Dialog(WRITING, {"text": list(event.args)}))
    return _asks(kit, event, ".".join(event.args))


def _is_text(words: object) -> bool:
    return words in [(name, language) for name in TEXTS for language in LANGUAGES]


def _all(event: Event) -> Screen:
    rows = [
        tuple(Button(f"/{name} · {each}", f"own:{name}:{each}") for each in LANGUAGES)
        for name in TEXTS
    ]
    return said(text(event.language, "own-words-choose"), *rows)


def _asks(kit: Kit, event: Event, name: str) -> Screen:
    now = kit.rows.settings.get(name)
    words = text(event.language, "own-words-ask", name=name, most=MOST_CHARACTERS)
    back = Button(text(event.language, "button-back"), "own")
    cancel = Button(text(event.language, "button-cancel"), "cancel")
    if not now:
        return said(words, (back, cancel))
    drop = Button(
        text(event.language, "own-words-drop"),
        f"own-drop:{name.replace('.', ':')}",
        style="danger",
    )
    is_now = text(event.language, "own-words-now")
    return said(f"{words}\n\n{is_now}\n{now}", (drop,), (back, cancel))


def written(kit: Kit, event: Event) -> Screen:
    """Keep the words that were written."""
    wanted = tuple(event.dialog.said.get("text", ())) if event.dialog is not None else ()
    if not _may_edit(kit, event) or not _is_text(wanted):
        kit.rows.dialogs.end(event.chat_id, event.user_id)
        return said(text(event.language, "bot-cancelled"))
    words = event.text.strip()
    if not 0 < len(words) <= MOST_CHARACTERS:
        return _asks(kit, event, ".".join(wanted))
    return _put(kit, event, ".".join(wanted), words)


def drop(kit: Kit, event: Event) -> Screen:
    """Take a text away; what it was stays in the audit."""
    if not _may_edit(kit, event) or not _is_text(event.args):
        return alert(text(event.language, "bot-button-old"))
    return _put(kit, event, ".".join(event.args), "")


def _put(kit: Kit, event: Event, name: str, words: str) -> Screen:
    by = audit.user(event.user_id)
    before = kit.rows.settings.get(name)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    kit.rows.settings.put(name, words, by)
    kit.rows.audit.note(by, "setting.put", f"setting:{name}", {"from": before, "to": words})
    back = Button(text(event.language, "button-back"), "own")
    return said(text(event.language, "own-words-kept" if words else "own-words-dropped"), (back,))


TOPIC = Topic(buttons={"own": told(choose), "own-drop": told(drop)}, steps={WRITING: told(written)})
