"""A tuned model: its states, whether it may serve, its stored answers and scores, its origin.

new -> good | refused    by the evaluation: one question, then the test split
good -> gone             its provider no longer lists it; good if it is listed again
good -> unapplied        its provider serves it without its weights; good if it answers again
new, good, gone, unapplied -> revoked    consent to an example of its build was withdrawn
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import Select, Tuple, fn

from merlin.core.clock import SKEW, from_iso, iso
from merlin.core.errors import Refused
from merlin.core.json_fields import get_text
from merlin.core.messages import Message
from merlin.core.vocabulary import fold, split_words
from merlin.dataset.builds import is_in_build, select_taught
from merlin.dataset.example import normalise
from merlin.dataset.layout import example_id_of
from merlin.dataset.spec import ADAPTER
from merlin.dataset.split import TEST, TRAIN
from merlin.dataset.verdicts import VerdictStatus, transition
from merlin.db.database import (
    Columns,
    Database,
    Repository,
    Row,
    transaction,
)
from merlin.db.search_index import Kind, Scope, SearchIndex
from merlin.db.tables import (
    BUILD,
    COMMIT,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    PROOF_ANSWER,
    REVOKED_EXAMPLE,
    REVOKED_VERSION,
    SERVING,
    TAUGHT_EXAMPLE,
    VERDICT,
    Table,
)
from merlin.db.values import (
    RowMap,
    dump_json,
    load_json,
    read_messages,
    read_row,
    storable_text,
)
from merlin.providers.base import Answer
from merlin.training.scores import Evaluation, EvaluationQuestion, questions_of

# Maximum pause between two probes of a model.
MAX_WAIT_S = 600.0


class ModelState(StrEnum):
    """The state of a model."""

    # The values are stored in the database.
    NEW = "new"
    GOOD = "good"
    REFUSED = "refused"
    GONE = "gone"
    UNAPPLIED = "unapplied"
    REVOKED = "revoked"

    @property
    def may_serve(self) -> bool:
        """Return whether a model in this state may answer people: only a good one."""
        return self is ModelState.GOOD


class AppliedProof(StrEnum):
    """How it is proved that a model is answered with its trained weights."""

    NONE = ""  # it is not tested yet
    TAUGHT = "taught"  # a `recall`: it holds the answers themselves
    SCORES = "scores"  # the engine compares probabilities at each load
    ANSWERS = "answers"  # its answers are not its base's
    UNASKED = "unasked"  # not proved: its base cannot be asked
    UNDECIDED = (
        "undecided"  # not proved: too few answers that its base does not give, too
    )


class TrainedWhere(StrEnum):
    """Where a model was trained."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    FROM_BUILD = "elsewhere_from_build"


@dataclass(frozen=True, slots=True)
class Model:
    """A row of the table model."""

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
    note: str = ""


# The condition for models that `refuse_serving` does not refuse.
MAY_SERVE = MODEL.state.in_([state.value for state in ModelState if state.may_serve])
_REFUSALS = {
    ModelState.GONE: "promote-gone",
    ModelState.REVOKED: "promote-revoked",
    ModelState.UNAPPLIED: "promote-unapplied",
}


def refuse_serving(model: Model) -> Refused | None:
    """Return why a model may not answer people, as an error to raise; None if it may.

    Promotion, rollback, the choice of a model and every answer go by it. The gate and a pin hold
    only what Merlin would promote by itself.
    """
    if model.state.may_serve:
        return None
    key = _REFUSALS.get(model.state, "promote-not-good")
    name = model.build_version
    return Refused(f"{name} is {model.state}", key, model=name, provider=model.provider)


@dataclass(frozen=True, slots=True)
class Serving:
    """The model that serves a dataset.

    `position` is the newest mainline position that a promotion has considered: automatic
    promotion only goes forward from it, so the next tick does not undo a rollback.
    """

    dataset: str
    model: Model
    since: datetime
    position: int
    is_pinned: bool = False


def model_of(row: Row) -> Model:
    """Return the model of a row of `select_models`."""
    version = f"{row.dataset}-{row.build_number}"
    return read_row(Model, row, model_row=row.id, build_version=version)


# The setting of an adapter's job that names the build that it was trained on, "" if unknown.
BUILD_NAME = "build"


def find_where_trained(recipe: Mapping[str, object]) -> TrainedWhere:
    """Return where the model of a stored recipe was trained."""
    if recipe.get("method") != ADAPTER:
        return TrainedWhere.HERE
    settings = recipe["hyperparameters"]
    is_known = isinstance(settings, Mapping) and get_text(settings, BUILD_NAME)
    return TrainedWhere.FROM_BUILD if is_known else TrainedWhere.ELSEWHERE


def best_first(models: Table) -> tuple[Any, Any]:
    """Return the order of models of one build; the first has the build's version as its name."""
    return (models.state == ModelState.GOOD.value).desc(), models.id.desc()


