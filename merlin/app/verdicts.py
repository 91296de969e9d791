"""What each commit led to, and what its editor and the admins are told of it.

One status may be followed by another (failed, then serving), so each is told once when it comes;
after a final one nothing more is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from peewee import JOIN

from merlin.app.views import version
from merlin.dataset.changes import ChangeState, parse_subject
from merlin.dataset.verdicts import Verdict, VerdictStatus
from merlin.db.database import Database, Row, transaction
from merlin.db.tables import BUILD, CHANGE, EVALUATION, MODEL, PROMOTION, VERDICT
from merlin.db.values import load_json
from merlin.training.launch_plan import Desk
from merlin.training.model_store import models, overlap_of
from merlin.training.policy import Caps
from merlin.training.sunset import Reliance

TOLD = (
    VerdictStatus.SERVING,
    VerdictStatus.REJECTED,
    VerdictStatus.SUPERSEDED,
    VerdictStatus.FAILED,
    VerdictStatus.UNCHANGED,
    VerdictStatus.REMOVED,
)
# Somebody may launch a failed build again.
MAY_CHANGE = (VerdictStatus.FAILED,)


@dataclass(frozen=True, slots=True)
class Score:
    """How well a version did on its test questions: chrF, 0..100."""

    version: str
    chrf: float


@dataclass(frozen=True, slots=True)
class EditorNews:
    """A word that was said of a commit and not yet told to `by`, a user's id as text.

    `version` is the build's. `now` and `before` are scores of the model that serves with this
    commit and of the one before it, where they were evaluated, both on the same questions.
    `reason` is a Fluent key.
    """

    change_id: str
    by: str
    dataset: str
    subject: str
    commit: str
    word: VerdictStatus
    version: str | None = None
    now: Score | None = None
    before: Score | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


# What admins hear of a verdict; its editors hear it as news.
_OF_VERDICTS: Mapping[str, VerdictStatus] = {
    "notice-serving": VerdictStatus.SERVING,
    "notice-rejected": VerdictStatus.REJECTED,
    "notice-failed": VerdictStatus.FAILED,
}


class Editors(Protocol):
    """Who hears of a verdict as the editor of its commit."""

    def editors(
        self, word: VerdictStatus, dataset: str, commit: str = "", job_id: int = 0
    ) -> set[str]:
        """Return the users' ids, as text, who are or will be told this word as news.

        The verdicts are those of a commit, named by how its hash begins, or of a job.
        """


class NewsRows(Editors, Protocol):
    """Where committed changes and their verdicts are kept."""

    def untold(self) -> list[EditorNews]:
        """Return the words that editors wait for, oldest commit first."""

    def told(self, news: EditorNews) -> None:
        """Note that this word was told."""


def editors_told_separately(rows: Editors, key: str, arguments: Mapping[str, object]) -> set[str]:
    """Return who hears of a notice to admins as an editor, in words of their own edit."""
    word, dataset = _OF_VERDICTS.get(key), str(arguments.get("dataset", ""))
    commit, job = str(arguments.get("commit", "")), str(arguments.get("job", ""))
    if word is None or not (commit or job):
        return set()
    return rows.editors(word, dataset, commit, int(job or 0))


def news_message(news: EditorNews) -> tuple[str, Mapping[str, object]]:
    """Return the Fluent key and arguments that tell the news."""
    told: dict[str, object] = {
        "subject": parse_subject(news.subject),
        "dataset": news.dataset,
        "version": news.version or "-",
    }
    if news.word is VerdictStatus.SERVING:
        return "notice-change-serving", {**told, "score": _score(news)}
    if news.reason:
        told["reason"] = {"key": news.reason, "arguments": dict(news.arguments)}
        return f"notice-change-{news.word}-why", told
    return f"notice-change-{news.word}", told


def _score(news: EditorNews) -> Mapping[str, object]:
    """Return the scores as a text within a text."""
    if news.now is None:
        return {"key": "change-score-none", "arguments": {}}
    shown: dict[str, object] = {"now": f"{news.now.chrf:.1f}"}
    if news.before is None:
        return {"key": "change-score", "arguments": shown}
    difference = f"{news.now.chrf - news.before.chrf:+.1f}"
    told = {**shown, "difference": difference, "before": news.before.version}
    return {"key": "change-score-against", "arguments": told}


class Gauges(Protocol):
    """Counts over the whole database."""

    def queues(self) -> dict[str, int]:
        """Return what waits in each queue."""

    def oldest(self) -> dict[str, datetime]:
        """Return since when the oldest of each queue waits; no more than wait."""

    def failures(self, since: datetime) -> dict[str, int]:
        """Return what failed since then."""


class Spending(Protocol):
    """What jobs cost."""

    def spent(self, provider: str, since: datetime) -> int:
        """Return what the provider's jobs since then may have cost, in millionths."""


