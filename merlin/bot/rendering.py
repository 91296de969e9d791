"""Format titles, states, times, plans, figures, notices and audit entries as text."""

from collections.abc import Mapping
from datetime import datetime

from merlin.account.users import Users
from merlin.app.verdicts import view_notice
from merlin.billing.purchases import Promise
from merlin.billing.quota import Format, questions_text
from merlin.bot.context import BotContext
from merlin.bot.services import BotServices
from merlin.core.clock import from_iso
from merlin.core.i18n import cut, format_number, keys, text
from merlin.core.log import get_logger
from merlin.dataset.files import FileIndex
from merlin.db.notices import Notice
from merlin.training.scores import Evaluation

log = get_logger(__name__)
# The longest line in a list.
_MAX_LINE_LENGTH = 200


def reference_name(services: BotServices, reference: str, language: str) -> str:
    """Return the display name of an actor or a subject; within the store's work."""
    kind, _, name = reference.partition(":")
    if kind == "user" and name.isdecimal():
        user = Users(services.db).get(int(name))
        if user is not None and user.shown_name:
            return f"{user.shown_name} · {name}"
    if reference == "user:erased":
        return text(language, "page-deleted-user")
    if reference == "billing":
        return text(language, "page-audit-by-billing")
    key = f"page-audit-target-{kind}"
    return (
        text(language, key, name=name) if name and key in keys(language) else reference
    )


def notice_text(services: BotServices, notice: Notice, language: str) -> str:
    """Return a notice with its amounts and names formatted for people; within the store's work."""
    arguments = view_notice(services.db, notice).arguments_in(language)
    if "by" in arguments:
        arguments["by"] = reference_name(services, str(arguments["by"]), language)
    try:
        return text(language, notice.key, **arguments)
    except (KeyError, ValueError, TypeError):
        log.exception("a notice has no text", key=notice.key)
        return text(language, "notice-untranslated", name=notice.key)


def evaluation_text(scores: Evaluation | None, language: str) -> str:
    """Return a model's scores as a sentence."""
    if scores is None or not scores.questions:
        return text(language, "bot-info-not-evaluated")
    return text(
        language,
        "bot-info-evaluation",
        questions=scores.questions,
        right=str(scores.right),
        chrf=format_number(language, scores.chrf, 1),
    )


def pack_text(pack: Mapping[Format, int], language: str) -> str:
    """Return the questions of a pack: "20 голосовых вопросов, 5 вопросов с фотографией"."""
    return ", ".join(
        questions_text(kind, pack[kind], language) for kind in Format if kind in pack
    )


def promise_text(promise: Promise, language: str) -> str:
    """Return the content of a purchase in one line: "20 голосовых вопросов на 30 дней"."""
    if promise.renews:
        return text(language, "pay-brings-month")
    if not promise.pack:
        return text(language, "pay-brings-days", days=promise.days or 0)
    questions = pack_text(promise.pack, language)
    if promise.days is None:
        return text(language, "pay-pack", what=questions)
    return text(language, "pay-brings-pack-days", what=questions, days=promise.days)


def dataset_title(context: BotContext, name: str) -> str:
    """Return a dataset's title in the user's language, or its name."""
    return FileIndex(context.db).show_title(name, context.language)


def state_text(context: BotContext, family: str, name: object) -> str:
    """Return the text `<family>-<name>`, or the name itself if there is no such text.

    Dots of the name are hyphens in the text's key.
    """
    key = f"{family}-{name}".replace(".", "-")
    return context.translate(key) if key in keys(context.language) else str(name)


def format_time(context: BotContext, at: datetime | str | None) -> str:
    """Format a time, or a stored ISO time, for the user; "" for None."""
    if not at:
        return ""
    moment = from_iso(at) if isinstance(at, str) else at
    return context.moment(moment, is_brief=True)


def cut_line(message: str) -> str:
    """Shorten a text to one line of a list."""
    return cut(message, _MAX_LINE_LENGTH)


def join_lines(*parts: str) -> str:
    """Join the non-empty lines."""
    return "\n".join(filter(None, parts))
