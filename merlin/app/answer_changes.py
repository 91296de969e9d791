"""Which answers an edit would change, before it is saved.

    the examples as they lie, and with the edit -> each taught by `recall` -> asked the last
    questions that people really asked -> those whose answers differ

`recall` takes seconds whatever a dataset trains with elsewhere: there it is an estimate. Only
questions of people whose consent counts are asked, and shown masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context, Conversations
from merlin.chat.feedback import QuestionStatistics
from merlin.config.engine import BUILT_IN
from merlin.core.errors import Refused
from merlin.core.process_pool import map_many
from merlin.dataset.changes import Edit
from merlin.dataset.example import Example, normalise, parse_example
from merlin.dataset.layout import DATASET_FILE, EXAMPLES, example_id_of
from merlin.dataset.proposals import mask_personal_data
from merlin.dataset.spec import SplitRule, read_dataset
from merlin.dataset.split import TRAIN, split

MAX_ASKED = 200
# Of more it would take longer than an editor waits.
MAX_EXAMPLES = 10_000


class AnswerChangeKind(StrEnum):
    """What an edit does to an answer: there is one now, there is none any more, another one."""

    NEW = "new"
    LOST = "lost"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChange:
    """A question, masked, with its answer before and after an edit, "" where it is not known."""

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
    """What an edit would change of the answers to so many `asked` questions, newest first.

    `is_estimate`: the dataset trains elsewhere than by `recall`, which answered here.
    """

    asked: int
    changes: Sequence[AnswerChange]
    is_estimate: bool

    @property
    def summary(self) -> tuple[str, Mapping[str, int]]:
        """Return in one text what came of it: a Fluent key with its arguments."""
        if not self.asked:
            return "page-answers-nothing-asked", {}
        if not self.changes:
            return "page-answers-same", {"count": self.asked}
        counts = {kind.value: len(self.of(kind)) for kind in AnswerChangeKind}
        return "page-answers-changed", {"asked": self.asked, **counts}

    def of(self, kind: AnswerChangeKind) -> list[AnswerChange]:
        """Return the changes of a kind."""
        return [change for change in self.changes if change.kind is kind]


def plan_comparison(ctx: Context, actor: Actor, dataset: str) -> tuple[DatasetFiles, Sequence[str]]:
    """Return a dataset's files, and what is asked before and after an edit of them.

    Raises NotFound, Refused for more examples than are taught soon.
    """
    files = changes.read_files(ctx, actor, dataset)
    if sum(file.path.startswith(EXAMPLES) for file in files.files) > MAX_EXAMPLES:
        raise Refused("too many examples", "page-answers-too-many", limit=MAX_EXAMPLES)
    recent = QuestionStatistics(ctx.db, ctx.default_dataset).newest_questions(dataset, MAX_ASKED)
    return files, list({normalise(each): each for each in recent}.values())


def compare_answers(
    ctx: Context,
    files: DatasetFiles,
    questions: Sequence[str],
    edits: Sequence[Edit],
    language: str,
) -> AnswerChanges:
    """Return which answers to the questions edits of the files change.

    Takes seconds in processes of its own, and reads no rows. Personal words are masked in
    `language`.
    """
    lying = {file.path: file.text for file in files.files}
    spec, _ = read_dataset(files.dataset, (lying.get(DATASET_FILE) or "").encode())
    before = {
        path: parse_example(text) for path, text in lying.items() if path.startswith(EXAMPLES)
    }
    after = before | {edit.path: parse_example(edit.text) for edit in edits}
    rule = spec.split if spec else SplitRule()
    lessons = [(_taught(each, rule), questions) for each in (before, after)]
    assert ctx.teach is not None  # noqa: S101 - wiring gives it to whoever tries edits
    old, new = map_many(ctx.teach, lessons, at_once=1) if questions else ([], [])
    found = [
        AnswerChange(question=mask_personal_data(words, language).words, before=was, after=now)
        for words, was, now in zip(questions, old, new, strict=True)
        if was != now
    ]
    is_estimate = spec is None or spec.recipe.base_model != BUILT_IN
    return AnswerChanges(asked=len(questions), changes=found, is_estimate=is_estimate)


def _taught(examples: Mapping[str, Example | None], rule: SplitRule) -> Conversations:
    """Return the conversations that teach: not those of the test part, nor what cannot be read."""
    named = [each.at(example_id_of(path), path, "") for path, each in examples.items() if each]
    sides = split(named, rule)
    return [each.messages for each in named if sides[each.id] == TRAIN]