class Verdicts(Protocol):
    """What commits led to."""

    def newest(self, dataset: str, commit: str | None = None) -> Verdict:
        """Return the newest verdict with a build. Raises NotFound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Where all that is read, and what the config says of it.

    `currencies`: what each provider charges in, by its name; `sunsets`: by base model.
    """

    gauges: Gauges
    spending: Spending
    verdicts: Verdicts
    launching: Desk
    caps: Caps = field(default_factory=Caps)
    currencies: Mapping[str, str] = field(default_factory=dict)
    sunsets: Mapping[str, date] = field(default_factory=dict)
    relies_on: Sequence[Reliance] = ()
    state_dir: Path | None = None


_AT_ONCE = 100


class EditorNewsFeed:
    """Committed changes beside the verdicts of their commits."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def untold(self) -> list[EditorNews]:
        """Return the words that editors wait for, oldest commit first."""
        of_commit = (VERDICT.commit_sha == CHANGE.commit_sha) & (VERDICT.dataset == CHANGE.dataset)
        is_news = VERDICT.word.in_([word.value for word in TOLD]) & (
            VERDICT.word != CHANGE.told_word
        )
        committed = (CHANGE.state == ChangeState.COMMITTED.value) & (CHANGE.is_told == 0)
        query = (
            CHANGE.select(
                *(CHANGE.change_id, CHANGE.by_whom, CHANGE.dataset, CHANGE.subject),
                *(VERDICT.commit_sha, VERDICT.word, VERDICT.reason, VERDICT.arguments),
                *(VERDICT.job_id, BUILD.number),
            )
            .join(VERDICT, on=of_commit)
            .join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))
            .where(committed & is_news)
            .order_by(CHANGE.id)
            .limit(_AT_ONCE)
        )
        return [self._news(row) for row in self.db.rows(query)]

    def _news(self, row: Row) -> EditorNews:
        word = VerdictStatus(row["word"])
        now, before = self._scores(row) if word is VerdictStatus.SERVING else (None, None)
        return EditorNews(
            change_id=row["change_id"],
            by=row["by_whom"],
            dataset=row["dataset"],
            subject=row["subject"],
            commit=row["commit_sha"],
            word=word,
            version=version(row["dataset"], row["number"]),
            now=now,
            before=before,
            reason=row["reason"],
            arguments=load_json(row["arguments"]),
        )

    def _scores(self, row: Row) -> tuple[Score | None, Score | None]:
        """Return the scores of the model of a job and of the one that served before it.

        Those of the one before only where both were asked the same questions.
        """
        model = self.db.row(models().where(MODEL.job_id == row["job_id"]))
        if model is None:
            return None, None
        switched = PROMOTION.select(PROMOTION.from_model).where(
            (PROMOTION.dataset == row["dataset"]) & (PROMOTION.to_model == model["model_id"])
        )
        before = self.db.value(switched.order_by(PROMOTION.id.desc()))
        mine = (MODEL.dataset == row["dataset"]) & (MODEL.model_id == before)
        old = self.db.row(models().where(mine).order_by(MODEL.id.desc())) if before else None
        if old is None or not overlap_of(self.db, model["build_id"], old["build_id"]).is_same:
            return self._score(model), None
        return self._score(model), self._score(old)

    def _score(self, model: Row) -> Score | None:
        asked = EVALUATION.select().where(EVALUATION.model_row == model["id"])
        found = self.db.row(asked)
        if found is None or not found["questions"]:
            return None
        name = version(model["dataset"], model["build_number"])
        return Score(name or "", float(found["chrf"]))

    def editors(
        self, word: VerdictStatus, dataset: str, commit: str = "", job_id: int = 0
    ) -> set[str]:
        """Return the users' ids, as text, who are or will be told this word as news.

        The verdicts are those of a commit, named by how its hash begins, or of a job.
        """
        of_commit = (VERDICT.commit_sha == CHANGE.commit_sha) & (VERDICT.dataset == CHANGE.dataset)
        these = VERDICT.job_id == job_id if job_id else VERDICT.commit_sha.startswith(commit)
        these &= (VERDICT.dataset == dataset) & (VERDICT.word == word.value)
        hears = (CHANGE.is_told == 0) | (CHANGE.told_word == word.value)
        query = CHANGE.select(CHANGE.by_whom).join(VERDICT, on=of_commit).where(these & hears)
        return {row["by_whom"] for row in self.db.rows(query.distinct())}

    @transaction
    def told(self, news: EditorNews) -> None:
        """Note that this word was told; a final one is the last."""
        is_last = int(news.word not in MAY_CHANGE)
        told = CHANGE.update({"told_word": news.word.value, "is_told": is_last})
        self.db.change(told.where(CHANGE.change_id == news.change_id))