def name_beside(model: Model, other: Model | None) -> str:
    """Return a model's version; its name at the provider if the other one is of the same build."""
    return (
        model.model_id
        if other and other.build_id == model.build_id
        else model.build_version
    )


def answer_of(row: Row) -> Answer:
    """Return the answer of a stored row."""
    return Answer(row.answer, known=None if row.known is None else bool(row.known))


def answer_values(answer: Answer) -> dict[str, object]:
    """Return an answer's columns for `answer_of`; PostgreSQL takes no bool as a number."""
    known = None if answer.known is None else int(answer.known)
    return {"answer": storable_text(answer.text), "known": known}


NEAREST = 3
_MAX_QUESTION_LENGTH = 120  # characters that are compared between questions
_MAX_COMPARED = 100  # search results that are compared with an answer
Conversations = Sequence[tuple[str, tuple[Message, ...]]]


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a tuned model.

    `build` is the version of its dataset (`neurotypology-7`). `commit` is the commit of the build,
    "" if it is not known. `editors` is the number of people who wrote the examples. `model_role`
    is its current role: serving or earlier.
    """

    dataset: str
    build: str
    commit: str
    trained_at: datetime
    examples: int
    editors: int
    model_role: str
    trained: TrainedWhere = TrainedWhere.HERE


# The states from which each state is reached.
PREVIOUS_STATES = {
    ModelState.GOOD: (ModelState.NEW, ModelState.GONE, ModelState.UNAPPLIED),
    ModelState.REFUSED: (ModelState.NEW,),
    ModelState.GONE: (ModelState.GOOD,),
    ModelState.UNAPPLIED: (ModelState.GOOD,),
    ModelState.REVOKED: (
        ModelState.NEW,
        ModelState.GOOD,
        ModelState.GONE,
        ModelState.UNAPPLIED,
    ),
    ModelState.NEW: (),
}


_EVALUATIONS = RowMap(Evaluation, columns={"right": "right_count"})


class Models(Repository):
    """Models, from the success of their jobs to the end of their evaluation."""

    def list_unproved(self) -> list[Model]:
        """Return the models in state new whose `not_before` has passed, oldest first."""
        now = self._clock()
        # As `core.clock.is_waiting`: what would wait longer is of before the clock was set back.
        latest = now + timedelta(seconds=MAX_WAIT_S) + SKEW
        is_due = (
            MODEL.not_before.is_null()
            | (MODEL.not_before <= iso(now))
            | (MODEL.not_before > iso(latest))
        )
        due = select_models().where((MODEL.state == ModelState.NEW.value) & is_due)
        return [model_of(row) for row in self.db.rows(due.order_by(MODEL.id))]

    def list_proved(self) -> list[Model]:
        """Return the models that are good, gone or unapplied, oldest first."""
        proved = ModelState.GOOD, ModelState.GONE, ModelState.UNAPPLIED
        is_proved = MODEL.state.in_([state.value for state in proved])
        return [
            model_of(row)
            for row in self.db.rows(select_models().where(is_proved).order_by(MODEL.id))
        ]

    @transaction
    def postpone(self, model: Model, seconds: float, note: str) -> None:
        """Count a failed probe after `model.probes` and set the time of the next."""
        later = self._clock() + timedelta(seconds=seconds)
        values = {
            "probes": model.probes + 1,
            "not_before": iso(later),
            "note": storable_text(note),
        }
        is_new = (MODEL.id == model.model_row) & (MODEL.state == ModelState.NEW.value)
        self.db.update(MODEL, is_new, **values)

    def answers(self, model_row: int) -> dict[str, Answer]:
        """Return a model's stored answers to test questions, by example id."""
        query = PROOF_ANSWER.select().where(PROOF_ANSWER.model_row == model_row)
        return {row.example_id: answer_of(row) for row in self.db.rows(query)}

    @transaction
    def keep_answer(self, model: Model, example_id: str, answer: Answer) -> None:
        """Store an answer to one test question; none of a model refused or revoked meanwhile."""
        may = MODEL.state.in_([ModelState.NEW.value, ModelState.GOOD.value])
        locked = MODEL.select(MODEL.id).where((MODEL.id == model.model_row) & may)
        if self.db.row(self.db.for_update(locked)) is None:
            return
        row = {"model_row": model.model_row, "example_id": example_id}
        self.db.add_new(PROOF_ANSWER, row | answer_values(answer))

    def base_answers(self, model_row: int) -> dict[str, Answer]:
        """Return the stored answers of a model's untrained base, by example id."""
        is_asked = PROOF_ANSWER.base_answer.is_null(is_null=False)
        query = PROOF_ANSWER.select().where(
            (PROOF_ANSWER.model_row == model_row) & is_asked
        )
        return {row.example_id: Answer(row.base_answer) for row in self.db.rows(query)}

    @transaction
    def keep_base_answer(self, model: Model, example_id: str, answer: Answer) -> None:
        """Store what a model's base answers to a question that the model has answered."""
        is_asked = (PROOF_ANSWER.model_row == model.model_row) & (
            PROOF_ANSWER.example_id == example_id
        )
        self.db.update(PROOF_ANSWER, is_asked, base_answer=storable_text(answer.text))

    @transaction
    def settle(
        self,
        model: Model,
        state: ModelState,
        proof: Evaluation | None,
        note: str,
        applied: AppliedProof = AppliedProof.NONE,
    ) -> None:
        """Store the result of the evaluation, unless the model's state has changed before.

        A model that may not serve moves its training verdicts to failed in the same
        transaction. The answers of a gone model are kept for comparison, those of others deleted.
        """
        may = MODEL.state.in_([each.value for each in PREVIOUS_STATES[state]])
        settled = {
            "state": state.value,
            "note": storable_text(note),
            "not_before": None,
        }
        settled |= {"applied": applied.value} if applied else {}
        if not self.db.update(MODEL, (MODEL.id == model.model_row) & may, **settled):
            return
        if state in (ModelState.REFUSED, ModelState.REVOKED):
            self.db.delete(PROOF_ANSWER, PROOF_ANSWER.model_row == model.model_row)
        if proof is not None:
            self.db.update(
                MODEL, MODEL.id == model.model_row, **_EVALUATIONS.write(proof)
            )
        if state is not ModelState.GOOD:
            fail_model_verdicts(
                self.db, replace(model, state=state, note=note), self._clock()
            )
        self.db.announce_change()


