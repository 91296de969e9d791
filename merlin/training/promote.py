"""The serving model: the newest good one in git order, unless a person chose another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from peewee import Select, fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.builds import match_version
from merlin.dataset.proposals import Proposals
from merlin.dataset.verdicts import (
    HOLDS,
    ON_BRANCH,
    PIN,
    WAITING,
    VerdictStatus,
    newest_of_each,
    transition,
)
from merlin.db.database import Columns, Database, Repository, Row, transaction
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import MODEL, PROMOTION, SERVING, VERDICT
from merlin.db.values import read_row
from merlin.training.commits import RESET_POSITION
from merlin.training.models import (
    MAY_SERVE,
    PREVIOUS_STATES,
    Model,
    Models,
    ModelState,
    Serving,
    best_first,
    model_of,
    refuse_serving,
    revoked_builds,
    select_models,
)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PromotionCandidate:
    """A good model and the newest mainline position whose build it was trained on.

    `is_followed`: a later mainline commit waits or trains. `is_awaited`: its own commit has
    not been served by it yet; `reason` is why, "" for none.
    """

    model: Model
    position: int
    is_followed: bool = False
    is_awaited: bool = False
    reason: str = ""


# Returns whether a model may not yet replace another (None: none serves).
Holds = Callable[[Model, Model | None], bool]


def promote_newest(rows: Promotions, holds: Holds) -> list[PromotionCandidate]:
    """Promote the newest good model of each dataset, unless its gate holds it.

    Returns the models that were promoted.
    """
    serving = rows.list_serving()
    switched = []
    for candidate in rows.list_newest_good():
        old = serving.get(candidate.model.dataset)
        if not _is_newer(old, candidate):
            continue
        is_other = old is not None and old.model.model_row != candidate.model.model_row
        if old is not None and old.is_pinned and is_other:
            if candidate.is_awaited and not candidate.reason:
                rows.hold_by_pin(candidate)
            continue
        if _is_held(rows, holds, old, candidate):
            continue
        kill_point("promote.before")
        if rows.promote(old, candidate, "newest", "merlin"):
            switched.append(candidate)
            log.info(
                "model serves",
                model=candidate.model.model_id,
                position=candidate.position,
            )
        kill_point("promote.after")
    return switched


def _is_newer(old: Serving | None, candidate: PromotionCandidate) -> bool:
    if old is None:
        return True
    if old.position == RESET_POSITION and candidate.is_followed:
        return False  # its commits are gone: never go back while a later one waits
    # At the same position: trained again manually, because the previous model was lost.
    return candidate.position > old.position or (
        candidate.position == old.position and candidate.is_awaited
    )


def _is_held(
    rows: Promotions, holds: Holds, old: Serving | None, candidate: PromotionCandidate
) -> bool:
    """Return whether the gate keeps a candidate from serving.

    Applies only until its commit has been served, and only while a good model serves or none ever
    did: if the serving model is lost, any good one is better.
    """
    new = candidate.model
    if not candidate.is_awaited or (old and old.model.model_row == new.model_row):
        return False
    if old is None:
        return not rows.list_served(new.dataset) and holds(new, None)
    return refuse_serving(old.model) is None and holds(new, old.model)


def promote_by_hand(rows: Promotions, name: str, by: str) -> Model:
    """Promote a chosen good model; return it. Raises NotFound, Refused."""
    return _switch(rows, rows.model(name), "by_hand", by)


def roll_back(rows: Promotions, dataset: str, by: str, to: str | None = None) -> Model:
    """Promote the first good model of `served`, or the one of them named by `to`, and pin it.

    Raises Refused if no other model has served, or if `to` serves, never served or is gone;
    NotFound if the dataset has no serving model.
    """
    now = rows.list_serving().get(dataset)
    if now is None:
        raise NotFound(f"{dataset} serves no model", "serves-nothing", dataset=dataset)
    served = [name for name in rows.list_served(dataset) if name != now.model.model_id]
    if to is not None:
        requested = rows.model(to)
        if requested.model_row == now.model.model_row:
            name = requested.build_version
            raise Refused(
                f"{name} serves", "rollback-live", model=name, dataset=dataset
            )
        served = [name for name in served if name == requested.model_id]
    models = [rows.model(name) for name in served]
    if not models:
        raise Refused("no such model has served", "rollback-none", dataset=dataset)
    good = (model for model in models if refuse_serving(model) is None)
    return _switch(rows, next(good, models[0]), ROLLBACK, by)


def _switch(rows: Promotions, model: Model, why: str, by: str) -> Model:
    if (refusal := refuse_serving(model)) is not None:
        raise refusal
    old = rows.list_serving().get(model.dataset)
    if not rows.promote(
        old, PromotionCandidate(model, old.position if old else 0), why, by
    ):
        raise Refused("another switch came first", "promote-raced")
    return model


NEWEST = "newest"
REVOKED = "revoked"
ROLLBACK = "rollback"
_TRAINING = VerdictStatus.TRAINING.value


class Promotions(Repository):
    """The serving model of each dataset; changed only by `promote` and `pin`."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._notices = Notices(db, clock)

    def list_newest_good(self) -> list[PromotionCandidate]:
        """Return, for each dataset, the good model of the verdict with the highest position."""
        rows = self.db.rows(_NEWEST_GOOD)
        ahead = {row.dataset: row.top for row in self.db.rows(_UNDER_WAY)}
        found = [
            PromotionCandidate(
                model_of(row),
                row.top,
                is_followed=ahead.get(row.dataset, 0) > row.top,
                is_awaited=row.status == VerdictStatus.TRAINING.value,
                reason=row.reason,
            )
            for row in rows
        ]
        return sorted(found, key=lambda candidate: candidate.model.dataset)

    def list_serving(self) -> dict[str, Serving]:
        """Return the serving model of every dataset that has one."""
        return {row.dataset: serving_of(row) for row in self.db.rows(serving_rows())}

    @transaction
    def promote(
        self, old: Serving | None, new: PromotionCandidate, why: str, by: str
    ) -> bool:
        """Replace `old` by `new` as the serving model.

        False if another promotion came first, or if `new` is no longer good. In the same
        transaction: the promotion's row (none if the same model serves from a newer position), the
        statuses of verdicts, and the change counter.
        """
        # It stays good until this transaction ends.
        state = MODEL.select(MODEL.state).where(MODEL.id == new.model.model_row)
        row = self.db.row(self.db.for_update(state))
        if row is None or not ModelState(row.state).may_serve:
            return False
        at = self._clock()
        position = new.position
        if old is not None and why != NEWEST:
            position = max(old.position, new.position)
        if why not in (NEWEST, REVOKED):  # held models were considered, too
            position = max(position, self._find_newest_considered(new.model))
        if not self._switch(old, new.model, position, at):
            return False
        # Else the next commit's model brings back what was rolled back.
        if why == ROLLBACK:
            self.db.update(SERVING, SERVING.dataset == new.model.dataset, is_pinned=1)
        if old is None or old.model.model_row != new.model.model_row:
            promotion = {
                "dataset": new.model.dataset,
                "from_model": old.model.model_id if old else None,
                "to_model": new.model.model_id,
                "why": why,
                "by_whom": by,
                "at": iso(at),
            }
            self.db.add(PROMOTION, promotion)
        self._move_verdicts(new.model, position, at)
        self.db.announce_change()
        return True

    def _find_newest_considered(self, new: Model) -> int:
        """Return the highest position that awaits this model, or one that the gate holds; or 0."""
        is_awaiting = (
            (VERDICT.dataset == new.dataset) & (VERDICT.status == _TRAINING) & ON_BRANCH
        )
        is_considered = VERDICT.reason.in_(HOLDS) | (VERDICT.job_id == new.job_id)
        newest = VERDICT.select(fn.COALESCE(fn.MAX(VERDICT.position), 0))
        return int(self.db.value(newest.where(is_awaiting & is_considered)))

    def _switch(
        self, old: Serving | None, new: Model, position: int, at: datetime
    ) -> bool:
        """Set the dataset's row to `new` if it still is `old`."""
        values: Columns = {"model_row": new.model_row, "position": position}
        if old is None or new.model_row != old.model.model_row:
            values["since"] = iso(at)
        if old is None:
            return self.db.add_new(
                SERVING, {**values, "dataset": new.dataset, "is_pinned": 0}
            )
        is_unchanged = (
            (SERVING.dataset == old.dataset)
            & (SERVING.model_row == old.model.model_row)
            & (SERVING.position == old.position)
            & (SERVING.is_pinned == int(old.is_pinned))
        )
        return self.db.update(SERVING, is_unchanged, **values)

    def _move_verdicts(self, model: Model, position: int, at: datetime) -> None:
        """Move the verdicts of this model to serving, and those before them to superseded."""
        of_dataset = VERDICT.dataset == model.dataset
        is_mine = VERDICT.job_id == model.job_id
        reached = is_mine & (VERDICT.position <= position)
        transition(
            self.db, (VerdictStatus.TRAINING,), VerdictStatus.SERVING, at, reached
        )
        is_held = (VERDICT.position == position) & VERDICT.reason.in_(HOLDS)
        passed = of_dataset & ~is_mine & ((VERDICT.position < position) | is_held)
        transition(
            self.db, (VerdictStatus.TRAINING,), VerdictStatus.SUPERSEDED, at, passed
        )

    @transaction
    def pin(self, dataset: str, *, is_pinned: bool) -> None:
        """Pause or resume automatic promotion of a dataset. Raises NotFound."""
        if not self.db.update(
            SERVING, SERVING.dataset == dataset, is_pinned=int(is_pinned)
        ):
            raise NotFound(
                f"{dataset} serves no model", "serves-nothing", dataset=dataset
            )
        if not is_pinned:
            is_held = (VERDICT.dataset == dataset) & (VERDICT.reason == PIN)
            self.db.update(VERDICT, is_held, reason="", updated_at=iso(self._clock()))
        self.db.announce_change()

    @transaction
    def hold_by_pin(self, candidate: PromotionCandidate) -> None:
        """Say at the commits of a model that only the pin keeps it from serving.

        Those of older models, which it will replace, become superseded.
        """
        new = candidate.model
        at = self._clock()
        of_dataset = VERDICT.dataset == new.dataset
        is_mine = VERDICT.job_id == new.job_id
        is_pinned = SERVING.select().where(
            (SERVING.dataset == new.dataset) & (SERVING.is_pinned == 1)
        )
        awaits = (
            of_dataset
            & is_mine
            & (VERDICT.status == _TRAINING)
            & (VERDICT.reason == "")
        )
        held = {"reason": PIN, "updated_at": iso(at)}
        if not self.db.update(VERDICT, awaits & fn.EXISTS(is_pinned), **held):
            return  # the pin was taken off meanwhile
        proved = MODEL.select(MODEL.job_id).where(
            (MODEL.dataset == new.dataset) & MAY_SERVE
        )
        older = of_dataset & ~is_mine & (VERDICT.position < candidate.position)
        older &= VERDICT.job_id.in_(proved)
        transition(
            self.db, (VerdictStatus.TRAINING,), VerdictStatus.SUPERSEDED, at, older
        )
        self.db.announce_change()

    @transaction
    def withdraw_examples(self, user_id: int) -> list[str]:
        """Withdraw a user's proposals; return the models trained on any, which no longer serve."""
        models = Proposals(self.db, self._clock).withdraw(user_id)
        self.retire_revoked()
        return models

    @transaction
    def retire_revoked(self) -> None:
        """Stop serving models whose build contains an example of a withdrawn consent.

        Such models become `revoked`, their training verdicts failed. A serving one is replaced by
        the newest good model that served before, else by the newest good one, else by none.
        Notifies the admins.
        """
        # Their states are looked at here: by those, SQLite would read every model.
        found = (
            select_models()
            .where(MODEL.build_id.in_(revoked_builds()))
            .order_by(MODEL.id)
        )
        models = map(model_of, self.db.rows(found))
        may = PREVIOUS_STATES[ModelState.REVOKED]
        lost = [model for model in models if model.state in may]
        for model in lost:
            Models(self.db, self._clock).settle(model, ModelState.REVOKED, None, "")
        for dataset in sorted({model.dataset for model in lost}):
            self._fall_back(
                dataset, [model for model in lost if model.dataset == dataset]
            )

    def _fall_back(self, dataset: str, lost: Sequence[Model]) -> None:
        """Replace the serving model if it is one of these; notify the admins."""
        of_dataset = SERVING.dataset == dataset
        self.db.row(self.db.for_update(SERVING.select().where(of_dataset)))
        old = self.list_serving().get(dataset)
        arguments: dict[str, object] = {
            "dataset": dataset,
            "count": len(lost),
            "models": ", ".join(model.build_version for model in lost),
        }
        if old is None or old.model.model_row not in {
            model.model_row for model in lost
        }:
            self._notices.notify(ADMINS, "notice-revoked", arguments)
            return
        # The fallback order: those that served before, then good ones.
        before = (self.model(model_id) for model_id in self.list_served(dataset))
        newest = (
            each.model
            for each in self.list_newest_good()
            if each.model.dataset == dataset
        )
        successors = (
            PromotionCandidate(model, old.position) for model in chain(before, newest)
        )
        successor = next(
            (each for each in successors if self.promote(old, each, REVOKED, "merlin")),
            None,
        )
        if successor is None:
            self.db.delete(SERVING, of_dataset)
            self._notices.notify(ADMINS, "notice-revoked-nothing", arguments)
            return
        now = {**arguments, "version": successor.model.build_version}
        self._notices.notify(ADMINS, "notice-revoked-switched", now)

    def list_served(self, *datasets: str) -> list[str]:
        """Return the models that have served these datasets, by their names at the provider.

        The order is that of a return to them: newest first; those that a rollback replaced come
        last until they are promoted again.
        """
        past = PROMOTION.select(PROMOTION.from_model, PROMOTION.to_model, PROMOTION.why)
        past = past.where(PROMOTION.dataset.in_(datasets)).order_by(PROMOTION.id)
        served: dict[str, None] = {}
        replaced: dict[str, None] = {}
        for row in self.db.rows(past):
            for names in (served, replaced):
                names.pop(row.to_model, None)
            if row.why == ROLLBACK and row.from_model in served:
                replaced[row.from_model] = served.pop(row.from_model)
            served[row.to_model] = None
        return [*reversed(served), *reversed(replaced)]

    def model(self, name: str) -> Model:
        """Return a model by its id at the provider or by its build's version. Raises NotFound.

        Of several, the newest good one, else the newest.
        """
        is_named = (MODEL.model_id == name) | match_version(name)
        query = select_models().where(is_named).order_by(*best_first(MODEL)).limit(1)
        missing = NotFound(f"no model {name}", "store-no-model", model=name)
        return model_of(self.db.get_row(query, missing))


