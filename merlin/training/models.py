"""A tuned model: its states, promotions, what serves.

Model: something that can answer; a tuned one knows its job and build.

new -> good | refused by the proof: one question, then the test split good -> gone when the
provider no longer knows it; back when it is listed again new, good, gone -> revoked when somebody
took back the consent to an example of its build
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from merlin.core.clock import from_iso
from merlin.db.database import Row
from merlin.db.values import load_time


class ModelState(StrEnum):
    """Whether a model may serve; the values are what the database stores."""

    NEW = "new"
    GOOD = "good"
    REFUSED = "refused"
    GONE = "gone"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Model:
    """A tuned model as the database keeps it."""

    model_row: int
    provider: str
    model_id: str
    dataset: str
    build_id: int
    build_version: str
    job_id: int
    state: ModelState
    created_at: datetime
    probes: int = 0
    not_before: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """The model that answers for a dataset now.

    `position` is the newest line position that a promotion has considered: automatic
    promotion only ever goes forward from it, so a rollback is not undone by the next tick.
    """

    dataset: str
    model: Model
    since: datetime
    position: int
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Promotion:
    """A dated record that a model became serving.

    `why` is newest, by_hand, rollback, or revoked: what served before may serve no more.
    """

    promotion_id: int
    dataset: str
    from_model: str | None
    to_model: str
    why: str
    by: str
    at: datetime


def model_of(row: Row) -> Model:
    """Return the model of a row of `model_store.models`."""
    return Model(
        model_row=row["id"],
        provider=row["provider"],
        model_id=row["model_id"],
        dataset=row["dataset"],
        build_id=row["build_id"],
        build_version=f"{row['dataset']}-{row['build_number']}",
        job_id=row["job_id"],
        state=ModelState(row["state"]),
        created_at=from_iso(row["created_at"]),
        probes=row["probes"],
        not_before=load_time(row["not_before"]),
        note=row["note"],
    )
