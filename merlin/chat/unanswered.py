"""What people asked in vain: what a model did not know, what was disliked, what editors are told.

Questions that ask nearly the same (`merlin.dataset.near_questions`) are one group. Everybody's
count; words are shown of those alone whose consent counts. What editors dismissed is kept by keyed
hashes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from merlin.core.clock import from_iso, iso
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import find_near_questions, near_key
from merlin.db.database import Repository, transaction
from merlin.db.tables import DISMISSED_QUESTION, TOLD_QUESTION
from merlin.db.values import decrypt


class Reason(StrEnum):
    """Why a question counts: it was refused, its answer disliked, its editors told."""

    REFUSED = "refused"
    DISLIKED = "disliked"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """One question; `turn_id` 0: of no stored turn. `is_shown`: its author lets it be read."""

    turn_id: int
    words: str
    at: datetime
    reasons: frozenset[Reason]
    is_shown: bool


@dataclass(frozen=True, slots=True)
class QuestionGroup:
    """Questions that ask nearly the same, newest first."""

    questions: Sequence[UnansweredQuestion]

    @property
    def forms(self) -> list[str]:
        """Return their different words in normal form."""
        return list(dict.fromkeys(normalise(each.words) for each in self.questions))

    @property
    def wordings(self) -> list[tuple[str, int]]:
        """Return the words that may be shown with how often they were asked, most often first."""
        return Counter(each.words for each in self.questions if each.is_shown).most_common()

    def last(self, reason: Reason | None = None) -> datetime | None:
        """Return when one was asked last, for this reason; None for never."""
        times = (each.at for each in self.questions if reason is None or reason in each.reasons)
        return next(times, None)

    def count(self, reason: Reason) -> int:
        """Return how many count for this reason."""
        return sum(reason in each.reasons for each in self.questions)


def group_questions(questions: Iterable[UnansweredQuestion]) -> list[QuestionGroup]:
    """Return the groups of questions that come newest first; the newest group is the first."""
    asked = defaultdict[str, list[UnansweredQuestion]](list)
    forms = defaultdict[str, list[str]](list)
    for each in questions:
        form = normalise(each.words)
        if form not in asked:
            forms[near_key(form)].append(form)
        asked[form].append(each)
    first: dict[str, str] = {}
    for alike in forms.values():
        for later, earlier in find_near_questions(alike):
            first[alike[later]] = first.get(alike[earlier], alike[earlier])
    groups = defaultdict[str, list[UnansweredQuestion]](list)
    for form, same in asked.items():
        groups[first.get(form, form)] += same
    newest = [sorted(each, key=lambda one: one.at, reverse=True) for each in groups.values()]
    return [QuestionGroup(each) for each in sorted(newest, key=lambda each: each[0].at)][::-1]


class ToldQuestions(Repository):
    """Questions that people want editors to see; their words are masked, and sealed."""

    @transaction
    def add(self, user_id: int, dataset: str, words: str, turn_id: int, most: int) -> bool:
        """Keep a question, a turn's once; return False where they told `most` in this week."""
        mine, now = TOLD_QUESTION.user_id == user_id, self._clock()
        if turn_id and self.db.count(TOLD_QUESTION, mine & (TOLD_QUESTION.turn_id == turn_id)):
            return True
        is_new = TOLD_QUESTION.at >= iso(now - timedelta(days=7))
        if self.db.count(TOLD_QUESTION, mine & is_new) >= most:
            return False
        row = {
            "user_id": user_id,
            "dataset": dataset,
            "question": self.db.cipher.seal(words),
            "turn_id": turn_id or None,
            "at": iso(now),
        }
        self.db.add(TOLD_QUESTION, row)
        return True

    def forget(self, user_id: int) -> None:
        """Forget what somebody told."""
        self.db.change(TOLD_QUESTION.delete().where(TOLD_QUESTION.user_id == user_id))

    def since(self, dataset: str, since: date) -> list[UnansweredQuestion]:
        """Return what was told of a dataset from this day on, newest first."""
        these = (TOLD_QUESTION.dataset == dataset) & (TOLD_QUESTION.at >= since.isoformat())
        told = TOLD_QUESTION.select().where(these).order_by(TOLD_QUESTION.id.desc())
        read = ((row, decrypt(self.db.cipher, row["question"])) for row in self.db.rows(told))
        reasons = frozenset({Reason.TOLD})
        return [
            UnansweredQuestion(
                row["turn_id"] or 0, words, from_iso(row["at"]), reasons, is_shown=True
            )
            for row, words in read
            if words
        ]


class DismissedQuestions(Repository):
    """What editors of a dataset do not want to answer, by keyed hashes of its normal forms."""

    def dismiss(self, dataset: str, forms: Sequence[str], by_whom: str) -> None:
        """Keep these questions out of the list."""
        said = {"by_whom": by_whom, "at": iso(self._clock())}
        for form in forms:
            self.db.upsert(DISMISSED_QUESTION, {"dataset": dataset, "mark": self.mark(form)}, said)

    def restore(self, dataset: str, forms: Sequence[str]) -> None:
        """Take these questions back into the list."""
        marks = [mark for form in forms for mark in self.db.cipher.marks(form)]
        these = (DISMISSED_QUESTION.dataset == dataset) & DISMISSED_QUESTION.mark.in_(marks)
        self.db.change(DISMISSED_QUESTION.delete().where(these))

    def mark(self, form: str) -> str:
        """Return what a question is kept and named by."""
        return self.db.cipher.marks(form)[0]

    def among(self, dataset: str, groups: Sequence[QuestionGroup]) -> set[int]:
        """Return the places of the groups that were dismissed."""
        mine = DISMISSED_QUESTION.select(DISMISSED_QUESTION.mark)
        rows = self.db.rows(mine.where(DISMISSED_QUESTION.dataset == dataset))
        marks = {row["mark"] for row in rows}
        return {
            place
            for place, group in enumerate(groups)
            if any(not marks.isdisjoint(self.db.cipher.marks(form)) for form in group.forms)
        }


def join_told(
    questions: Sequence[UnansweredQuestion], told: Sequence[UnansweredQuestion]
) -> list[UnansweredQuestion]:
    """Return both, a turn once: one that was told counts for that reason too."""
    turns = {each.turn_id: each for each in told if each.turn_id}
    joined = [
        replace(each, reasons=each.reasons | turns.pop(each.turn_id).reasons)
        if each.turn_id in turns
        else each
        for each in questions
    ]
    return joined + [each for each in told if not each.turn_id or each.turn_id in turns]
