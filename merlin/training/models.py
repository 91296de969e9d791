"""A tuned model: its states, its scores, what it was made of.

    new -> good | refused    by the proof: one question, then the test split
    good -> gone             its provider no longer knows it; good when it is listed again
    new, good, gone -> revoked    somebody took back the consent to an example of its build

The score is chrF (0..100, higher is better) of sacrebleu; beside it stand the share of answers
equal to the reference and the share of "I do not know".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import Select, fn

from merlin.core.clock import from_iso, iso
from merlin.core.messages import Message
from merlin.dataset.builds import build_version, taught_in
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import nearest_questions
from merlin.dataset.verdicts import fail_training
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.tables import (
    BUILD,
    CANARY,
    COMMIT,
    EVALUATION,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    PROOF_ANSWER,
    REVOKED_EXAMPLE,
    SERVING,
    TAUGHT_EXAMPLE,
    VERDICT,
)
from merlin.db.values import RowMap, dump_json, messages_of, read_row, storable_text
from merlin.providers.base import Answer

# So long at most is between two probes of a model.
MAX_WAIT_S = 600.0


class ModelState(StrEnum):
    """Whether a model may serve; the values are what the database stores."""

    NEW = "new"
    GOOD = "good"
    REFUSED = "refused"
    GONE = "gone"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Model:
    """A tuned model as the database keeps it."""

    model_row: int
    provider: str
    model_id: str
    dataset: str
    build_id: int
    build_version: str
    job_id: int
    state: ModelState
    created_at: datetime
    probes: int = 0
    not_before: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """The model that answers for a dataset now.

    `position` is the newest line position that a promotion has considered: automatic
    promotion only ever goes forward from it, so a rollback is not undone by the next tick.
    """

    dataset: str
    model: Model
    since: datetime
    position: int
    is_pinned: bool = False


def model_of(row: Row) -> Model:
    """Return the model of a row of `select_models`."""
    version = f"{row['dataset']}-{row['build_number']}"
    return read_row(Model, row, model_row=row["id"], build_version=version)


def answer_of(row: Row) -> Answer:
    """Return the answer of a row that keeps one."""
    return Answer(row["answer"], known=None if row["known"] is None else bool(row["known"]))


@dataclass(frozen=True, slots=True)
class Question:
    """One test example: what is asked and the answer that was taught."""

    example_id: str
    messages: tuple[Message, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of one model on a test split; shares are 0..1."""

    model_row: int
    questions: int
    chrf: float
    equal_share: float
    unknown_share: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many test questions two builds have, and how many of them both have."""

    one: int
    other: int
    shared: int

    @property
    def is_same(self) -> bool:
        """Return whether both were asked the same, so that their scores can be compared."""
        return bool(self.shared) and self.shared == self.one == self.other


def question_key(question: Question) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return what makes two builds' questions the same one: all but the id and system text."""
    messages = (
        (message.role, message.content) for message in question.messages if message.role != "system"
    )
    return tuple(messages), question.reference


def question_digest(question: Question) -> str:
    """Return what names a question with its taught answer, whatever its example is called."""
    return hashlib.sha256(dump_json(question_key(question)).encode()).hexdigest()


def questions_of(conversations: Sequence[tuple[str, tuple[Message, ...]]]) -> list[Question]:
    """Return one question per conversation: all before its last message, which is the reference."""
    return [
        Question(example_id, messages[:-1], messages[-1].content)
        for example_id, messages in conversations
        if messages and messages[-1].role == "assistant"
    ]


def score(
    model_row: int, answers: Sequence[Answer], questions: Sequence[Question], at: datetime
) -> Evaluation:
    """Return the scores of `answers`, one per question in the same order.

    Source of chrF: Popović 2015, as implemented by sacrebleu with its defaults.
    """
    import sacrebleu  # noqa: PLC0415 - 0.2 s that only the proof needs

    count = len(questions)
    if not count:
        return Evaluation(model_row, 0, 0.0, 0.0, 0.0, at)
    texts = [answer.text for answer in answers]
    references = [question.reference for question in questions]
    chrf = float(sacrebleu.corpus_chrf(texts, [references]).score)
    equal = sum(a.strip() == b.strip() for a, b in zip(texts, references, strict=True))
    unknown = sum(answer.known is False for answer in answers)
    return Evaluation(model_row, count, round(chrf, 2), equal / count, unknown / count, at)


