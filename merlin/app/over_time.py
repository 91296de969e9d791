"""A dataset over time: right answers of its models, and what came of its questions a week."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import ModelView
from merlin.app.permissions import require_editing
from merlin.app.verdicts import VerdictView
from merlin.chat.feedback import QuestionOutcome, QuestionStatistics
from merlin.core.clock import in_zone, start_of_day, zone_of
from merlin.dataset.proposals import Proposals

# Those that fit side by side on a phone.
MODELS = 12
WEEKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPoint:
    """A tested model; `commit` is the one it was trained from, None if it has none."""

    model: ModelView
    commit: VerdictView | None

    @property
    def share(self) -> float:
        """Return the share of the test questions that it answered rightly."""
        scores = self.model.scores
        return scores.right / scores.questions if scores else 0.0

    @property
    def word(self) -> tuple[str, str]:
        """Return where its commit stands, else it: the family of the word, and the word."""
        if self.commit is None:
            return "model", self.model.display_state
        return "commit-state", self.commit.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The questions of a week that begins on a Monday (of `timezone`), by what they came to.

    `wordings` is how many other wordings of taught questions editors accepted then.
    """

    monday: date
    counts: Counter[QuestionOutcome]
    wordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """A dataset's newest tested models and its last weeks, the oldest first.

    There are no weeks where nothing was asked.
    """

    points: Sequence[ModelPoint]
    weeks: Sequence[Week]


def read_over_time(ctx: Context, actor: Actor, dataset: str) -> OverTime:
    """Return how a dataset did lately. Raises NotFound for one that the actor may not edit."""
    require_editing(ctx, actor, dataset)
    with ctx.db.snapshot():
        tested = models.list_tested(ctx, dataset, MODELS)
        commits = models.name_commits(ctx, tested)
        return OverTime(
            points=[
                ModelPoint(model=each, commit=commits.get(each.id)) for each in tested
            ],
            weeks=_list_weeks(ctx, dataset),
        )


def _list_weeks(ctx: Context, dataset: str) -> list[Week]:
    zone = zone_of(ctx.config.timezone)
    today = in_zone(ctx.clock(), zone).date()
    this_monday = today - timedelta(days=today.weekday())
    mondays = [this_monday - timedelta(weeks=weeks) for weeks in reversed(range(WEEKS))]
    statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    starts = [start_of_day(monday, zone) for monday in mondays]
    counts = statistics.count_by_period(dataset, starts)
    if not any(counts):
        return []
    gained = Proposals(ctx.db).count_wordings(dataset, starts)
    return [
        Week(monday=monday, counts=count, wordings=wordings)
        for monday, count, wordings in zip(mondays, counts, gained, strict=True)
    ]
