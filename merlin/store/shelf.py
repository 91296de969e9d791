"""What the bot reads of models: which serve, which served before, what they were taught.

Fulfils `chat.route.Shelf` and `chat.about.Showcase`; writes nothing.
"""

from __future__ import annotations

from peewee import fn

from merlin.build.record import Build
from merlin.core.clock import from_iso
from merlin.core.errors import NotFound
from merlin.core.message import Message
from merlin.model.evaluate import Evaluation, Overlap
from merlin.model.registry import Model, ModelState, Serving
from merlin.store.database import Database, Row
from merlin.store.models import models, overlap_of, proof_of
from merlin.store.prepared import Prepared, Slot
from merlin.store.promotions import serving_rows
from merlin.store.tables import (
    BUILD,
    BUILD_EXAMPLE,
    EXAMPLE_TEXT,
    MODEL,
    PROMOTION,
    SERVING,
)
from merlin.store.values import build_of, messages_of, model_of

# A dataset is known by its first promotion: new ones do not take the default's place.
_BY_AGE = PROMOTION.select(fn.MIN(PROMOTION.id)).where(PROMOTION.dataset == SERVING.dataset)
_SERVING = serving_rows().order_by(_BY_AGE, SERVING.dataset)
_ALL = Prepared(_SERVING)
_FIRST = Prepared(_SERVING.limit(1))
_OF = Prepared(serving_rows().where(SERVING.dataset == Slot("dataset")).limit(1))
_MODEL = Prepared(
    models().where(MODEL.model_id == Slot("model_id")).order_by(MODEL.id.desc()).limit(1)
)
_BUILD = Prepared(BUILD.select().where(BUILD.id == Slot("id")).limit(1))


class ShelfRows:
    """The models of every dataset, as they stand at the moment of asking."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def serving(self, dataset: str | None) -> Serving | None:
        """Return what serves `dataset`; None asks for the first dataset that served anything."""
        row = self.db.row(_FIRST() if dataset is None else _OF(dataset=dataset))
        return None if row is None else _serving(row)

    def all_serving(self) -> list[Serving]:
        """Return every serving model; datasets in the order in which they first served."""
        return [_serving(row) for row in self.db.rows(_ALL())]

    def earlier(self, dataset: str) -> list[Model]:
        """Return the good models that served the dataset before, newest first, but for now's."""
        now = SERVING.select(SERVING.model_row).where(SERVING.dataset == dataset)
        last = PROMOTION.select(fn.MAX(PROMOTION.id)).where(
            (PROMOTION.dataset == dataset) & (PROMOTION.to_model == MODEL.model_id)
        )
        good = (MODEL.dataset == dataset) & (MODEL.state == ModelState.GOOD.value)
        others = models().where(good & MODEL.id.not_in(now))
        found = self.db.rows(others.select_extend(last.alias("last_at")))
        served = [row for row in found if row["last_at"] is not None]
        served.sort(key=lambda row: -int(row["last_at"]))
        return [model_of(row) for row in served]

    def model(self, model_id: str) -> Model | None:
        """Return a tuned model by its id at the provider."""
        row = self.db.row(_MODEL(model_id=model_id))
        return None if row is None else model_of(row)

    def build(self, build_id: int) -> Build:
        """Return a build. Raises NotFound."""
        row = self.db.row(_BUILD(id=build_id))
        if row is None:
            raise NotFound(f"no build {build_id}")
        return build_of(row)

    def few(self, build_id: int, count: int) -> tuple[Message, ...]:
        """Return the first `count` train conversations of a build, without system texts."""
        taught = (
            BUILD_EXAMPLE.select(EXAMPLE_TEXT.messages)
            .join(EXAMPLE_TEXT, on=(EXAMPLE_TEXT.digest == BUILD_EXAMPLE.text_digest))
            .where((BUILD_EXAMPLE.build_id == build_id) & (BUILD_EXAMPLE.split == "train"))
            .order_by(BUILD_EXAMPLE.example_id)
            .limit(count)
        )
        told = [message for row in self.db.rows(taught) for message in messages_of(row["messages"])]
        return tuple(message for message in told if message.role != "system")

    def evaluation(self, model_row: int) -> Evaluation | None:
        """Return the scores of a model, None where it was not evaluated."""
        return proof_of(self.db, model_row)

    def overlap(self, one: Model, other: Model) -> Overlap:
        """Return what the test questions of two models have in common."""
        return overlap_of(self.db, one.build_id, other.build_id)


def _serving(row: Row) -> Serving:
    return Serving(
        dataset=row["dataset"],
        model=model_of(row),
        since=from_iso(row["since"]),
        position=row["position"],
        is_pinned=bool(row["is_pinned"]),
    )
