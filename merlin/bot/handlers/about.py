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
from merlin.account.users import Users
from merlin.app.inbox import Dialog
from merlin.app.proposals import has_consent
from merlin.app.texts import MOST_CHARACTERS, PRIVACY, TERMS, Settings, legal_text
from merlin.bot import menu
from merlin.bot.commands import HELP_GROUPS, staff_commands
from merlin.bot.context import BotApplication, BotContext, add_handlers
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.answering import answering, company, dataset_of
from merlin.bot.handlers.presets import preset_name
from merlin.bot.menu import View
from merlin.chat.model_catalogue import ModelCatalogue, ServingModel, list_serving_models
from merlin.chat.sessions import Session, Sessions
from merlin.core import i18n
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES, text
from merlin.core.permissions import Permission
from merlin.db import audit
from merlin.db.audit import Audit

_VERSION_LENGTH = 12


def privacy(context: BotContext) -> View:
    """Tell what is stored, who answers, and what the person has allowed."""
    parts = [legal_text(Settings(context.db), PRIVACY, context.language), _retention_text(context)]
    parts += [_providers(context), _privacy_session(context)]
    is_given = has_consent(*performer(context))
    state = "given" if is_given else "none"
    parts.append(context.translate("privacy-consent", state=state))
    key, verb = ("revoke", "revoke") if is_given else ("give", "show")
    button = menu.button(context, f"privacy-button-{key}", f"consent:{verb}")
    return menu.message("\n\n".join(filter(None, parts)), (button,))


def _retention_text(context: BotContext) -> str:
    kept = context.services.retention
    return context.translate(
        "privacy-kept", turns=kept.turns_days, letters=max(kept.updates_days, kept.outgoing_days)
    )


def _providers(context: BotContext) -> str:
    lines = [f"• {company(context, name)}" for name in context.services.answerers]
    if not lines:
        return ""
    return "\n".join([context.translate("privacy-providers"), *lines])


def _privacy_session(context: BotContext) -> str:
    session = Sessions(context.db, context.bot_id).open(context.place)
    now = answering(context, session)
    if now is None:
        return ""
    provider = company(context, now.provider)
    by = "person" if session.provider else "bot"
    return context.translate("privacy-session", model=now.title, provider=provider, by=by)


def terms(context: BotContext) -> View:
    """Tell the terms, and note which version of them the person was shown."""
    words = legal_text(Settings(context.db), TERMS, context.language)
    version = sha256(words.encode()).hexdigest()[:_VERSION_LENGTH]
    Users(context.db).saw_terms(context.user_id, version)
    return menu.message(words)


INFO = "info"
TEXTS = (INFO, PRIVACY, TERMS)
WRITING = "own-words"


def operator_text(context: BotContext, name: str) -> str:
    """Return the operator's text, of another language where there is none in the person's."""
    languages = (context.language, *LANGUAGES)
    found = (Settings(context.db).get(f"{name}.{each}") for each in languages)
    return next(filter(None, found), "")


def texts_button(context: BotContext) -> list[tuple[Button, ...]]:
    """Return the row that leads to the texts, none to who may not edit them."""
    if not _may_edit(context):
        return []
    return [(menu.button(context, "own-words-edit", "own"),)]


def _may_edit(context: BotContext) -> bool:
    standing = context.roles.authority(context.user_id)
    return context.is_private and standing.may(Permission.EDIT_TEXTS)


def choose_text(context: BotContext) -> View:
    """Show the texts, or ask for the new words of the one that a button names."""
    if not _may_edit(context):
        return menu.alert(context.translate("bot-button-old"))
    if not _is_text(context.arguments):
        context.stop_waiting()
        return _all(context)
    context.wait(Dialog(WRITING, {"text": list(context.arguments)}))
    return _asks(context, ".".join(context.arguments))


def _is_text(words: object) -> bool:
    return words in [(name, language) for name in TEXTS for language in LANGUAGES]


def _all(context: BotContext) -> View:
    rows = [
        tuple(Button(f"/{name} · {each}", f"own:{name}:{each}") for each in LANGUAGES)
        for name in TEXTS
    ]
    return menu.message(context.translate("own-words-choose"), *rows)


def _asks(context: BotContext, name: str) -> View:
    now = Settings(context.db).get(name)
    words = context.translate("own-words-ask", name=name, most=MOST_CHARACTERS)
    back = menu.button(context, "button-back", "own")
    cancel = menu.button(context, "button-cancel", "cancel")
    if not now:
        return menu.message(words, (back, cancel))
    drop = menu.button(context, "own-words-drop", f"own-drop:{name.replace('.', ':')}", "danger")
    is_now = context.translate("own-words-now")
    return menu.message(f"{words}\n\n{is_now}\n{now}", (drop,), (back, cancel))


