"""How many answers were given, how long they and trainings took, as counters for those who watch.

Counted from the stored turns and jobs, so that one process tells of the answers of all; each call
reads only what came or ended since the one before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock

from peewee import fn
from prometheus_client import Counter, Histogram, Metric

from merlin.app.context import Context
from merlin.app.trends import Outcome, outcome_of, seconds_of
from merlin.core.clock import from_iso
from merlin.db.database import Row
from merlin.db.tables import JOB, JOB_CHANGE, TURN
from merlin.training.jobs import FINAL

# From the question to the stored answer: a taught one takes milliseconds, a long one a minute.
_SECONDS = (0.1, 0.3, 1, 2, 3, 5, 10, 20, 30, 60, 120)
_FIRST_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_JOB_SECONDS = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
# Of so many models the figures are kept, those that answered last: each training makes a new one.
MAX_MODELS = 20
# A question that has no answer by then is one whose process was killed.
_LATEST = timedelta(hours=1)
_MICRO = 1_000_000


class AnswerCounts:
    """Figures of the answers and the trainings since this object was made."""

    def __init__(self) -> None:
        model = ["provider", "model"]
        self.answers = Counter(
            "merlin_answers_total",
            "Questions answered, refused (the model did not know) or failed.",
            [*model, "outcome"],
            registry=None,
        )
        self.seconds = Histogram(
            "merlin_answer_seconds",
            "From the question to the end of its answer.",
            model,
            registry=None,
            buckets=_SECONDS,
        )
        self.first_seconds = Histogram(
            "merlin_first_token_seconds",
            "From asking the model to the first word of its answer.",
            model,
            registry=None,
            buckets=_FIRST_SECONDS,
        )
        self.tokens = Counter(
            "merlin_answer_tokens_total",
            "Tokens of answered questions.",
            [*model, "kind"],
            registry=None,
        )
        self.cost = Counter(
            "merlin_answer_cost_total", "What answers cost.", [*model, "currency"], registry=None
        )
        self.job_seconds = Histogram(
            "merlin_job_seconds",
            "From the launch of a fine-tune job to its end.",
            ["provider", "state"],
            registry=None,
            buckets=_JOB_SECONDS,
        )
        self._of_models = (self.answers, self.seconds, self.first_seconds, self.tokens, self.cost)
        self._models: dict[tuple[str, str], None] = {}
        self._newest: int | None = None
        self._newest_end = 0
        self._open: dict[int, datetime] = {}
        self._lock = Lock()

    def update(self, ctx: Context) -> None:
        """Count what ended since the last call; the first one only marks where to begin."""
        with self._lock:
            if self._newest is None:
                self._newest = ctx.db.value(TURN.select(fn.MAX(TURN.id))) or 0
                self._newest_end = ctx.db.value(JOB_CHANGE.select(fn.MAX(JOB_CHANGE.id))) or 0
                return
            self._count_jobs(ctx)
            condition = (TURN.id > self._newest) | TURN.id.in_([*self._open])
            rows = TURN.select(
                *(TURN.id, TURN.asked_at, TURN.written_at, TURN.ending, TURN.known),
                *(TURN.provider, TURN.model_id, TURN.input_tokens, TURN.output_tokens),
                *(TURN.cost_micro, TURN.currency, TURN.first_ms),
            ).where(condition)
            oldest = ctx.clock() - _LATEST
            for row in ctx.db.rows(rows):
                self._newest = max(self._newest, row["id"])
                self._open.pop(row["id"], None)
                if row["written_at"]:
                    self._count(row)
                elif (asked_at := from_iso(row["asked_at"])) > oldest:
                    self._open[row["id"]] = asked_at

    def _count_jobs(self, ctx: Context) -> None:
        ends = (
            JOB_CHANGE.select(
                *(JOB_CHANGE.id, JOB_CHANGE.to_state, JOB_CHANGE.at, JOB.provider, JOB.created_at)
            )
            .join(JOB, on=JOB.id == JOB_CHANGE.job_id)
            .where(JOB_CHANGE.id > self._newest_end)
            .where(JOB_CHANGE.to_state.in_([state.value for state in FINAL]))
        )
        for row in ctx.db.rows(ends):
            self._newest_end = max(self._newest_end, row["id"])
            took = from_iso(row["at"]) - from_iso(row["created_at"])
            self.job_seconds.labels(row["provider"], row["to_state"]).observe(took.total_seconds())

    def _count(self, row: Row) -> None:
        model = row["provider"], row["model_id"]
        outcome = outcome_of(row)
        if outcome is None:
            return
        self._keep(model)
        self.answers.labels(*model, outcome.value).inc()
        if outcome is Outcome.FAILED:
            return
        self.seconds.labels(*model).observe(seconds_of(row))
        if row["first_ms"] is not None:
            self.first_seconds.labels(*model).observe(row["first_ms"] / 1000)
        for kind in ("input", "output"):
            self.tokens.labels(*model, kind).inc(row[f"{kind}_tokens"] or 0)
        if row["currency"]:
            self.cost.labels(*model, row["currency"].lower()).inc(row["cost_micro"] / _MICRO)

    def _keep(self, model: tuple[str, str]) -> None:
        """Make a model the newest one, and forget the one that answered longest ago."""
        self._models.pop(model, None)
        self._models[model] = None
        if len(self._models) > MAX_MODELS:
            provider, model_id = next(iter(self._models))
            del self._models[provider, model_id]
            for of_model in self._of_models:
                of_model.remove_by_labels({"provider": provider, "model": model_id})

    def collect(self) -> Iterable[Metric]:
        """Yield the figures as Prometheus reads them."""
        for each in (*self._of_models, self.job_seconds):
            yield from each.collect()
