"""/start with its deep links, /cancel, /help, /info, /privacy, /terms; sign-in; who is blocked.

    t.me/<bot>?start=course_<slug> | plan | ref_<number> | login_<key> | fix_<turn> | tell_<turn>
    t.me/<bot>?start=go_<command> | ask_<token>
    /info -> texts -> one of them -> its new words (a step) | taken away

A browser that asks to be signed in needs a yes: only the person who opened the link can give it, in
the private chat, once; what a button brings is a number, and the row says whose it is. Whom an
admin has blocked gets no answers, but keeps the right to their own data.

/help lists the commands in groups; those of admins and editors are listed for them alone. What
changes by itself is told by the bot in any case: who answers, how long what is kept, and what the
person has allowed. The rest are the operator's own words, by language.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from merlin import __version__
from merlin.account.users import Users
from merlin.app import course_chat, courses, sign_in
from merlin.app.ask import dataset_of
from merlin.app.inbox import Dialog, UpdateState
from merlin.app.proposals import has_consent
from merlin.app.texts import MAX_CHARACTERS, PRIVACY, TERMS, Settings, legal_text, put_text
from merlin.bot import menu
from merlin.bot.commands import HELP_GROUPS, staff_commands
from merlin.bot.context import BotContext
from merlin.bot.handlers import feedback
from merlin.bot.handlers.admin import join_lines, performer
from merlin.bot.handlers.answering import answering_model, provider_title
from merlin.bot.handlers.models import evaluation_text
from merlin.bot.handlers.plans import LINK, reward_inviter, show_plan
from merlin.bot.handlers.session_choices import open_course, preset_name
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import Session
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES, format_number, text
from merlin.core.permissions import Permission
from merlin.training.models import Evaluation, Model, Serving, overlap_of, proof_of

handlers = Handlers()
VERB, YES, NO = "login", "yes", "no"


def open_login(context: BotContext, key: str) -> View:
    """Show which browser asks, with the digits that stand on its page."""
    login = sign_in.show_login(*performer(context), key) if context.is_private else None
    if login is None:
        return menu.say(context, "bot-login-over")
    unknown, login_id = context.translate("bot-login-unknown"), login.login_id
    return menu.say(
        context,
        "bot-login-ask",
        ("bot-login-yes", f"{VERB}:{YES}:{login_id}", "success"),
        ("bot-login-no", f"{VERB}:{NO}:{login_id}"),
        agent=login.agent or unknown,
        place=login.place or unknown,
        number=str(login.number),
    )


@handlers.button(VERB)
def settle_login(context: BotContext) -> View:
    """Let the browser in, or not; the question takes the answer's words."""
    answer, login_id, login = context.argument(0), context.number(1), None
    if context.is_private and login_id and answer in {YES, NO}:
        login = sign_in.answer_login(*performer(context), login_id, is_own=answer == YES)
    if login is None:
        return menu.say(context, "bot-login-over")
    return menu.say(context, "bot-login-done" if answer == YES else "bot-login-refused")


# Commands that a link may carry out: those that only show something. A link is pressed blindly.
PRIVATE = frozenset(
    {
        "admin",
        "course",
        "delete_me",
        "export",
        "lang",
        "model",
        "paysupport",
        "plan",
        "preset",
        "privacy",
        "sessions",
        "system",
        "terms",
    }
)
_GO = "go_"
_ASK = "ask_"


def to_private(context: BotContext, command: str = "") -> Button:
    """Return the button that opens the private chat, and there a command."""
    label = context.translate("groups-button-private")
    return Button(label, url=context.link(f"{_GO}{command}" if command else "group"))


def led_to(context: BotContext) -> BotContext:
    """Return what a link leads to: /start go_plan is /plan."""
    command = context.words.removeprefix(_GO)
    if context.command != "start" or not context.words.startswith(_GO) or command not in PRIVATE:
        return context
    return replace(context, command=command, words="")


def question_payload(token: str) -> str:
    """Return the payload of a link that asks a kept question."""
    return f"{_ASK}{token}"


def asked_token(context: BotContext) -> str:
    """Return the token of the question that a link asks, "" for none."""
    is_link = context.command == "start" and context.words.startswith(_ASK)
    return context.words.removeprefix(_ASK) if is_link else ""


_COMMANDS = frozenset({"export", "delete_me", "privacy", "terms", "paysupport"})
_BUTTONS = frozenset({"forget", "cancel"})
_KINDS = frozenset({"message", "edited_message", "callback_query"})


async def turn_away(context: BotContext) -> bool:
    """Say to who is blocked that no answers are given; True where they ask for their own data."""
    is_own = context.command in _COMMANDS or context.verb in _BUTTONS
    if is_own or context.stored.kind not in _KINDS or not (context.verb or context.is_private):
        return True
    message = context.translate("bot-blocked")
    if context.verb:
        await context.show(lambda: menu.alert(message), UpdateState.REFUSED, "blocked")
    else:
        await context.say(message, UpdateState.REFUSED, "blocked")
    return False


