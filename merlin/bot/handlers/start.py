"""/start with its deep links, /cancel, /help, /info, /privacy, /terms; sign-in; blocked users.

    t.me/<bot>?start=course_<slug> | plan | login_<key> | fix_<turn> | tell_<turn>
    t.me/<bot>?start=go_<command> | ask_<token>

A sign-in in the browser must be confirmed by the user who opened the link, in the private chat,
once; the callback data is only the id of the row that stores whose it is. Blocked users get no
answers but keep access to their own data.

Commands for staff are listed only for them. Facts from the configuration are always shown: who
answers, retention periods, and the user's consent.
"""

from dataclasses import replace

from merlin import __version__
from merlin.account.sign_ins import Logins
from merlin.account.users import Users
from merlin.app import course_chat, courses
from merlin.app.ask import dataset_of
from merlin.app.bot_settings import privacy_text, terms_text
from merlin.app.consent import has_consent
from merlin.app.retention import MESSAGE_DAYS
from merlin.bot import menu
from merlin.bot.commands import MENU, SHOWN_FIRST, staff_commands
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers import feedback
from merlin.bot.handlers.answering import answering_model, provider_title
from merlin.bot.handlers.plans import show_plan
from merlin.bot.handlers.session_choices import open_course, preset_name
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import evaluation_text, join_lines
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import Session
from merlin.chat.turns import UpdateState
from merlin.config.section import choose_language
from merlin.core.formatted_text import Button
from merlin.training.models import Serving, proof_of

handlers = Handlers()
VERB = "login"
YES = "yes"
NO = "no"


def open_login(context: BotContext, key: str) -> View:
    """Ask whether it is they who sign in, with the number that the page shows."""
    login = Logins(context.db, context.services.clock).show(key, context.user_id)
    if login is None:
        return menu.text_view(context, "bot-login-over")
    login_id = login.login_id
    return menu.text_view(
        context,
        "bot-login-ask",
        ("bot-login-yes", f"{VERB}:{YES}:{login_id}", "success"),
        ("bot-login-no", f"{VERB}:{NO}:{login_id}"),
        number=str(login.number),
    )


@handlers.button(VERB)
def answer_login(context: BotContext) -> View:
    """Accept or refuse the sign-in; the result replaces the question."""
    answer = context.argument(0)
    login_id = context.number(1)
    login = None
    if context.is_private and login_id and answer in {YES, NO}:
        logins = Logins(context.db, context.services.clock)
        login = logins.settle(login_id, context.user_id, is_own=answer == YES)
    if login is None:
        return menu.text_view(context, "bot-login-over")
    return menu.text_view(
        context, "bot-login-done" if answer == YES else "bot-login-refused"
    )


_COMMAND_PREFIX = "go_"


def private_chat_button(context: BotContext, command: str = "") -> Button:
    """Return the button that opens the private chat and optionally runs a command there."""
    label = context.translate("groups-button-private")
    return Button(
        label, url=context.link(f"{_COMMAND_PREFIX}{command}" if command else "group")
    )


def follow_link(context: BotContext) -> BotContext:
    """Return the context of the command in a deep link: /start go_plan is /plan."""
    command = context.command_text.removeprefix(_COMMAND_PREFIX)
    if context.command != "start" or command == context.command_text:
        return context
    linked = replace(context, command=command, command_text="", text=f"/{command}")
    return linked if Use.BY_LINK in linked.use else context


# Kinds of updates by which a person uses the bot.
USE_KINDS = frozenset({"message", "callback_query"})


async def refuse_blocked(context: BotContext) -> bool:
    """Refuse to answer a blocked user; return True if the update is about their own data."""
    if (
        Use.IF_BLOCKED in context.use
        or context.stored.kind not in USE_KINDS
        or not (context.verb or context.is_private)
    ):
        return True
    message = context.translate("bot-blocked")
    if context.verb:
        await context.show(lambda: menu.alert(message), UpdateState.REFUSED, "blocked")
    else:
        await context.reply(message, UpdateState.REFUSED, "blocked")
    return False


@handlers.command("start")
def start(context: BotContext) -> View:
    """Run the action of the deep link, or greet; unknown payloads are ignored."""
    # Used in the admins' search and as the author of commits.
    Users(context.db).set_name(context.user_id, context.sender_name)
    kind, _, rest = context.command_text.partition("_")
    if kind == "course" and rest:
        return menu.with_heading(
            open_course(context, rest), context.translate("bot-hello")
        )
    if kind == "plan":
        return show_plan(context)
    if kind == feedback.LINK:
        return menu.catch_errors(feedback.fix)(replace(context, arguments=(rest,)))
    if kind == feedback.TELL_LINK:
        return menu.catch_errors(feedback.show_to_editors)(
            replace(context, arguments=(rest,))
        )
    if kind == "login" and rest:
        return open_login(context, rest)
    return _greeting(context)


def _greeting(context: BotContext) -> View:
    """Greet with the course and its starter questions, or briefly without a course."""
    title, questions = find_starters(context)
    if not title:
        return menu.text_view(context, "bot-start")
    keys = [
        Button(question, f"starter:{index}") for index, question in enumerate(questions)
    ]
    return menu.text_view(context, "bot-start-course", *keys, course=title)