def read_conversations(db: Database, build_id: int, split: str) -> Conversations:
    """Return (example id, messages with the system text first) of one split, by id."""
    taught = select_taught(TAUGHT_EXAMPLE.example_id, EXAMPLE_TEXT.messages)
    rows = db.rows(
        taught.where(is_in_build(build_id) & (TAUGHT_EXAMPLE.split == split))
    )
    # Sorted here: databases on other machines may collate differently.
    rows.sort(key=lambda row: str(row.example_id))
    return [(row.example_id, read_messages(row.messages)) for row in rows]


def read_questions(
    db: Database, build_id: int, split: str = TEST
) -> list[EvaluationQuestion]:
    """Return a build's test questions with their reference answers, or those of another split."""
    return questions_of(read_conversations(db, build_id, split))


def fail_training(db: Database, where: Any, at: datetime, why: Columns) -> None:
    """Set the training verdicts that fulfil `where` to failed; `why` has reason and arguments.

    One whose build has the live model, trained before, serves again: only a migration has failed.
    """
    live = MODEL.select(MODEL.job_id).join(SERVING, on=(SERVING.model_row == MODEL.id))
    live = live.where((MODEL.build_id == VERDICT.build_id) & MAY_SERVE)
    back = {**why, "job_id": live}
    is_live = where & fn.EXISTS(live)
    transition(
        db, (VerdictStatus.TRAINING,), VerdictStatus.SERVING, at, is_live, change=back
    )
    transition(
        db, (VerdictStatus.TRAINING,), VerdictStatus.FAILED, at, where, change=why
    )


def fail_model_verdicts(db: Database, model: Model, at: datetime) -> None:
    """Set the training verdicts of a model that is refused, gone or revoked to failed."""
    values = {"model": model.model_id, "note": model.note}
    why = {"reason": f"verdict-model-{model.state}", "arguments": dump_json(values)}
    fail_training(db, VERDICT.job_id == model.job_id, at, why)


def proof_of(db: Database, model_row: int) -> Evaluation | None:
    """Return the stored scores of a model, None if there are none."""
    is_scored = (MODEL.id == model_row) & MODEL.questions.is_null(is_null=False)
    row = db.row(MODEL.select().where(is_scored))
    return None if row is None else _EVALUATIONS.read(row)


def score_message(proof: Evaluation | None) -> Mapping[str, object]:
    """Return how many test questions a model answered rightly, as a nested Fluent message."""
    if proof is None or not proof.questions:
        return {"key": "proof-none", "arguments": {}}
    arguments = {"right": proof.right, "questions": proof.questions}
    return {
        "key": "proof-few" if proof.is_few else "proof-told",
        "arguments": arguments,
    }


def revoked_builds() -> Select:
    """Return the SELECT of builds that contain an example whose consent was withdrawn."""
    query = BUILD.select(BUILD.id).join(
        TAUGHT_EXAMPLE, on=is_in_build(BUILD.id, BUILD.dataset)
    )
    return query.where(_is_revoked())


def count_revoked(db: Database, build_id: int) -> int:
    """Return how many examples of a build have no consent any more."""
    return db.count(TAUGHT_EXAMPLE, is_in_build(build_id) & _is_revoked())