def text_written(context: BotContext) -> View:
    """Keep the words that were written."""
    wanted = tuple(context.dialog.said.get("text", ())) if context.dialog is not None else ()
    if not _may_edit(context) or not _is_text(wanted):
        context.stop_waiting()
        return menu.message(context.translate("bot-cancelled"))
    words = context.text.strip()
    if not 0 < len(words) <= MOST_CHARACTERS:
        return _asks(context, ".".join(wanted))
    return _put(context, ".".join(wanted), words)


def drop_text(context: BotContext) -> View:
    """Take a text away; what it was stays in the audit."""
    if not _may_edit(context) or not _is_text(context.arguments):
        return menu.alert(context.translate("bot-button-old"))
    return _put(context, ".".join(context.arguments), "")


def _put(context: BotContext, name: str, words: str) -> View:
    by = audit.person_reference(context.user_id)
    before = Settings(context.db).get(name)
    context.stop_waiting()
    Settings(context.db).put(name, words, by)
    Audit(context.db).note(by, "setting.put", f"setting:{name}", {"from": before, "to": words})
    back = menu.button(context, "button-back", "own")
    return menu.message(
        context.translate("own-words-kept" if words else "own-words-dropped"), (back,)
    )


def info(context: BotContext) -> View:
    """Tell what there is to know, first of what answers here."""
    session = Sessions(context.db, context.bot_id).open(context.place)
    shown = list_serving_models(ModelCatalogue(context.db), dataset_of(context, session))
    models = [_exhibit(context, each) for each in shown]
    if not models:
        general = "yes" if context.services.general else "no"
        models = [context.translate("bot-info-no-model", general=general)]
    version = context.translate("bot-info-version", version=__version__)
    own = operator_text(context, INFO)
    parts = [version, *models, _info_session(context, session), own]
    parts.append(context.translate("bot-info-commands"))
    return menu.message("\n\n".join(filter(None, parts)), *texts_button(context))


def _exhibit(context: BotContext, exhibit: ServingModel) -> str:
    serving, zone = exhibit.serving, context.zone
    model = context.translate(
        "bot-info-model",
        dataset=serving.dataset,
        build=serving.model.build_version,
        model=serving.model.model_id,
        trained=i18n.format_moment(serving.model.created_at, zone, context.language),
        since=i18n.format_moment(serving.since, zone, context.language),
    )
    return "\n".join(filter(None, [model, _scores(exhibit, context), _against(context, exhibit)]))


def _scores(exhibit: ServingModel, context: BotContext) -> str:
    scores = exhibit.evaluation
    if scores is None or scores.questions == 0:
        return context.translate("bot-info-not-evaluated")
    return context.translate(
        "bot-info-evaluation",
        questions=scores.questions,
        chrf=f"{scores.chrf:.1f}",
        equal=f"{scores.equal_share * 100:.0f}",
        unknown=f"{scores.unknown_share * 100:.0f}",
    )


def _against(context: BotContext, exhibit: ServingModel) -> str:
    """Return how the model did beside the one before it, where both were asked the same."""
    model, mine = exhibit.serving.model, exhibit.evaluation
    before = next(iter(ModelCatalogue(context.db).earlier(model.dataset)), None)
    if mine is None or before is None:
        return ""
    showcase = ModelCatalogue(context.db)
    other = showcase.evaluation(before.model_row)
    if other is None or not showcase.overlap(model, before).is_same:
        return ""
    by = f"{mine.chrf - other.chrf:+.1f}".replace("-", "−")
    return context.translate("bot-info-against", model=before.build_version, by=by)


def _info_session(context: BotContext, session: Session) -> str:
    now = answering(context, session)
    dataset = dataset_of(context, session)
    choices = {
        "bot-info-session-model": now.title if now else "",
        "bot-info-session-dataset": dataset or "",
        "bot-info-session-preset": preset_name(context, session) if session.preset else "",
        "bot-info-session-own": "yes" if session.system and not session.preset else "",
    }
    lines = [context.translate(key, name=name) for key, name in choices.items() if name]
    return "\n".join([context.translate("bot-info-session"), *lines]) if lines else ""


def show_help(context: BotContext) -> View:
    """List the commands, those of the staff for them alone."""
    language = context.language
    groups = list(HELP_GROUPS)
    staff = staff_commands(context.roles.authority(context.user_id))
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
    return View(FormattedMessage(words, tuple(marks)))


def _help_group(key: str, names: Sequence[str], language: str) -> str:
    lines = [f"/{name} — {text(language, f'bot-command-{name}')}" for name in names]
    return "\n".join([text(language, key), *lines])


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"help": show_help, "info": info, "privacy": privacy, "terms": terms},
        buttons={"privacy": privacy, "terms": terms, "own": choose_text, "own-drop": drop_text},
        steps={WRITING: text_written},
    )
