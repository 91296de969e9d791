"""Lineage both ways: which builds, models and answers an example went into; what an answer is from.

An answer is traced to the examples that taught its model this very answer. Where none did, the
model composed it, and the examples with the most similar questions are named as what they are:
the nearest, no source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from operator import attrgetter

from peewee import SQL, Select, fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import dataset_names
from merlin.app.views import described
from merlin.core.clock import from_iso
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.dataset.builds import build_version, select_whole_builds, taught_in
from merlin.dataset.layout import EXAMPLES, example_id_of
from merlin.dataset.split import TRAIN
from merlin.db.database import Row
from merlin.db.tables import BUILD, MODEL, SERVING, TAUGHT_EXAMPLE, TURN
from merlin.db.values import decrypt, read_row
from merlin.training.models import (
    ModelState,
    Origin,
    find_origin,
    find_taught,
    select_models,
)

__all__ = ["AnswerOrigin", "ExampleImpact"]

NEWEST = 5
# Beyond it a count says no more, and takes longer.
MAX_COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtModel:
    """A model that learnt the example."""

    model: str
    provider: str
    build: str | None
    state: ModelState
    serves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """An answer of such a model, by its number: `merlin why` tells where it is from."""

    turn: int
    model: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleImpact:
    """What an example went into; of builds, models and answers the newest are named."""

    dataset: str
    example: str
    builds: int
    newest_builds: list[str]
    tests: int = described("builds whose models are asked it and do not learn it")
    models: int
    newest_models: list[TaughtModel]
    answers: int = described(f"{MAX_COUNTED} stands for as many or more")
    newest_answers: list[GivenAnswer]

    @property
    def is_cut(self) -> bool:
        """Return whether there may be more answers than were counted."""
        return self.answers >= MAX_COUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOrigin:
    """Where an answer is from; `origin` is None for a model that was not tuned here."""

    turn: int
    model: str
    provider: str
    at: datetime
    origin: Origin | None
    said_by: list[str] = described("examples that taught the model this very answer")
    nearest: list[str] = described("where none did: those with the most similar questions")


def find_impact(ctx: Context, actor: Actor, name: str, dataset: str = "") -> ExampleImpact:
    """Return what an example went into; `name` is its id, DATASET/ID, or its file's path.

    Raises NotFound for one that no build holds, Refused where several datasets have it.
    """
    with ctx.db.snapshot():
        dataset, example_id = _resolve(ctx, actor, name, dataset)
        builds = _builds(ctx, dataset, example_id)
        taught = [row for row in builds if row["split"] == TRAIN]
        models = _models(ctx, [row["id"] for row in taught])
        answers, newest = _answers(ctx, models)
        return ExampleImpact(
            dataset=dataset,
            example=example_id,
            builds=len(taught),
            newest_builds=[f"{dataset}-{row['number']}" for row in taught[:NEWEST]],
            tests=len(builds) - len(taught),
            models=len(models),
            newest_models=[
                read_row(
                    TaughtModel,
                    row,
                    model=row["model_id"],
                    build=build_version(dataset, row["build_number"]),
                    serves=row["model_row"] is not None,
                )
                for row in models[:NEWEST]
            ],
            answers=answers,
            newest_answers=newest,
        )


def _resolve(ctx: Context, actor: Actor, name: str, dataset: str) -> tuple[str, str]:
    """Return dataset and id of the one example that is meant."""
    known = dataset_names(ctx, actor)
    folder, is_file, inside = f"/{name}".rpartition(f"/{EXAMPLES}")
    if is_file and name.endswith(".yaml"):
        dataset, name = folder.rpartition("/")[2] or dataset, example_id_of(inside)
    head, _, rest = name.partition("/")
    requested = [each for each in known if dataset in {"", each}]
    named = dict.fromkeys([(head, rest), *((each, name) for each in requested)])
    held = [pair for pair in named if pair[0] in requested and _is_held(ctx, *pair)]
    if not held:
        raise NotFound(f"no build holds {name}", "impact-none", example=name)
    if len(held) > 1:
        datasets = ", ".join(each for each, _ in held)
        raise Refused(f"{name} is in {datasets}", "impact-several", example=name, datasets=datasets)
    return held[0]


def _is_held(ctx: Context, dataset: str, example_id: str) -> bool:
    condition = (TAUGHT_EXAMPLE.dataset == dataset) & (TAUGHT_EXAMPLE.example_id == example_id)
    return ctx.db.row(TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.dataset).where(condition)) is not None


def _builds(ctx: Context, dataset: str, example_id: str) -> list[Row]:
    """Return id, number and side of each build that holds the example, newest first."""
    columns = BUILD.id, BUILD.number, TAUGHT_EXAMPLE.split
    holds = select_whole_builds(*columns).join(
        TAUGHT_EXAMPLE, on=taught_in(BUILD.id, BUILD.dataset)
    )
    condition = (TAUGHT_EXAMPLE.dataset == dataset) & (TAUGHT_EXAMPLE.example_id == example_id)
    return ctx.db.rows(
        holds.where(condition & (BUILD.dataset == dataset)).order_by(BUILD.id.desc())
    )


def _models(ctx: Context, builds: list[int]) -> list[Row]:
    query = select_models().select_extend(SERVING.model_row)
    query = query.left_outer_join(SERVING, on=(SERVING.model_row == MODEL.id))
    return ctx.db.rows(query.where(MODEL.build_id.in_(builds)).order_by(MODEL.id.desc()))


def _answers(ctx: Context, models: list[Row]) -> tuple[int, list[GivenAnswer]]:
    """Return how many answers these models gave, counted to a bound, and the newest ones."""
    count, newest = 0, list[GivenAnswer]()
    # One model after the other: each is a range of the index, whose end is the newest answer.
    for provider, model_id in dict.fromkeys((row["provider"], row["model_id"]) for row in models):
        given = (TURN.provider == provider) & (TURN.model_id == model_id)
        last = TURN.select(TURN.id, TURN.asked_at).where(given).order_by(TURN.id.desc())
        newest += [
            GivenAnswer(turn=row["id"], model=model_id, at=from_iso(row["asked_at"]))
            for row in ctx.db.rows(last.limit(NEWEST))
        ]
        if count < MAX_COUNTED:
            some = TURN.select(TURN.id).where(given).limit(MAX_COUNTED - count).alias("some")
            count += int(ctx.db.value(Select((some,), (fn.COUNT(SQL("*")),))))
    return count, nlargest(NEWEST, newest, key=attrgetter("turn"))


def find_source(ctx: Context, actor: Actor, turn_id: int) -> AnswerOrigin:
    """Return where an answer is from.

    Raises NotFound, also for another person's answer by a model that the actor may not watch, and
    Refused for one that no model gave.
    """
    missing = NotFound(f"no answer {turn_id}", "why-no-turn", turn=turn_id)
    with ctx.db.snapshot():
        row = ctx.db.one(TURN.select().where(TURN.id == turn_id), missing)
        origin = find_origin(ctx.db, row["model_id"]) if row["model_id"] else None
        is_own = bool(actor.user_id) and row["user_id"] == actor.user_id
        may_see = actor.may(Permission.WATCH, origin.dataset) if origin else actor.is_operator
        if not (is_own or may_see):
            raise missing
        if not row["model_id"]:
            raise Refused("no model answered", "why-no-model", turn=turn_id)
        question, answer = (
            decrypt(ctx.db.cipher, row[name]) or "" for name in ("question", "answer")
        )
        said_by, nearest = find_taught(ctx.db, row["model_id"], question, answer)
        return read_row(
            AnswerOrigin,
            row,
            turn=turn_id,
            model=row["model_id"],
            at=row["asked_at"],
            origin=origin,
            said_by=said_by,
            nearest=nearest,
        )
