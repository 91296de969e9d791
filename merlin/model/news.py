"""News: what an editor's commit led to, told to the one who asked for it.

One word may be followed by another (failed, then serving), so each is told once when it comes;
after a final one nothing more is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from merlin.build.verdict import Word
from merlin.dataset.subject import said

TOLD = (
    Word.SERVING,
    Word.REJECTED,
    Word.SUPERSEDED,
    Word.FAILED,
    Word.UNCHANGED,
    Word.REMOVED,
)
# Somebody may launch a failed build again.
MAY_CHANGE = (Word.FAILED,)


@dataclass(frozen=True, slots=True)
class Score:
    """How well a version did on its test questions: chrF, 0..100."""

    version: str
    chrf: float


@dataclass(frozen=True, slots=True)
class News:
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
    word: Word
    version: str | None = None
    now: Score | None = None
    before: Score | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


# What admins hear of a verdict; its editors hear it as news.
_OF_VERDICTS: Mapping[str, Word] = {
    "notice-serving": Word.SERVING,
    "notice-rejected": Word.REJECTED,
    "notice-failed": Word.FAILED,
}


class Editors(Protocol):
    """Who hears of a verdict as the editor of its commit."""

    def editors(self, word: Word, dataset: str, commit: str = "", job_id: int = 0) -> set[str]:
        """Return the users' ids, as text, who are or will be told this word as news.

        The verdicts are those of a commit, named by how its hash begins, or of a job.
        """


class NewsRows(Editors, Protocol):
    """Where committed changes and their verdicts are kept."""

    def untold(self) -> list[News]:
        """Return the words that editors wait for, oldest commit first."""

    def told(self, news: News) -> None:
        """Note that this word was told."""


def told_anyway(rows: Editors, key: str, arguments: Mapping[str, object]) -> set[str]:
    """Return who hears of a notice to admins as an editor, in words of their own edit."""
    word, dataset = _OF_VERDICTS.get(key), str(arguments.get("dataset", ""))
    commit, job = str(arguments.get("commit", "")), str(arguments.get("job", ""))
    if word is None or not (commit or job):
        return set()
    return rows.editors(word, dataset, commit, int(job or 0))


def told_as(news: News) -> tuple[str, Mapping[str, object]]:
    """Return the Fluent key and arguments that tell the news."""
    told: dict[str, object] = {
        "subject": said(news.subject),
        "dataset": news.dataset,
        "version": news.version or "-",
    }
    if news.word is Word.SERVING:
        return "notice-change-serving", {**told, "score": _score(news)}
    if news.reason:
        told["reason"] = {"key": news.reason, "arguments": dict(news.arguments)}
        return f"notice-change-{news.word}-why", told
    return f"notice-change-{news.word}", told


def _score(news: News) -> Mapping[str, object]:
    """Return the scores as a text within a text."""
    if news.now is None:
        return {"key": "change-score-none", "arguments": {}}
    shown: dict[str, object] = {"now": f"{news.now.chrf:.1f}"}
    if news.before is None:
        return {"key": "change-score", "arguments": shown}
    difference = f"{news.now.chrf - news.before.chrf:+.1f}"
    told = {**shown, "difference": difference, "before": news.before.version}
    return {"key": "change-score-against", "arguments": told}