NEAREST = 3
_MAX_QUESTION_LENGTH = 120  # letters by which questions are compared
Conversations = Sequence[tuple[str, tuple[Message, ...]]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tuned model comes from.

    `build` is the version of its dataset (`neurotypology-7`), `commit` the commit that the build
    was made at, "" where nobody knows; `editors` how many people wrote the examples, `standing`
    what it is now: serving, canary or earlier.
    """

    dataset: str
    build: str
    commit: str
    trained_at: datetime
    examples: int
    editors: int
    standing: str


NEXT = {
    ModelState.GOOD: (ModelState.NEW, ModelState.GONE),
    ModelState.REFUSED: (ModelState.NEW,),
    ModelState.GONE: (ModelState.GOOD,),
    ModelState.REVOKED: (ModelState.NEW, ModelState.GOOD, ModelState.GONE),
    ModelState.NEW: (),
}


_EVALUATIONS = RowMap(Evaluation)


class Models(Repository):
    """Models, from the success of their jobs to their proof."""

    def unproved(self) -> list[Model]:
        """Return the models in state new whose `not_before` has passed, oldest first.

        One that would wait for longer than it was put off by is due: the clock was set back.
        """
        now = self._clock()
        latest = now + timedelta(seconds=MAX_WAIT_S)
        has_passed = (MODEL.not_before <= iso(now)) | (MODEL.not_before > iso(latest))
        is_due = MODEL.not_before.is_null() | has_passed
        new = select_models().where((MODEL.state == ModelState.NEW.value) & is_due)
        return [model_of(row) for row in self.db.rows(new.order_by(MODEL.id))]

    def good_or_gone(self) -> list[Model]:
        """Return the models in state good or gone, oldest first."""
        stands = MODEL.state.in_([ModelState.GOOD.value, ModelState.GONE.value])
        return [
            model_of(row) for row in self.db.rows(select_models().where(stands).order_by(MODEL.id))
        ]

    @transaction
    def postpone(self, model: Model, seconds: float, note: str) -> None:
        """Count one failed probe after `model.probes` and set when the next may be."""
        later = self._clock() + timedelta(seconds=seconds)
        values = {"probes": model.probes + 1, "not_before": iso(later), "note": storable_text(note)}
        is_new = (MODEL.id == model.model_row) & (MODEL.state == ModelState.NEW.value)
        self.db.change(MODEL.update(values).where(is_new))

    def answers(self, model_row: int) -> dict[str, Answer]:
        """Return what a model has answered to test questions so far, by example id."""
        query = PROOF_ANSWER.select().where(PROOF_ANSWER.model_row == model_row)
        return {row["example_id"]: answer_of(row) for row in self.db.rows(query)}

    @transaction
    def keep_answer(self, model: Model, example_id: str, answer: Answer) -> None:
        """Store what a model answered to one test question; only those of a good one stay."""
        known = None if answer.known is None else int(answer.known)
        row = {"model_row": model.model_row, "example_id": example_id, "known": known}
        self.db.add_new(PROOF_ANSWER, {**row, "answer": storable_text(answer.text)})

    @transaction
    def settle(self, model: Model, state: ModelState, proof: Evaluation | None, note: str) -> None:
        """Store the outcome of the proof; nothing when the model was settled otherwise before.

        A model that is refused or gone moves its training verdicts to failed in the same
        transaction. The answers of a refused one are deleted; the others' are compared later.
        """
        may = MODEL.state.in_([each.value for each in NEXT[state]])
        settled = MODEL.update(
            {"state": state.value, "note": storable_text(note), "not_before": None}
        )
        if not self.db.change(settled.where((MODEL.id == model.model_row) & may)):
            return
        if state is ModelState.REFUSED:
            condition = PROOF_ANSWER.model_row == model.model_row
            self.db.change(PROOF_ANSWER.delete().where(condition))
        if proof is not None:
            scores = _EVALUATIONS.write(proof, but=("model_row",))
            self.db.upsert(EVALUATION, {"model_row": proof.model_row}, scores)
        if state in (ModelState.REFUSED, ModelState.GONE):
            why = why_lost(model.model_id, state, note)
            mine = VERDICT.job_id == model.job_id
            fail_training(self.db, mine, self._clock(), why)
        self.db.bump()


def read_conversations(
    db: Database, build_id: int, split: str, *, with_rejected: bool = False
) -> Conversations:
    """Return (example id, messages with the system text first) of one split, by id.

    With the worse answer of a pair its message is the last, of the role `REJECTED`.
    """
    taught = TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.example_id, EXAMPLE_TEXT.messages).join(
        EXAMPLE_TEXT, on=(EXAMPLE_TEXT.digest == TAUGHT_EXAMPLE.text_digest)
    )
    is_asked = taught_in(build_id) & (TAUGHT_EXAMPLE.split == split)
    rows = db.rows(taught.where(is_asked))
    # Sorted here: a database on another machine may put letters in another order.
    rows.sort(key=lambda row: str(row["example_id"]))
    return [
        (row["example_id"], messages_of(row["messages"], with_rejected=with_rejected))
        for row in rows
    ]


def overlap_of(db: Database, one: int, other: int) -> Overlap:
    """Return what two builds' test questions share, with their references, whatever their ids.

    A system text is left out: each model hears the one that it was trained with.
    """
    mine, theirs = (
        Counter(map(question_key, questions_of(read_conversations(db, build, "test"))))
        for build in (one, other)
    )
    return Overlap(mine.total(), theirs.total(), (mine & theirs).total())


def why_lost(model_id: str, state: str, note: str) -> Row:
    """Return the columns of a verdict that say why its model cannot serve: refused or gone."""
    values = {"model": model_id, "note": note}
    return {"reason": f"verdict-model-{state}", "arguments": dump_json(values)}


def proof_of(db: Database, model_row: int) -> Evaluation | None:
    """Return the stored scores of a model, None where it has none."""
    row = db.row(EVALUATION.select().where(EVALUATION.model_row == model_row))
    return None if row is None else _EVALUATIONS.read(row)


def revoked_builds() -> Select:
    """Return the SELECT of builds that hold an example whose consent was taken back."""
    is_held = (REVOKED_EXAMPLE.dataset == TAUGHT_EXAMPLE.dataset) & (
        REVOKED_EXAMPLE.example_id == TAUGHT_EXAMPLE.example_id
    )
    query = BUILD.select(BUILD.id).join(TAUGHT_EXAMPLE, on=taught_in(BUILD.id, BUILD.dataset))
    return query.join(REVOKED_EXAMPLE, on=is_held)


def select_models() -> Select:
    """Return the SELECT of models as `model_of` reads them."""
    number = BUILD.number.alias("build_number")
    return MODEL.select(*MODEL.every(), number).join(BUILD, on=(BUILD.id == MODEL.build_id))


def find_origin(db: Database, model_id: str) -> Origin | None:
    """Return where a model comes from, None for one that was not tuned here."""
    row = _tuned(db, model_id)
    if row is None:
        return None
    taught = _taught_by(row["build_id"])
    editors = TAUGHT_EXAMPLE.select(fn.COUNT(TAUGHT_EXAMPLE.author.distinct())).where(taught)
    places = {"serving": SERVING, "canary": CANARY}
    here = (word for word, at in places.items() if db.count(at, at.model_row == row["id"]))
    # The first commit on the line that led to the build.
    commits = VERDICT.select(VERDICT.commit_sha).where(VERDICT.build_id == row["build_id"])
    commits = commits.join(COMMIT, on=(COMMIT.sha == VERDICT.commit_sha))
    return Origin(
        dataset=row["dataset"],
        build=build_version(row["dataset"], row["number"]) or "",
        commit=str(db.value(commits.order_by(COMMIT.position)) or ""),
        trained_at=from_iso(row["trained_at"]),
        examples=row["train"],
        editors=int(db.value(editors)),
        standing=next(here, "earlier"),
    )


def find_taught(
    db: Database, model_id: str, question: str, answer: str
) -> tuple[list[str], list[str]]:
    """Return the ids of examples that taught the model this very answer, `NEAREST` at most.

    Where none did, those whose questions are the most similar come second; they are no source.
    """
    row = _tuned(db, model_id)
    if row is None:
        return [], []
    # Each message of the words is a line: first the question, last the answer.
    text = f"\n{normalise(answer)}"
    end = fn.SUBSTR(EXAMPLE_TEXT.words, fn.LENGTH(EXAMPLE_TEXT.words) - len(text) + 1)
    begun = fn.SUBSTR(EXAMPLE_TEXT.words, 1, _MAX_QUESTION_LENGTH)
    same = EXAMPLE_TEXT.digest == TAUGHT_EXAMPLE.text_digest
    taught = TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.example_id, begun, end == text)
    taught = taught.join(EXAMPLE_TEXT, on=same).where(_taught_by(row["build_id"]))
    rows = db.tuples(taught)
    if exact := sorted(example_id for example_id, _, is_said in rows if is_said):
        return exact[:NEAREST], []
    questions = [str(begun).partition("\n")[0] for _, begun, _ in rows]
    places = nearest_questions(normalise(question), questions, NEAREST) if question else []
    return [], [rows[place][0] for place in places]


def _tuned(db: Database, model_id: str) -> Row | None:
    """Return the newest model of this name with its build, and when it was trained."""
    columns = (*MODEL.every(), BUILD.number, BUILD.train)
    query = MODEL.select(*columns, JOB.updated_at.alias("trained_at"))
    query = query.join(BUILD, on=(BUILD.id == MODEL.build_id))
    query = query.join(JOB, on=(JOB.id == MODEL.job_id)).where(MODEL.model_id == model_id)
    return db.row(query.order_by(MODEL.id.desc()))


def _taught_by(build_id: int) -> Any:
    """Return the condition for examples that a build's model learnt; test ones only judge it."""
    return taught_in(build_id) & (TAUGHT_EXAMPLE.split == "train")
