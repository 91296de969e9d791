"""How many answers were given and how long they took, as counters for those who watch.

Counted from the stored turns, so that one process tells of the answers of all; each call reads
only the turns that came or ended since the one before.
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
from merlin.db.tables import TURN

# From the question to the stored answer: a taught one takes milliseconds, a long one a minute.
_SECONDS = (0.1, 0.3, 1, 2, 3, 5, 10, 20, 30, 60, 120)
# A question that has no answer by then is one whose process was killed.
_LATEST = timedelta(hours=1)
_MICRO = 1_000_000


class AnswerCounts:
    """Figures of the answers since this object was made."""

    def __init__(self) -> None:
        labels = ["provider", "outcome"]
        self.answers = Counter(
            "merlin_answers_total",
            "Questions answered, refused (the model did not know) or failed.",
            labels,
            registry=None,
        )
        self.seconds = Histogram(
            "merlin_answer_seconds",
            "From the question to the end of its answer.",
            ["provider"],
            registry=None,
            buckets=_SECONDS,
        )
        self.tokens = Counter(
            "merlin_answer_tokens_total",
            "Tokens of answered questions.",
            ["provider", "kind"],
            registry=None,
        )
        self.cost = Counter(
            "merlin_answer_cost_total", "What answers cost.", ["currency"], registry=None
        )
        self._newest: int | None = None
        self._open: dict[int, datetime] = {}
        self._lock = Lock()

    def update(self, ctx: Context) -> None:
        """Count what ended since the last call; the first one only marks where to begin."""
        with self._lock:
            if self._newest is None:
                self._newest = ctx.db.value(TURN.select(fn.MAX(TURN.id))) or 0
                return
            wanted = (TURN.id > self._newest) | TURN.id.in_([*self._open])
            rows = TURN.select(
                *(TURN.id, TURN.asked_at, TURN.written_at, TURN.ending, TURN.known),
                *(TURN.provider, TURN.input_tokens, TURN.output_tokens),
                *(TURN.cost_micro, TURN.currency),
            ).where(wanted)
            oldest = ctx.clock() - _LATEST
            for row in ctx.db.rows(rows):
                self._newest = max(self._newest, row["id"])
                self._open.pop(row["id"], None)
                if row["written_at"]:
                    self._count(row)
                elif (asked_at := from_iso(row["asked_at"])) > oldest:
                    self._open[row["id"]] = asked_at

    def _count(self, row: Row) -> None:
        provider = row["provider"]
        outcome = outcome_of(row)
        if outcome is None:
            return
        self.answers.labels(provider, outcome.value).inc()
        if outcome is Outcome.FAILED:
            return
        self.seconds.labels(provider).observe(seconds_of(row))
        for kind in ("input", "output"):
            self.tokens.labels(provider, kind).inc(row[f"{kind}_tokens"] or 0)
        if row["currency"]:
            self.cost.labels(row["currency"].lower()).inc(row["cost_micro"] / _MICRO)

    def collect(self) -> Iterable[Metric]:
        """Yield the figures as Prometheus reads them."""
        for each in (self.answers, self.seconds, self.tokens, self.cost):
            yield from each.collect()
