"""What editors' commits led to, as it is told to them; fulfils `model.news.NewsRows`."""

from __future__ import annotations

from peewee import JOIN

from merlin.build.verdict import Word
from merlin.dataset.change import ChangeState
from merlin.model.news import MAY_CHANGE, TOLD, News, Score
from merlin.store.changes_tables import CHANGE
from merlin.store.database import Database, Row, transaction
from merlin.store.models import models, overlap_of
from merlin.store.shown import version
from merlin.store.tables import BUILD, EVALUATION, MODEL, PROMOTION, VERDICT
from merlin.store.values import loaded

_AT_ONCE = 100


class NewsDesk:
    """Committed changes beside the verdicts of their commits."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def untold(self) -> list[News]:
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

    def _news(self, row: Row) -> News:
        word = Word(row["word"])
        now, before = self._scores(row) if word is Word.SERVING else (None, None)
        return News(
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
            arguments=loaded(row["arguments"]),
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

    def editors(self, word: Word, dataset: str, commit: str = "", job_id: int = 0) -> set[str]:
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
    def told(self, news: News) -> None:
        """Note that this word was told; a final one is the last."""
        is_last = int(news.word not in MAY_CHANGE)
        told = CHANGE.update({"told_word": news.word.value, "is_told": is_last})
        self.db.change(told.where(CHANGE.change_id == news.change_id))