@handlers.command("start")
def start(context: BotContext) -> View:
    """Greet, and go where the link leads; what no link can mean is passed over."""
    if context.is_private:
        # For admins who look for a person, and for commits in an editor's name.
        Users(context.db).set_name(context.user_id, context.sender_name)
    kind, _, rest = context.words.partition("_")
    if kind == LINK:
        reward_inviter(context, rest)
    if kind == "course" and rest:
        return menu.with_heading(open_course(context, rest), context.translate("bot-hello"))
    if kind == "plan":
        return show_plan(context)
    if kind == feedback.LINK and context.is_private:
        return feedback.fix(replace(context, arguments=(rest,)))
    if kind == feedback.TELL_LINK and context.is_private:
        return feedback.tell(replace(context, arguments=(rest,)))
    if kind == "login" and rest:
        return open_login(context, rest)
    return _greeting(context)


def _greeting(context: BotContext) -> View:
    """Say what the talk is about, with questions to begin with; without a course only hello."""
    services = context.services
    session = context.sessions.opened(context.place) if context.is_private else None
    dataset = dataset_of(services, session) if session else services.default_dataset
    course = courses.titles(services, context.language).get(dataset or "")
    is_served = ModelCatalogue(context.db).serving(dataset) is not None
    if not (context.is_private and dataset and course and is_served):
        return menu.say(context, "bot-start")
    ctx, actor = performer(context)
    questions = course_chat.starters(ctx, actor, dataset).questions
    keys = [Button(question, f"starter:{place}") for place, question in enumerate(questions)]
    return menu.say(context, "bot-start-course", *keys, course=course)


@handlers.command("cancel")
@handlers.button("cancel")
def cancel(context: BotContext) -> View:
    """Wait for nothing any more, whatever was asked for."""
    is_news = context.stop_waiting() or context.verb
    return menu.say(context, "bot-cancelled" if is_news else "bot-nothing-to-cancel")


async def unknown(context: BotContext) -> None:
    """Say that there is no such command."""
    await context.say(context.translate("bot-unknown-command", command=f"/{context.command[:32]}"))


_VERSION_LENGTH = 12


@handlers.command("privacy")
@handlers.button("privacy")
def privacy(context: BotContext) -> View:
    """Tell what is stored, who answers, and what the person has allowed."""
    kept, is_given = context.services.config.retention, has_consent(*performer(context))
    letters = max(kept.updates_days, kept.outgoing_days)
    providers = [f"• {provider_title(context, name)}" for name in context.services.answerers]
    if providers:
        providers.insert(0, context.translate("privacy-providers"))
    session = context.open_session()
    now, who = answering_model(context, session), ""
    if now is not None:
        provider, by = (
            provider_title(context, now.provider),
            "person" if session.provider else "bot",
        )
        who = context.translate("privacy-session", model=now.title, provider=provider, by=by)
    parts = [
        legal_text(Settings(context.db), PRIVACY, context.language),
        context.translate("privacy-kept", turns=kept.turns_days, letters=letters),
        "\n".join(providers),
        who,
        context.translate("privacy-consent", state="given" if is_given else "none"),
    ]
    give, revoke = (
        ("privacy-button-give", "consent:show"),
        ("privacy-button-revoke", "consent:revoke"),
    )
    return menu.paragraphs(context, *parts, rows=(revoke if is_given else give,))


@handlers.command("terms")
@handlers.button("terms")
def terms(context: BotContext) -> View:
    """Tell the terms, and note which version of them the person was shown."""
    words = legal_text(Settings(context.db), TERMS, context.language)
    version = sha256(words.encode()).hexdigest()[:_VERSION_LENGTH]
    Users(context.db).saw_terms(context.user_id, version)
    return menu.message(context, words)


INFO = "info"
TEXTS = (INFO, PRIVACY, TERMS)
WRITING = "own-words"


def _may_edit(context: BotContext) -> bool:
    return context.is_private and context.authority.may(Permission.EDIT_TEXTS)


@handlers.button("own")
def choose_text(context: BotContext) -> View:
    """Show the texts, or ask for the new words of the one that a button names."""
    if not _may_edit(context):
        return menu.outdated(context)
    if _is_text(context.arguments):
        context.wait(Dialog(WRITING, {"text": list(context.arguments)}))
        return _asks(context, ".".join(context.arguments))
    context.stop_waiting()
    rows = [
        [Button(f"/{name} · {language}", f"own:{name}:{language}") for language in LANGUAGES]
        for name in TEXTS
    ]
    return menu.say(context, "own-words-choose", *rows)


def _is_text(words: object) -> bool:
    return words in [(name, language) for name in TEXTS for language in LANGUAGES]