def find_before(db: Database, model: Model) -> Model | None:
    """Return the model that a model replaced when it was last promoted, not returned to.

    The serving one, if this model has never served; None if there is no other.
    """
    moves = PROMOTION.select(PROMOTION.from_model).where(
        (PROMOTION.dataset == model.dataset)
        & (PROMOTION.to_model == model.model_id)
        & PROMOTION.why.not_in([ROLLBACK, REVOKED])
    )
    move = db.row(moves.order_by(PROMOTION.id.desc()))
    if move is None:
        query = serving_rows().where(MODEL.id != model.model_row)
    else:
        query = select_models().where(MODEL.model_id == move.from_model)
    row = db.row(query.where(MODEL.dataset == model.dataset).order_by(MODEL.id.desc()))
    return model_of(row) if row else None


def serving_rows() -> Select:
    """Return the SELECT of serving rows with their models."""
    return (
        select_models()
        .select_extend(SERVING.since, SERVING.position, SERVING.is_pinned)
        .join(SERVING, on=(SERVING.model_row == MODEL.id))
    )


_WAITS = VERDICT.status.in_(
    [status.value for status in (*WAITING, VerdictStatus.TRAINING)]
)
_UNDER_WAY = (
    VERDICT.select(VERDICT.dataset, fn.MAX(VERDICT.position).alias("top"))
    .where(_WAITS & ON_BRANCH)
    .group_by(VERDICT.dataset)
)
_MAY_SERVE = ", ".join(f"'{state}'" for state in ModelState if state.may_serve)
# A failed verdict with a good model is one whose job was cancelled too late.
_IS_GOOD = f""" AND job_id IS NOT NULL AND status <> '{VerdictStatus.FAILED}' AND EXISTS (SELECT 1
    FROM model WHERE model.job_id = verdict.job_id AND state IN ({_MAY_SERVE}))"""  # noqa: S608 - ours
_NEWEST_GOOD = (
    select_models()
    .select_extend(VERDICT.position.alias("top"), VERDICT.status, VERDICT.reason)
    .join(VERDICT, on=(VERDICT.job_id == MODEL.job_id))
    .where(VERDICT.id.in_(newest_of_each(_IS_GOOD)))
)


def serving_of(row: Row) -> Serving:
    """Return the values of a row of `serving_rows`."""
    return read_row(Serving, row, model=model_of(row))
