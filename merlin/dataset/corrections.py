"""The examples that a correction replaces: those with the same conversation and another answer.

If they stayed, a model might keep the old answer. The commit that adds the correction's example
deletes them. Test questions that expect an old answer stay unchanged and are reported: only their
authors decide about them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merlin.core.messages import Message
from merlin.dataset.changes import Changes, Edit
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import Example, normalise, parse_example
from merlin.dataset.files import apply_pending_changes
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.split import TEST
from merlin.db.database import Database

# The most candidates to compare, of those that contain all words of a question or an answer.
_MAX_READ = 500


@dataclass(frozen=True, slots=True)
class Replacement:
    """The replaced examples, and the test questions that still expect one of their answers."""

    examples: tuple[Example, ...] = ()
    tests: tuple[Example, ...] = ()

    @property
    def edits(self) -> list[Edit]:
        """Return the edits that delete the replaced examples."""
        return [Edit(example.path, example.blob, None) for example in self.examples]


def find_replacement(db: Database, dataset: str, messages: Sequence[Message]) -> Replacement:
    """Return the examples that a conversation with a new last answer replaces.

    Messages are compared by their normal forms. Pending changes count as committed.
    """
    *asked, answer = (normalise(message.content) for message in messages)
    length, same = len(messages), list[tuple[Example, bool]]()
    for each, is_test in _list_examples(db, dataset, messages[-2].content, length):
        *other_asked, other_answer = (normalise(message.content) for message in each.messages)
        if other_asked == asked and other_answer != answer:
            same.append((each, is_test))
    examples = tuple(each for each, is_test in same if not is_test)
    expecting = {each.path: each for each, is_test in same if is_test}
    for old in examples:
        expecting |= {
            each.path: each
            for each, is_test in _list_examples(db, dataset, old.answer, length, TEST)
            if is_test and normalise(each.answer) == normalise(old.answer)
        }
    return Replacement(examples, tuple(expecting.values()))


def _list_examples(
    db: Database, dataset: str, text: str, length: int, split: str = ""
) -> Iterator[tuple[Example, bool]]:
    """Yield the examples with these words, pending ones too; and whether each is a test.

    Only those of `length` messages, the first by the user: a system text or further turns put a
    question in another context.
    """
    found = ExampleEntries(db).find(dataset, ExampleFilter(text, split=split), _MAX_READ)
    sides = {each.path: each.split for each in found}
    for file in apply_pending_changes(dataset, found, Changes(db).list_pending(dataset)):
        example = parse_example(file.text) if file.path.startswith(EXAMPLES) else None
        if example and len(example.messages) == length and example.messages[0].role == "user":
            is_test = (example.split or sides.get(file.path)) == TEST
            yield example.at(file.example_id, file.path, file.blob), is_test
