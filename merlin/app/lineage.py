"""Lineage: the builds, models and answers that an example went into, and the source of an answer.

An answer is traced to the examples that taught its model exactly this answer. Without such
examples the model composed it; then those with the most similar questions are shown as nearest,
not as its source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import nlargest
from operator import attrgetter

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import list_dataset_names
from merlin.chat.model_catalogue import CandidateKind
from merlin.core.clock import from_iso
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.views import described
from merlin.dataset.builds import build_version, select_builds_with, select_taught
from merlin.dataset.example import find_first
from merlin.dataset.files import FileIndex
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.split import TRAIN
from merlin.db.database import Row
from merlin.db.tables import (
    BUILD,
    EXAMPLE_TEXT,
    MODEL,
    SERVING,
    TAUGHT_EXAMPLE,
    TURN,
)
from merlin.db.values import decrypt, read_messages, read_row
from merlin.training.models import (
    ModelState,
    Origin,
    find_origin,
    find_taught,
    select_models,
)

NEWEST = 5


class AnswerPart(StrEnum):
    """Which part of the chain answered."""

    EXACT = "exact"  # a taught answer, word for word
    MODEL = "model"  # written by the model
    COMPOSED = "composed"  # written from sources
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model trained on the example."""

    model: str
    provider: str
    build: str | None
    state: ModelState
    serves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """An answer of such a model; `merlin why` shows the source of a turn."""

    turn: int
    model: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleImpact:
    """The uses of an example, with the newest builds, models and answers."""

    dataset: str
    example: str
    builds: int
    newest_builds: list[str]
    tests: int = described("Number of builds that have the example in the test split.")
    models: int
    newest_models: list[TrainedModel]
    newest_answers: list[ModelAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOrigin:
    """The source of an answer; `origin` is None for a model that was not tuned here."""

    turn: int
    model: str
    provider: str
    at: datetime
    origin: Origin | None
    said_by: dict[str, str] = described(
        "Examples with exactly this answer: id -> its commit."
    )
    nearest: list[str] = described(
        "If there is none: examples with the most similar questions."
    )
    part: AnswerPart = described(
        "A taught answer, the model's, one from sources, or a refusal."
    )


def find_impact(ctx: Context, actor: Actor, name: str, dataset: str) -> ExampleImpact:
    """Return the uses of an example; `name` is its id, DATASET/ID, or its file's path.

    Raises NotFound if no build has it, Refused if several datasets have it.
    """
    with ctx.db.snapshot():
        dataset, example_id = _find_example(ctx, actor, name, dataset)
        query = select_builds_with(
            dataset, example_id, BUILD.id, BUILD.number, TAUGHT_EXAMPLE.split
        )
        builds = ctx.db.rows(query.order_by(BUILD.id.desc()))
        taught = [row for row in builds if row.split == TRAIN]
        models = _models(ctx, [row.id for row in taught])
        return ExampleImpact(
            dataset=dataset,
            example=example_id,
            builds=len(taught),
            newest_builds=[f"{dataset}-{row.number}" for row in taught[:NEWEST]],
            tests=len(builds) - len(taught),
            models=len(models),
            newest_models=[
                read_row(
                    TrainedModel,
                    row,
                    model=row.model_id,
                    build=build_version(dataset, row.build_number),
                    serves=row.model_row is not None,
                )
                for row in models[:NEWEST]
            ],
            newest_answers=_newest_answers(ctx, models),
        )


def _find_example(
    ctx: Context, actor: Actor, name: str, dataset: str
) -> tuple[str, str]:
    """Return dataset and id of the example. Raises as `find_impact`."""
    visible_datasets = list_dataset_names(ctx, actor)
    folder, is_file, path = f"/{name}".rpartition(f"/{EXAMPLES}")
    if is_file and name.endswith(".yaml"):
        dataset = folder.rpartition("/")[2] or dataset
        name = example_id_of(path)
    first_part, _, remainder = name.partition("/")
    requested = [
        dataset_name
        for dataset_name in visible_datasets
        if dataset in {"", dataset_name}
    ]
    candidates = dict.fromkeys(
        [(first_part, remainder), *((dataset_name, name) for dataset_name in requested)]
    )
    matches = [
        pair for pair in candidates if pair[0] in requested and _has_build(ctx, *pair)
    ]
    if not matches:
        raise NotFound(f"no build holds {name}", "impact-not-found", example=name)
    if len(matches) > 1:
        datasets = ", ".join(dataset_name for dataset_name, _ in matches)
        raise Refused(
            f"{name} is in {datasets}",
            "impact-several",
            example=name,
            datasets=datasets,
        )
    return matches[0]


def _has_build(ctx: Context, dataset: str, example_id: str) -> bool:
    condition = (TAUGHT_EXAMPLE.dataset == dataset) & (
        TAUGHT_EXAMPLE.example_id == example_id
    )
    return ctx.db.has(TAUGHT_EXAMPLE, condition)


def _models(ctx: Context, builds: list[int]) -> list[Row]:
    query = select_models().select_extend(SERVING.model_row)
    query = query.left_outer_join(SERVING, on=(SERVING.model_row == MODEL.id))
    return ctx.db.rows(
        query.where(MODEL.build_id.in_(builds)).order_by(MODEL.id.desc())
    )


def _newest_answers(ctx: Context, models: list[Row]) -> list[ModelAnswer]:
    newest = list[ModelAnswer]()
    # One query per model: each is an index range that ends with the newest answer.
    for provider, model_id in dict.fromkeys(
        (row.provider, row.model_id) for row in models
    ):
        condition = (TURN.provider == provider) & (TURN.model_id == model_id)
        query = (
            TURN.select(TURN.id, TURN.asked_at)
            .where(condition)
            .order_by(TURN.id.desc())
        )
        newest += [
            ModelAnswer(turn=row.id, model=model_id, at=from_iso(row.asked_at))
            for row in ctx.db.rows(query.limit(NEWEST))
        ]
    return nlargest(NEWEST, newest, key=attrgetter("turn"))


def read_questions(ctx: Context, dataset: str, ids: Sequence[str]) -> dict[str, str]:
    """Return the questions, as last built, of those examples that the dataset still has, by id."""
    paths = FileIndex(ctx.db).find_paths(dataset, [*map(example_path, ids)])
    condition = (TAUGHT_EXAMPLE.dataset == dataset) & TAUGHT_EXAMPLE.example_id.in_(
        [*map(example_id_of, paths)]
    )
    taught = select_taught(TAUGHT_EXAMPLE.example_id, EXAMPLE_TEXT.messages)
    taught = taught.where(condition).order_by(TAUGHT_EXAMPLE.first_build)
    built = dict[str, str](ctx.db.rows(taught))
    return {
        name: find_first(read_messages(built[name]), "user")
        for name in ids
        if name in built
    }


def find_source(ctx: Context, actor: Actor, turn_id: int) -> AnswerOrigin:
    """Return the source of an answer.

    Raises NotFound, also for another user's answer by a model that the actor may not watch; Refused
    if no model gave it.
    """
    missing = NotFound(f"no answer {turn_id}", "why-no-turn", turn=str(turn_id))
    with ctx.db.snapshot():
        row = ctx.db.get_row(TURN.select().where(TURN.id == turn_id), missing)
        origin = find_origin(ctx.db, row.model_id) if row.model_id else None
        is_own = bool(actor.user_id) and row.user_id == actor.user_id
        may_see = (
            actor.may(Permission.WATCH, origin.dataset) if origin else actor.is_operator
        )
        if not (is_own or may_see):
            raise missing
        if not row.model_id:
            raise Refused("no model answered", "why-no-model", turn=str(turn_id))
        question, answer = (
            decrypt(ctx.db.cipher, getattr(row, name)) or ""
            for name in ("question", "answer")
        )
        part = find_part(row)
        said_by, nearest = (
            ({}, [])
            if part is AnswerPart.REFUSED
            else find_taught(ctx.db, row.model_id, question, answer)
        )
        return read_row(
            AnswerOrigin,
            row,
            turn=turn_id,
            model=row.model_id,
            at=from_iso(row.asked_at),
            origin=origin,
            said_by=said_by,
            nearest=nearest,
            part=part,
        )


def find_part(turn: Row) -> AnswerPart:
    """Return which part answered a stored turn: only `recall` says that it knows an answer."""
    if turn.known == 0:
        return AnswerPart.REFUSED
    if turn.model_role == CandidateKind.COMPOSED:
        return AnswerPart.COMPOSED
    return AnswerPart.EXACT if turn.known else AnswerPart.MODEL
