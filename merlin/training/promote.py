"""Which model serves: the newest good one in git order, unless a person said otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merlin.core.errors import NotFound, Refused
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.training.models import Model, ModelState, Serving

if TYPE_CHECKING:
    from merlin.training.promotion_store import Promotions

log = get_logger(__name__)
_WHY_NOT = {ModelState.GONE: "promote-gone", ModelState.REVOKED: "promote-revoked"}
START_ANEW = 0  # the position of what serves after its commit left the line


@dataclass(frozen=True, slots=True)
class Candidate:
    """A good model and the newest position on the line whose build it was trained on.

    `is_followed`: a later commit of the line waits or trains. `is_awaited`: its own commit has
    not served by it yet.
    """

    model: Model
    position: int
    is_followed: bool = False
    is_awaited: bool = False


def promote_newest(rows: Promotions) -> list[Candidate]:
    """Let the newest good model of each dataset serve; return what was switched to."""
    serving = rows.serving()
    switched = []
    for candidate in rows.newest_good():
        old = serving.get(candidate.model.dataset)
        if not _is_due(old, candidate):
            continue
        kill_point("promote.before")
        if rows.promote(old, candidate, "newest", "merlin"):
            switched.append(candidate)
            log.info("model serves", model=candidate.model.model_id, position=candidate.position)
        kill_point("promote.after")
    return switched


def _is_due(old: Serving | None, candidate: Candidate) -> bool:
    if old is None:
        return True
    if old.position == START_ANEW and candidate.is_followed:
        return False  # what served left with its commits: never back while a later one is made
    # At the same position: trained anew by hand, because the model before was lost.
    is_newer = candidate.position > old.position or (
        candidate.position == old.position and candidate.is_awaited
    )
    return not old.is_pinned and is_newer


def promote_by_hand(rows: Promotions, name: str, by: str) -> Candidate:
    """Let a good model of one's choice serve. Raises NotFound, Refused."""
    return _switch(rows, _good(rows.model(name)), "by_hand", by)


def _good(model: Model) -> Model:
    """Return the model. Raises Refused when it may not serve."""
    if model.state is not ModelState.GOOD:
        key = _WHY_NOT.get(model.state, "promote-not-good")
        name = model.build_version
        raise Refused(f"{name} is {model.state}", key, model=name, provider=model.provider)
    return model


def roll_back(rows: Promotions, dataset: str, by: str, to: str | None = None) -> Candidate:
    """Let the newest good model that served before serve again, or an earlier one named by `to`.

    Raises Refused when no other model has served, or `to` never has or is gone; NotFound when
    the dataset serves nothing.
    """
    served = _served_before(rows, dataset)
    if to is not None:
        wanted = rows.model(to).model_id
        served = [model_id for model_id in served if model_id == wanted]
    models = [rows.model(model_id) for model_id in dict.fromkeys(served)]
    if not models:
        raise Refused("no such model has served", "rollback-none", dataset=dataset)
    good = [model for model in models if model.state is ModelState.GOOD]
    return _switch(rows, good[0] if good else _good(models[0]), "rollback", by)


def _served_before(rows: Promotions, dataset: str) -> Sequence[str]:
    now = rows.serving().get(dataset)
    if now is None:
        raise NotFound(f"{dataset} serves no model", "serves-nothing", dataset=dataset)
    past = [promotion.to_model for promotion in rows.history(dataset)]
    return [model_id for model_id in past if model_id != now.model.model_id]


def _switch(rows: Promotions, model: Model, why: str, by: str) -> Candidate:
    old = rows.serving().get(model.dataset)
    candidate = Candidate(model, old.position if old else 0)
    if not rows.promote(old, candidate, why, by):
        raise Refused("another switch came first", "promote-raced")
    return candidate
