"""What a model's card says of its origin: builds, examples by counts, results, what was revoked."""

from dataclasses import dataclass

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import ModelView
from merlin.core.i18n import choose_translation
from merlin.dataset.builds import BUILDS, Build
from merlin.dataset.published import dump_tests, find_languages
from merlin.dataset.spec import Recipe
from merlin.dataset.split import TEST, TRAIN
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.tables import BUILD, MODEL
from merlin.training.jobs import Jobs
from merlin.training.models import (
    Origin,
    count_revoked,
    find_origin,
    read_conversations,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model with its build, its training and its origin.

    `title` is its dataset's, `languages` those of its examples, `revoked` how many of them have no
    consent any more; `tests` is promptfoo's list of its test questions.
    """

    model: ModelView
    build: Build
    recipe: Recipe
    origin: Origin
    title: str
    languages: list[str]
    revoked: int
    tests: str


def describe(ctx: Context, actor: Actor, name: str) -> ModelFacts:
    """Return what is known of a model, by the provider's name or the build's version.

    Raises NotFound.
    """
    model = models.find(ctx, actor, name)
    with ctx.db.snapshot():
        build_id = MODEL.select(MODEL.build_id).where(MODEL.id == model.id)
        [build] = BUILDS.read_all(ctx.db, BUILD.select().where(BUILD.id == build_id))
        origin = find_origin(ctx.db, model.model)
        assert origin is not None and model.job is not None  # noqa: S101, PT018 - as its row exists
        settings = read_newest_settings(ctx.db, model.dataset)
        taught = read_conversations(ctx.db, build.build_id, TRAIN)
        return ModelFacts(
            model=model,
            build=build,
            recipe=Jobs(ctx.db).get(model.job).recipe,
            origin=origin,
            title=choose_translation(settings.title, "en")
            if settings
            else model.dataset,
            languages=find_languages(messages for _, messages in taught),
            revoked=count_revoked(ctx.db, build.build_id),
            tests=dump_tests(read_conversations(ctx.db, build.build_id, TEST)),
        )
