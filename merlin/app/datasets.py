"""Datasets: which there are, and what serves each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from merlin.app.actor import Actor, missing_dataset
from merlin.app.context import Context
from merlin.app.views import INTERNAL
from merlin.core.clock import from_iso
from merlin.core.permissions import Permission
from merlin.dataset.builds import build_version
from merlin.db.database import Row
from merlin.db.tables import SERVING, VERDICT
from merlin.training.promotion_store import serving_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingView:
    """The model that answers for a dataset."""

    model: str
    provider: str
    build: str | None
    build_id: int = field(metadata=INTERNAL)
    since: datetime
    # The newest one of the line that a promotion has considered.
    position: int = field(metadata=INTERNAL)
    pinned: bool


def names(ctx: Context, actor: Actor, permission: Permission = Permission.WATCH) -> list[str]:
    """Return the known datasets in which the actor has a permission, by name."""
    on_line = VERDICT.position.is_null(False)  # noqa: FBT003 - peewee's own signature
    checked = VERDICT.select(VERDICT.dataset).where(on_line).distinct()
    known = {row["dataset"] for row in ctx.db.rows(checked)}
    known |= {row["dataset"] for row in ctx.db.rows(SERVING.select(SERVING.dataset))}
    return sorted(name for name in known if actor.may(permission, name))


def require_known(ctx: Context, actor: Actor, dataset: str) -> None:
    """Raise NotFound for a dataset that was never seen.

    Not for the operator: where no daemon runs a command reads the repository first, and what
    the daemon does refuses.
    """
    if not actor.is_operator and dataset not in names(ctx, actor):
        raise missing_dataset(dataset)


def serving(ctx: Context, actor: Actor) -> dict[str, ServingView]:
    """Return what serves each dataset that the actor may watch."""
    rows = ctx.db.rows(serving_rows())
    return {
        row["dataset"]: _serving(row) for row in rows if actor.may(Permission.WATCH, row["dataset"])
    }


def _serving(row: Row) -> ServingView:
    return ServingView(
        model=row["model_id"],
        provider=row["provider"],
        build=build_version(row["dataset"], row["build_number"]),
        since=from_iso(row["since"]),
        pinned=bool(row["is_pinned"]),
        build_id=row["build_id"],
        position=row["position"],
    )