def _is_revoked() -> Any:
    """Return the condition for taught examples whose consent was withdrawn."""
    example = TAUGHT_EXAMPLE.dataset, TAUGHT_EXAMPLE.example_id
    revoked = REVOKED_EXAMPLE.select(
        REVOKED_EXAMPLE.dataset, REVOKED_EXAMPLE.example_id
    )
    versions = REVOKED_VERSION.select(*REVOKED_VERSION.every())
    is_version = Tuple(*example, TAUGHT_EXAMPLE.blob).in_(versions)
    return Tuple(*example).in_(revoked) | is_version


def select_models() -> Select:
    """Return the SELECT of models as `model_of` reads them."""
    number = BUILD.number.alias("build_number")
    return MODEL.select(*MODEL.every(), number).join(
        BUILD, on=(BUILD.id == MODEL.build_id)
    )


def find_origin(db: Database, model_id: str) -> Origin | None:
    """Return the origin of a model, None for one that was not tuned here."""
    row = _find_newest_row(db, model_id)
    if row is None:
        return None
    taught = _taught_by(row.build_id)
    editors = TAUGHT_EXAMPLE.select(fn.COUNT(TAUGHT_EXAMPLE.author.distinct())).where(
        taught
    )
    # The first mainline commit that led to the build.
    commits = VERDICT.select(VERDICT.commit_sha).where(VERDICT.build_id == row.build_id)
    commits = commits.join(COMMIT, on=(COMMIT.sha == VERDICT.commit_sha))
    return Origin(
        dataset=row.dataset,
        build=model_of(row).build_version,
        commit=str(db.value(commits.order_by(COMMIT.position)) or ""),
        trained_at=from_iso(row.trained_at),
        examples=row.train,
        editors=int(db.value(editors)),
        trained=find_where_trained(load_json(row.recipe)),
        model_role="serving"
        if db.has(SERVING, SERVING.model_row == row.id)
        else "earlier",
    )


def find_taught(
    db: Database, model_id: str, question: str, answer: str
) -> tuple[dict[str, str], list[str]]:
    """Return the examples with exactly this answer in the model's training data: id -> its commit.

    At most `NEAREST`. If there are none, the second has the ids of those with the most similar
    questions; they are no source.
    """
    row = _find_newest_row(db, model_id)
    if row is None:
        return {}, []
    taught = select_taught(
        TAUGHT_EXAMPLE.example_id, TAUGHT_EXAMPLE.commit_sha, _has_answer(answer)
    )
    rows = db.rows(taught.where(_taught_by(row.build_id)))
    if exact := sorted(
        (example_id, commit) for example_id, commit, is_said in rows if is_said
    ):
        return dict(exact[:NEAREST]), []
    index = SearchIndex(db)
    numbers = index.rank(Scope((Kind.EXAMPLE,), row.dataset), question)
    paths = (path for path, _ in index.find_places(numbers))
    known = {example_id for example_id, _, _ in rows}
    near = [name for name in map(example_id_of, paths) if name in known]
    return {}, near[:NEAREST]


def is_taught(db: Database, model_id: str, question: str) -> bool:
    """Return whether a model was trained on this question, whatever its signs."""
    row = _find_newest_row(db, model_id)
    words = split_words(fold(question))
    if row is None or not words:
        return False
    has_word = fn.SUBSTR(EXAMPLE_TEXT.words, 1, len(words[0])) == words[0]
    begun = fn.SUBSTR(EXAMPLE_TEXT.words, 1, _MAX_QUESTION_LENGTH)
    taught = db.rows(select_taught(begun).where(_taught_by(row.build_id) & has_word))
    return any(
        split_words(fold(str(each).partition("\n")[0])) == words for (each,) in taught
    )


def _has_answer(answer: str) -> Any:
    """Return the condition for texts with exactly this answer, in normal form."""
    # Each message is a line: the question first, the answer last.
    text = f"\n{normalise(answer)}"
    return (
        fn.SUBSTR(EXAMPLE_TEXT.words, fn.LENGTH(EXAMPLE_TEXT.words) - len(text) + 1)
        == text
    )


def _find_newest_row(db: Database, model_id: str) -> Row | None:
    """Return the newest model of this name with its build, and when it was trained."""
    query = select_models().select_extend(
        BUILD.train, JOB.recipe, JOB.updated_at.alias("trained_at")
    )
    query = query.join(JOB, on=(JOB.id == MODEL.job_id)).where(
        MODEL.model_id == model_id
    )
    return db.row(query.order_by(MODEL.id.desc()))


def _taught_by(build_id: int) -> Any:
    """Return the condition for the examples that a build's model was trained on."""
    return is_in_build(build_id) & (TAUGHT_EXAMPLE.split == TRAIN)
