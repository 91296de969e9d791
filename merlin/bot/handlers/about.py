"""/help, /info, /privacy and /terms, and the operator's own words for them, by language.

/help lists the commands in groups; those of admins and editors are listed for them alone.

What changes by itself is told by the bot in any case: who answers, how long what is kept, and
what the person has allowed. /info tells the version, models with their scores and the session.

    /info -> texts -> one of them -> its new words (a step) | taken away
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from merlin import __version__
from merlin.account.users import ConsentKind
from merlin.app.dialogs import Dialog
from merlin.app.texts import MOST_CHARACTERS, PRIVACY, TERMS, legal_text
from merlin.bot.commands import HELP_GROUPS, staff_commands
from merlin.bot.context import BotApplication, Event, Kit, add_handlers, told
from merlin.bot.handlers.asking import answering, company, dataset_of
from merlin.bot.handlers.presets import preset_name
from merlin.bot.handlers.quota import zone_for
from merlin.bot.menu import Screen, alert, said
from merlin.chat.model_catalogue import ServingModel, list_serving_models
from merlin.chat.sessions import Session
from merlin.core import i18n
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES, text
from merlin.core.permissions import Permission
from merlin.db import audit

_VERSION_LENGTH = 12


def privacy(kit: Kit, event: Event) -> Screen:
    """Tell what is stored, who answers, and what the person has allowed."""
    parts = [legal_text(kit.rows.settings, PRIVACY, event.language), _kept(kit, event)]
    parts += [_providers(kit, event), _privacy_session(kit, event)]
    is_given = kit.rows.consents.has(event.user_id, ConsentKind.TRAINING)
    state = "given" if is_given else "none"
    parts.append(text(event.language, "privacy-consent", state=state))
    key, verb = ("revoke", "revoke") if is_given else ("give", "show")
    button = Button(text(event.language, f"privacy-button-{key}"), f"consent:{verb}")
    return said("\n\n".join(filter(None, parts)), (button,))


def _kept(kit: Kit, event: Event) -> str:
    kept = kit.services.retention
    return text(
        event.language,
        "privacy-kept",
        turns=kept.turns_days,
        letters=max(kept.updates_days, kept.outgoing_days),
    )


def _providers(kit: Kit, event: Event) -> str:
    lines = [f"• {company(kit, event, name)}" for name in kit.services.answerers]
    if not lines:
        return ""
    return "\n".join([text(event.language, "privacy-providers"), *lines])


def _privacy_session(kit: Kit, event: Event) -> str:
    session = kit.rows.sessions.open(event.place)
    now = answering(kit, event, session)
    if now is None:
        return ""
    provider = company(kit, event, now.provider)
    by = "person" if session.provider else "bot"
    return text(event.language, "privacy-session", model=now.title, provider=provider, by=by)


def terms(kit: Kit, event: Event) -> Screen:
    """Tell the terms, and note which version of them the person was shown."""
    words = legal_text(kit.rows.settings, TERMS, event.language)
    version = sha256(words.encode()).hexdigest()[:_VERSION_LENGTH]
    kit.rows.users.saw_terms(event.user_id, version)
    return said(words)


INFO = "info"
TEXTS = (INFO, PRIVACY, TERMS)
WRITING = "own-words"


def operator_text(kit: Kit, event: Event, name: str) -> str:
    """Return the operator's text, of another language where there is none in the person's."""
    languages = (event.language, *LANGUAGES)
    found = (kit.rows.settings.get(f"{name}.{each}") for each in languages)
    return next(filter(None, found), "")


def texts_button(kit: Kit, event: Event) -> list[tuple[Button, ...]]:
    """Return the row that leads to the texts, none to who may not edit them."""
    if not _may_edit(kit, event):
        return []
    return [(Button(text(event.language, "own-words-edit"), "own"),)]


def _may_edit(kit: Kit, event: Event) -> bool:
    standing = kit.rows.roles.standing(event.user_id)
    return event.is_private and standing.may(Permission.EDIT_TEXTS)


def choose_text(kit: Kit, event: Event) -> Screen:
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


def text_written(kit: Kit, event: Event) -> Screen:
    """Keep the words that were written."""
    wanted = tuple(event.dialog.said.get("text", ())) if event.dialog is not None else ()
    if not _may_edit(kit, event) or not _is_text(wanted):
        kit.rows.dialogs.end(event.chat_id, event.user_id)
        return said(text(event.language, "bot-cancelled"))
    words = event.text.strip()
    if not 0 < len(words) <= MOST_CHARACTERS:
        return _asks(kit, event, ".".join(wanted))
    return _put(kit, event, ".".join(wanted), words)


def drop_text(kit: Kit, event: Event) -> Screen:
    """Take a text away; what it was stays in the audit."""
    if not _may_edit(kit, event) or not _is_text(event.args):
        return alert(text(event.language, "bot-button-old"))
    return _put(kit, event, ".".join(event.args), "")


def _put(kit: Kit, event: Event, name: str, words: str) -> Screen:
    by = audit.person_reference(event.user_id)
    before = kit.rows.settings.get(name)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    kit.rows.settings.put(name, words, by)
    kit.rows.audit.note(by, "setting.put", f"setting:{name}", {"from": before, "to": words})
    back = Button(text(event.language, "button-back"), "own")
    return said(text(event.language, "own-words-kept" if words else "own-words-dropped"), (back,))


def info(kit: Kit, event: Event) -> Screen:
    """Tell what there is to know, first of what answers here."""
    session = kit.rows.sessions.open(event.place)
    shown = list_serving_models(kit.rows.showcase, dataset_of(kit, session))
    models = [_exhibit(kit, event, each) for each in shown]
    if not models:
        general = "yes" if kit.services.general else "no"
        models = [text(event.language, "bot-info-no-model", general=general)]
    version = text(event.language, "bot-info-version", version=__version__)
    own = operator_text(kit, event, INFO)
    parts = [version, *models, _info_session(kit, event, session), own]
    parts.append(text(event.language, "bot-info-commands"))
    return said("\n\n".join(filter(None, parts)), *texts_button(kit, event))


def _exhibit(kit: Kit, event: Event, exhibit: ServingModel) -> str:
    serving, zone = exhibit.serving, zone_for(kit, event)
    model = text(
        event.language,
        "bot-info-model",
        dataset=serving.dataset,
        build=serving.model.build_version,
        model=serving.model.model_id,
        trained=i18n.format_moment(serving.model.created_at, zone, event.language),
        since=i18n.format_moment(serving.since, zone, event.language),
    )
    return "\n".join(filter(None, [model, _scores(exhibit, event), _against(kit, event, exhibit)]))


def _scores(exhibit: ServingModel, event: Event) -> str:
    scores = exhibit.evaluation
    if scores is None or scores.questions == 0:
        return text(event.language, "bot-info-not-evaluated")
    return text(
        event.language,
        "bot-info-evaluation",
        questions=scores.questions,
        chrf=f"{scores.chrf:.1f}",
        equal=f"{scores.equal_share * 100:.0f}",
        unknown=f"{scores.unknown_share * 100:.0f}",
    )


def _against(kit: Kit, event: Event, exhibit: ServingModel) -> str:
    """Return how the model did beside the one before it, where both were asked the same."""
    model, mine = exhibit.serving.model, exhibit.evaluation
    before = next(iter(kit.rows.shelf.earlier(model.dataset)), None)
    if mine is None or before is None:
        return ""
    showcase = kit.rows.showcase
    other = showcase.evaluation(before.model_row)
    if other is None or not showcase.overlap(model, before).is_same:
        return ""
    by = f"{mine.chrf - other.chrf:+.1f}".replace("-", "−")
    return text(event.language, "bot-info-against", model=before.build_version, by=by)


def _info_session(kit: Kit, event: Event, session: Session) -> str:
    now = answering(kit, event, session)
    dataset = dataset_of(kit, session)
    choices = {
        "bot-info-session-model": now.title if now else "",
        "bot-info-session-dataset": dataset or "",
        "bot-info-session-preset": preset_name(kit, event, session) if session.preset else "",
        "bot-info-session-own": "yes" if session.system and not session.preset else "",
    }
    lines = [text(event.language, key, name=name) for key, name in choices.items() if name]
    return "\n".join([text(event.language, "bot-info-session"), *lines]) if lines else ""


def show_help(kit: Kit, event: Event) -> Screen:
    """List the commands, those of the staff for them alone."""
    language = event.language
    groups = list(HELP_GROUPS)
    staff = staff_commands(kit.rows.roles.standing(event.user_id))
    if staff:
        groups.append(("help-staff", staff))
    parts = [text(language, "bot-help"), *(_help_group(*each, language) for each in groups)]
    words = "\n\n".join([*parts, text(language, "bot-help-end")])
    heads = [text(language, key) for key, _ in groups]
    places = [(words.find(f"\n\n{head}\n/"), head) for head in heads]
    marks = [
        Entity("bold", utf16_length(words[: place + 2]), utf16_length(head))
        for place, head in places
    ]
    return Screen(FormattedMessage(words, tuple(marks)))


def _help_group(key: str, names: Sequence[str], language: str) -> str:
    lines = [f"/{name} — {text(language, f'bot-command-{name}')}" for name in names]
    return "\n".join([text(language, key), *lines])


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={
            "help": told(show_help),
            "info": told(info),
            "privacy": told(privacy),
            "terms": told(terms),
        },
        buttons={
            "privacy": told(privacy),
            "terms": told(terms),
            "own": told(choose_text),
            "own-drop": told(drop_text),
        },
        steps={WRITING: told(text_written)},
    )
