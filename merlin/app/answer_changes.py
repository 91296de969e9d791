"""Preview of the answers that an edit would change, before it is saved.

    the current examples, and the edited ones -> a `recall` model of each -> both answer the
    newest questions of users -> the answers that differ

`recall` takes seconds to train. For a dataset that trains with another base model the result is
an estimate. Only questions of people who consented are used; they are shown masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context, Conversations
from merlin.chat.feedback import QuestionStatistics
from merlin.config.engine import RECALL
from merlin.core.errors import Refused
from merlin.core.process_pool import map_many
from merlin.dataset.changes import Edit
from merlin.dataset.example import Example, normalise, parse_example
from merlin.dataset.layout import DATASET_FILE, EXAMPLES, example_id_of
from merlin.dataset.sensitive import mask_personal_data
from merlin.dataset.spec import SplitRule, read_dataset
from merlin.dataset.split import TRAIN, split

MAX_ASKED = 200
# With more examples the comparison would take longer than an editor waits.
MAX_EXAMPLES = 10_000


class AnswerChangeKind(StrEnum):
    """What an edit does to an answer: adds one, loses it, or changes it."""

    NEW = "new"
    LOST = "lost"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChange:
    """A masked question with its answers before and after an edit; "": the model does not know."""

    question: str
    before: str
    after: str

    @property
    def kind(self) -> AnswerChangeKind:
        """Return what the edit does to the answer."""
        if not self.before:
            return AnswerChangeKind.NEW
        return AnswerChangeKind.OTHER if self.after else AnswerChangeKind.LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChanges:
    """The answers that an edit would change, newest question first, of `asked` questions.

    `is_estimate`: the dataset trains with another base model than `recall`, which answered here.
    """

    asked: int
    changes: Sequence[AnswerChange]
    is_estimate: bool

    @property
    def summary(self) -> tuple[str, Mapping[str, int]]:
        """Return a Fluent key with its arguments that sums up the result."""
        if not self.asked:
            return "page-answers-no-questions", {}
        if not self.changes:
            return "page-answers-same", {"count": self.asked}
        counts = {kind.value: len(self.list_of_kind(kind)) for kind in AnswerChangeKind}
        return "page-answers-changed", {"asked": self.asked, **counts}

    def list_of_kind(self, kind: AnswerChangeKind) -> list[AnswerChange]:
        """Return the changes of a kind."""
        return [change for change in self.changes if change.kind is kind]


def plan_comparison(ctx: Context, actor: Actor, dataset: str) -> tuple[DatasetFiles, Sequence[str]]:
    """Return a dataset's files, and the questions to compare before and after an edit.

    Raises NotFound; Refused for more than `MAX_EXAMPLES`.
    """
    files = changes.read_files(ctx, actor, dataset)
    if sum(file.path.startswith(EXAMPLES) for file in files.files) > MAX_EXAMPLES:
        raise Refused("too many examples", "page-answers-too-many", limit=MAX_EXAMPLES)
    newest_questions = QuestionStatistics(ctx.db, ctx.default_dataset).newest_questions(
        dataset, MAX_ASKED
    )
    return files, list({normalise(question): question for question in newest_questions}.values())


def compare_answers(
    ctx: Context,
    files: DatasetFiles,
    questions: Sequence[str],
    edits: Sequence[Edit],
    language: str,
) -> AnswerChanges:
    """Return the answers to `questions` that the edits change.

    Takes seconds in separate processes, and reads no rows. Personal data is masked in `language`.
    """
    texts = {file.path: file.text for file in files.files}
    spec, _ = read_dataset(files.dataset, (texts.get(DATASET_FILE) or "").encode())
    before = {
        path: parse_example(text) for path, text in texts.items() if path.startswith(EXAMPLES)
    }
    after = before | {edit.path: parse_example(edit.text) for edit in edits}
    rule = spec.split if spec else SplitRule()
    lessons = [(_training_conversations(examples, rule), questions) for examples in (before, after)]
    assert ctx.teach is not None  # noqa: S101 - wiring provides it to processes that try edits
    old_answers, new_answers = map_many(ctx.teach, lessons, chunk_size=1) if questions else ([], [])
    differing = [
        AnswerChange(
            question=mask_personal_data(question, language).words,
            before=old_answer,
            after=new_answer,
        )
        for question, old_answer, new_answer in zip(
            questions, old_answers, new_answers, strict=True
        )
        if old_answer != new_answer
    ]
    is_estimate = spec is None or spec.recipe.base_model != RECALL
    return AnswerChanges(asked=len(questions), changes=differing, is_estimate=is_estimate)


def _training_conversations(
    examples: Mapping[str, Example | None], rule: SplitRule
) -> Conversations:
    """Return the conversations to train on: readable examples outside the test split."""
    readable = [
        example.at(example_id_of(path), path, "") for path, example in examples.items() if example
    ]
    split_of = split(readable, rule)
    return [example.messages for example in readable if split_of[example.id] == TRAIN]
