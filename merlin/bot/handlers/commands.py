"""Commands: /start /help /info /clear, and a hint for those that do not exist.

A command's function runs in the transaction that stores its answer, so that it is carried out
once, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable

from merlin import __version__
from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.chat.about import Exhibit, exhibits
from merlin.core.text import text

Command = Callable[[Kit, Event], str]


def start(_kit: Kit, event: Event) -> str:
    """Greet, and say what to do."""
    return text(event.language, "bot-start")


def help_(_kit: Kit, event: Event) -> str:
    """Say what the bot can do."""
    return text(event.language, "bot-help")


def info(kit: Kit, event: Event) -> str:
    """Tell version, serving models with their scores, first what answers here, and commands."""
    session = kit.rows.sessions.open(event.chat_id, event.update.user_id)
    shown = exhibits(kit.rows.showcase, session.dataset or kit.services.default_dataset)
    models = [_exhibit(each, event.language) for each in shown]
    if not models:
        general = "yes" if kit.services.general else "no"
        models = [text(event.language, "bot-info-no-model", general=general)]
    version = text(event.language, "bot-info-version", version=__version__)
    return "\n\n".join([version, *models, text(event.language, "bot-commands")])


def _exhibit(exhibit: Exhibit, language: str) -> str:
    serving = exhibit.serving
    model = text(
        language,
        "bot-info-model",
        dataset=serving.dataset,
        build=serving.model.build_version,
        model=serving.model.model_id,
        since=f"{serving.since:%Y-%m-%d %H:%M}",
    )
    return f"{model}\n{_scores(exhibit, language)}"


def _scores(exhibit: Exhibit, language: str) -> str:
    scores = exhibit.evaluation
    if scores is None or scores.questions == 0:
        return text(language, "bot-info-not-evaluated")
    return text(
        language,
        "bot-info-evaluation",
        questions=scores.questions,
        chrf=f"{scores.chrf:.1f}",
        equal=f"{scores.equal_share * 100:.0f}",
        unknown=f"{scores.unknown_share * 100:.0f}",
    )


def clear(kit: Kit, event: Event) -> str:
    """Close the session, and open a new one."""
    kit.rows.sessions.renew(event.chat_id, event.update.user_id)
    return text(event.language, "bot-clear")


def unknown(_kit: Kit, event: Event) -> str:
    """Say that there is no such command."""
    return text(event.language, "bot-unknown-command", command=f"/{event.command[:32]}")


# In the order of Telegram's menu; each has a description `bot-command-<name>`.
COMMANDS: dict[str, Command] = {"start": start, "help": help_, "info": info, "clear": clear}
