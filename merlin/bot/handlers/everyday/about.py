"""About: /info, what this bot is: version, models with their scores, the session, its operator."""

from __future__ import annotations

from merlin import __version__
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asking import dataset_of
from merlin.bot.handlers.everyday import own_words
from merlin.bot.handlers.talk.answering import answering
from merlin.bot.handlers.talk.under import named
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.chat.about import Exhibit, exhibits
from merlin.chat.session import Session
from merlin.core import moment
from merlin.core.text import text


def info(kit: Kit, event: Event) -> Screen:
    """Tell what there is to know, first of what answers here."""
    session = kit.rows.sessions.open(event.place)
    shown = exhibits(kit.rows.showcase, dataset_of(kit, session))
    models = [_exhibit(kit, event, each) for each in shown]
    if not models:
        general = "yes" if kit.services.general else "no"
        models = [text(event.language, "bot-info-no-model", general=general)]
    version = text(event.language, "bot-info-version", version=__version__)
    own = own_words.of(kit, event, own_words.INFO)
    parts = [version, *models, _session(kit, event, session), own]
    parts.append(text(event.language, "bot-info-commands"))
    return said("\n\n".join(filter(None, parts)), *own_words.door(kit, event))


def _exhibit(kit: Kit, event: Event, exhibit: Exhibit) -> str:
    serving, zone = exhibit.serving, zone_for(kit, event)
    model = text(
        event.language,
        "bot-info-model",
        dataset=serving.dataset,
        build=serving.model.build_version,
        model=serving.model.model_id,
        trained=moment.told(serving.model.created_at, zone, event.language),
        since=moment.told(serving.since, zone, event.language),
    )
    return "\n".join(filter(None, [model, _scores(exhibit, event), _against(kit, event, exhibit)]))


def _scores(exhibit: Exhibit, event: Event) -> str:
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


def _against(kit: Kit, event: Event, exhibit: Exhibit) -> str:
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


def _session(kit: Kit, event: Event, session: Session) -> str:
    now = answering(kit, event, session)
    dataset = dataset_of(kit, session)
    choices = {
        "bot-info-session-model": now.title if now else "",
        "bot-info-session-dataset": dataset or "",
        "bot-info-session-preset": named(kit, event, session) if session.preset else "",
        "bot-info-session-own": "yes" if session.system and not session.preset else "",
    }
    lines = [text(event.language, key, name=name) for key, name in choices.items() if name]
    return "\n".join([text(event.language, "bot-info-session"), *lines]) if lines else ""


TOPIC = Topic(
    commands={"info": told(info)},
    menu=("info",),
    group_menu=("info",),
)
