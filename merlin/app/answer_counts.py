"""Prometheus metrics of answers: counts, durations, tokens and cost.

Counted from the stored turns, so that one process reports for all of them; each update
reads only rows that were created or finished since the one before.
"""

from collections.abc import Iterable
from datetime import timedelta
from threading import Lock

from peewee import fn
from prometheus_client import Counter, Histogram, Metric

from merlin.app.context import Context
from merlin.chat.turns import UpdateState
from merlin.core.clock import from_iso
from merlin.core.money import MICRO
from merlin.db.database import Row
from merlin.db.tables import TURN

# From the question to the stored answer: `recall` takes milliseconds, a long answer a minute.
_SECONDS = (0.1, 0.3, 1, 2, 3, 5, 10, 20, 30, 60, 120)
_FIRST_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
# Only the models that answered last keep their metrics: each training creates a new model.
MAX_MODELS = 20
# A question without an answer by then belongs to a killed process.
_MAX_ANSWER_TIME = timedelta(hours=1)


class AnswerCounts:
    """Metrics of answers since this object was created."""

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
            "Time from the question to the end of its answer, in seconds.",
            model,
            registry=None,
            buckets=_SECONDS,
        )
        self.first_seconds = Histogram(
            "merlin_first_token_seconds",
            "Time from the request to the model to the first token, in seconds.",
            model,
            registry=None,
            buckets=_FIRST_SECONDS,
        )
        self.tokens = Counter(
            "merlin_answer_tokens_total",
            "Tokens used by answers, by kind (input, output).",
            [*model, "kind"],
            registry=None,
        )
        self.cost = Counter(
            "merlin_answer_cost_total",
            "Cost of answers.",
            [*model, "currency"],
            registry=None,
        )
        self._model_metrics = (
            self.answers,
            self.seconds,
            self.first_seconds,
            self.tokens,
            self.cost,
        )
        self._recent_models: dict[tuple[str, str], None] = {}
        self._last_turn_id: int | None = None
        self._pending: set[int] = set()
        self._lock = Lock()

    def update(self, ctx: Context) -> None:
        """Count what finished since the last call; the first call only sets the starting point."""
        with self._lock:
            if self._last_turn_id is None:
                self._last_turn_id = ctx.db.value(TURN.select(fn.MAX(TURN.id))) or 0
                return
            condition = TURN.id > self._last_turn_id
            if self._pending:  # `IN ()` would read every turn
                condition |= TURN.id.in_([*self._pending])
            rows = TURN.select(
                TURN.id,
                TURN.asked_at,
                TURN.written_at,
                TURN.ending,
                TURN.known,
                TURN.format,
                TURN.provider,
                TURN.model_id,
                TURN.input_tokens,
                TURN.output_tokens,
                TURN.cost_micro,
                TURN.currency,
                TURN.first_ms,
            ).where(condition)
            oldest = ctx.clock() - _MAX_ANSWER_TIME
            self._pending = set()
            for row in ctx.db.rows(rows):
                self._last_turn_id = max(self._last_turn_id, row.id)
                if row.written_at:
                    self._count(row)
                elif from_iso(row.asked_at) > oldest:
                    self._pending.add(row.id)

    def _count(self, row: Row) -> None:
        model = row.provider, row.model_id
        is_failed = row.ending == UpdateState.FAILED
        if not is_failed and row.ending != UpdateState.ANSWERED:
            return  # refused before a model was asked
        self._touch(model)
        outcome = "failed" if is_failed else "refused" if row.known == 0 else "answered"
        self.answers.labels(*model, outcome).inc()
        if is_failed:
            return
        took = from_iso(row.written_at) - from_iso(row.asked_at)
        self.seconds.labels(*model).observe(took.total_seconds())
        if row.first_ms is not None:
            self.first_seconds.labels(*model).observe(row.first_ms / 1000)
        for kind in ("input", "output"):
            self.tokens.labels(*model, kind).inc(getattr(row, f"{kind}_tokens") or 0)
        if row.currency:
            self.cost.labels(*model, row.currency.lower()).inc(row.cost_micro / MICRO)

    def _touch(self, model: tuple[str, str]) -> None:
        """Mark a model as most recently used; drop the metrics of the least recently used one."""
        self._recent_models.pop(model, None)
        self._recent_models[model] = None
        if len(self._recent_models) > MAX_MODELS:
            provider, model_id = next(iter(self._recent_models))
            del self._recent_models[provider, model_id]
            for metric in self._model_metrics:
                metric.remove_by_labels({"provider": provider, "model": model_id})

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics for a Prometheus registry."""
        for metric in self._model_metrics:
            yield from metric.collect()