def find_starters(context: BotContext) -> tuple[str, list[str]]:
    """Return the title of the chat's course and its starter questions, "" without a course."""
    services = context.services
    session = context.sessions.find_open(context.place)
    dataset = dataset_of(services, session) if session else services.default_dataset
    course = services.read_courses().by_slug.get(dataset or "")
    serving = ModelCatalogue(context.db).find_serving(dataset) if course else None
    if course is None or serving is None:
        return "", []
    return course.title(context.language), course_chat.find_starters(services, serving)


@handlers.command("cancel")
@handlers.button("cancel", use=Use.IF_BLOCKED)
def cancel(context: BotContext) -> View:
    """End the dialog, a button only that of its own question."""
    dialog = context.read_dialog()
    if context.arguments == ("0",):
        return menu.text_view(context, "bot-cancelled")
    if context.arguments and (dialog is None or dialog.asked_by != context.number()):
        return menu.refusal(context, "bot-cancel-late")
    if not context.stop_waiting() and not context.verb:
        return menu.text_view(context, "bot-nothing-to-cancel")
    return menu.text_view(context, "bot-cancelled")


@handlers.command("privacy", use=Use.BY_LINK | Use.IF_BLOCKED)
@handlers.button("privacy")
def privacy(context: BotContext) -> View:
    """Show what is stored, who answers, and the user's consent."""
    retention = context.services.config.retention
    has_given = has_consent(*context.caller)
    names = context.services.answer_service.answerers
    providers = [f"• {provider_title(context, name)}" for name in names]
    if providers:
        providers.insert(0, context.translate("privacy-providers"))
    session = context.open_session()
    model = answering_model(context, session)
    session_text = ""
    if model is not None:
        provider = provider_title(context, model.provider)
        by = "person" if session.provider else "bot"
        session_text = context.translate(
            "privacy-session", model=model.title, provider=provider, by=by
        )
    parts = [
        privacy_text(context.services, context.language),
        context.translate(
            "privacy-retention", turns=retention.turns_days, letters=MESSAGE_DAYS
        ),
        "\n".join(providers),
        session_text,
        context.translate("privacy-consent", state="given" if has_given else "none"),
    ]
    give = ("privacy-button-give", "consent:show")
    revoke = ("consent-revoke", "consent:revoke")
    return menu.paragraphs(context, *parts, rows=(revoke if has_given else give,))


@handlers.command("terms", use=Use.BY_LINK | Use.IF_BLOCKED)
@handlers.button("terms")
def terms(context: BotContext) -> View:
    """Show the terms."""
    return menu.message(context, terms_text(context.services, context.language))


_MAX_MODELS = 5


@handlers.command("info", use=Use.IN_GROUPS)
def info(context: BotContext) -> View:
    """Show the models with their scores, and the settings of the open session."""
    session = context.open_session()
    dataset = dataset_of(context.services, session)
    shown = {dataset, *courses.list_open_datasets(*context.caller)}
    serving = [
        item for item in context.catalogue.all_serving() if item.dataset in shown
    ]
    serving.sort(key=lambda item: item.dataset != dataset)  # the open session's first
    models = [_model_text(context, item) for item in serving[:_MAX_MODELS]]
    if len(serving) > _MAX_MODELS:
        models.append(
            context.translate("bot-info-more", count=len(serving) - _MAX_MODELS)
        )
    if not models:
        general = "yes" if context.services.general else "no"
        models = [context.translate("bot-info-no-model", general=general)]
    version = context.translate("bot-info-version", version=__version__)
    own = choose_language(context.services.config.telegram.info, context.language)
    about = f"{version} · {context.translate('bot-info-commands')}"
    return menu.paragraphs(
        context, _info_session(context, session), *models, own, about
    )


def _model_text(context: BotContext, serving: Serving) -> str:
    model = context.translate(
        "bot-info-model",
        dataset=context.services.read_courses().title(
            serving.dataset, context.language
        ),
        build=serving.model.build_version,
        trained=context.moment(serving.model.created_at),
        since=context.moment(serving.since),
    )
    scores = proof_of(context.db, serving.model.model_row)
    return join_lines(model, evaluation_text(scores, context.language))


def _info_session(context: BotContext, session: Session) -> str:
    model = answering_model(context, session)
    dataset = dataset_of(context.services, session)
    active = context.services.read_courses()
    choices = {
        "bot-info-session-model": model.title if model else "",
        "bot-info-session-dataset": active.title(dataset or "", context.language),
        "bot-info-session-preset": preset_name(context, session)
        if session.preset
        else "",
        "bot-info-session-own": "yes" if session.system and not session.preset else "",
    }
    choice_lines = [
        context.translate(key, name=name) for key, name in choices.items() if name
    ]
    return (
        "\n".join([context.translate("bot-info-session"), *choice_lines])
        if choice_lines
        else ""
    )


@handlers.command("help")
@handlers.button("help")
def show_help(context: BotContext) -> View:
    """List the most useful commands, those for staff first; all of them after the button."""
    names = (*staff_commands(context.authority), *MENU)
    shown = names if context.verb else names[:SHOWN_FIRST]
    lines = (f"/{name} — {context.translate(f'bot-command-{name}')}" for name in shown)
    return menu.paragraphs(
        context,
        context.translate("bot-help"),
        "\n".join(lines),
        context.translate("bot-help-end"),
        rows=(not context.verb and ("help-more", "help"),),
    )
