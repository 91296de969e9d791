"""The examples that a correction replaces: those with the same question and another answer.

If they stayed, a model might keep the old answer. The commit that adds the correction's example
deletes them. Test questions that expect an old answer stay unchanged and are reported: only their
authors decide about them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from merlin.dataset.changes import Changes, Edit
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import Example, normalise, parse_example
from merlin.dataset.files import apply_pending_changes
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.split import TEST
from merlin.db.database import Database

# The most candidates to compare, of those that contain all words of a question or an answer.
_MAX_READ = 500
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Replacement:
    """The replaced examples, and the test questions that still expect one of their answers."""

    examples: tuple[Example, ...] = ()
    tests: tuple[Example, ...] = ()

    @property
    def edits(self) -> list[Edit]:
        """Return the edits that delete the replaced examples."""
        return [Edit(example.path, example.blob, None) for example in self.examples]


def find_replacement(db: Database, dataset: str, question: str, answer: str) -> Replacement:
    """Return the examples that a question with a new answer replaces.

    Questions and answers are compared by their normal forms. Pending changes count as committed.
    """
    question_form, answer_form = normalise(question), normalise(answer)
    same = [
        (each, is_test)
        for each, is_test in _pairs(db, dataset, question)
        if normalise(each.question) == question_form and normalise(each.answer) != answer_form
    ]
    examples = tuple(each for each, is_test in same if not is_test)
    expecting = {each.path: each for each, is_test in same if is_test}
    for old in examples:
        expecting |= {
            each.path: each
            for each, is_test in _pairs(db, dataset, old.answer, TEST)
            if is_test and normalise(each.answer) == normalise(old.answer)
        }
    return Replacement(examples, tuple(expecting.values()))


def _pairs(
    db: Database, dataset: str, text: str, split: str = ""
) -> Iterator[tuple[Example, bool]]:
    """Yield the examples with these words, pending ones too; and whether each is a test."""
    found = ExampleEntries(db).find(dataset, ExampleFilter(text, split=split), _MAX_READ)
    sides = {each.path: each.split for each in found}
    for file in apply_pending_changes(dataset, found, Changes(db).list_pending(dataset)):
        example = parse_example(file.text) if file.path.startswith(EXAMPLES) else None
        # A system text or further turns put the question in another context.
        if example and len(example.messages) == _PAIR:
            is_test = (example.split or sides.get(file.path)) == TEST
            yield example.at(file.example_id, file.path, file.blob), is_test