def _asks(context: BotContext, name: str) -> View:
    now = Settings(context.db).get(name)
    message = context.translate("own-words-ask", name=name, most=MAX_CHARACTERS)
    if now:
        message = f"{message}\n\n{context.translate('own-words-now')}\n{now}"
    drop = ("own-words-drop", f"own-drop:{name.replace('.', ':')}", "danger")
    return menu.message(context, message, bool(now) and drop, menu.back_or_cancel("own"))


@handlers.step(WRITING)
def text_written(context: BotContext) -> View:
    """Keep the words that were written."""
    requested = tuple(context.dialog_values.get("text", ()))
    if not _may_edit(context) or not _is_text(requested):
        context.stop_waiting()
        return menu.say(context, "bot-cancelled")
    message = context.text.strip()
    if not 0 < len(message) <= MAX_CHARACTERS:
        return _asks(context, ".".join(requested))
    return _put(context, ".".join(requested), message)


@handlers.button("own-drop")
def drop_text(context: BotContext) -> View:
    """Take a text away; what it was stays in the audit."""
    if not _may_edit(context) or not _is_text(context.arguments):
        return menu.outdated(context)
    return _put(context, ".".join(context.arguments), "")


def _put(context: BotContext, name: str, message: str) -> View:
    context.stop_waiting()
    put_text(*performer(context), name, message)
    key = "own-words-kept" if message else "own-words-dropped"
    return menu.say(context, key, menu.back("own"))


@handlers.command("info")
def info(context: BotContext) -> View:
    """Tell what there is to know, first of what answers here."""
    session = context.open_session()
    here = dataset_of(context.services, session)
    shown = context.catalogue.all_serving()
    # What answers here is told first.
    models = [
        _exhibit(context, each) for each in sorted(shown, key=lambda each: each.dataset != here)
    ]
    if not models:
        general = "yes" if context.services.general else "no"
        models = [context.translate("bot-info-no-model", general=general)]
    version = context.translate("bot-info-version", version=__version__)
    # The operator's text, of another language where there is none in the person's.
    own = (Settings(context.db).get(f"{INFO}.{each}") for each in (context.language, *LANGUAGES))
    parts = [version, *models, _info_session(context, session), next(filter(None, own), "")]
    parts.append(context.translate("bot-info-commands"))
    edit = _may_edit(context) and ("own-words-edit", "own")
    return menu.paragraphs(context, *parts, rows=(edit,))


def _titled(context: BotContext, dataset: str) -> str:
    return courses.titles(context.services, context.language).get(dataset, dataset)


def _exhibit(context: BotContext, serving: Serving) -> str:
    model = context.translate(
        "bot-info-model",
        dataset=_titled(context, serving.dataset),
        build=serving.model.build_version,
        trained=context.moment(serving.model.created_at),
        since=context.moment(serving.since),
    )
    scores = proof_of(context.db, serving.model.model_row)
    against = _against(context, serving.model, scores) if scores is not None else ""

    return join_lines(model, evaluation_text(scores, context.language), against)


def _against(context: BotContext, model: Model, evaluation: Evaluation) -> str:
    """Return how the model did beside the one before it, where both were asked the same."""
    before = next(iter(context.catalogue.earlier(model.dataset)), None)
    other = proof_of(context.db, before.model_row) if before is not None else None
    if before is None or other is None:
        return ""
    if not overlap_of(context.db, model.build_id, before.build_id).is_same:
        return ""
    by = evaluation.chrf - other.chrf
    message = f"{'−' if by < 0 else '+'}{format_number(context.language, abs(by), 1)}"
    return context.translate("bot-info-against", model=before.build_version, by=message)


def _info_session(context: BotContext, session: Session) -> str:
    now = answering_model(context, session)
    dataset = dataset_of(context.services, session)
    choices = {
        "bot-info-session-model": now.title if now else "",
        "bot-info-session-dataset": _titled(context, dataset) if dataset else "",
        "bot-info-session-preset": preset_name(context, session) if session.preset else "",
        "bot-info-session-own": "yes" if session.system and not session.preset else "",
    }
    choice_lines = [context.translate(key, name=name) for key, name in choices.items() if name]
    return "\n".join([context.translate("bot-info-session"), *choice_lines]) if choice_lines else ""


@handlers.command("help")
def show_help(context: BotContext) -> View:
    """List the commands, those of the staff for them alone."""
    language = context.language
    groups = list(HELP_GROUPS)
    staff = staff_commands(context.authority)
    if staff:
        groups.append(("help-staff", staff))
    shown, marks = text(language, "bot-help"), []
    for key, names in groups:
        head = text(language, key)
        marks.append(Entity("bold", utf16_length(shown) + 2, utf16_length(head)))
        rows = [f"/{name} — {text(language, f'bot-command-{name}')}" for name in names]
        shown = "\n".join([f"{shown}\n\n{head}", *rows])
    return View(FormattedMessage(f"{shown}\n\n{text(language, 'bot-help-end')}", tuple(marks)))
