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
from merlin.model.evaluate import Evaluation


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
    """Return by how much the model is better than its base, else than the one before it."""
    mine = exhibit.evaluation
    name, other = _rival(kit, exhibit)
    if mine is None or other is None or not (mine.questions and other.questions):
        return ""
    by = f"{mine.chrf - other.chrf:+.1f}".replace("-", "−")
    return text(event.language, "bot-info-against", model=name, by=by)


def _rival(kit: Kit, exhibit: Exhibit) -> tuple[str, Evaluation | None]:
    model = exhibit.serving.model
    recipe = kit.rows.shelf.build(model.build_id).manifest.get("recipe")
    base = recipe.get("base_model") if isinstance(recipe, dict) else None
    found = kit.rows.shelf.model(base) if isinstance(base, str) else None
    if found is not None:
        return found.model_id, kit.rows.showcase.evaluation(found.model_row)
    earlier = next(iter(kit.rows.shelf.earlier(model.dataset)), None)
    if earlier is None:
        return "", None
    return earlier.build_version, kit.rows.showcase.evaluation(earlier.model_row)


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
