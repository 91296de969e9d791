"""The examples whose answer a correction changes.

These are the examples that ask the same and, where the corrected answer came from known examples,
all that give this answer, test questions too: another wording would go on giving the old one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from merlin.core.messages import Message
from merlin.dataset.changes import Changes
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import Example, normalise, parse_example, write_example
from merlin.dataset.files import apply_pending_changes
from merlin.dataset.layout import EXAMPLES
from merlin.db.database import Database
from merlin.db.tables import REVOKED_EXAMPLE

# The most candidates to compare, of those that contain all words of a question or an answer.
_MAX_READ = 500


@dataclass(frozen=True, slots=True)
class Corrected:
    """The examples with the question of a correction, and others with the answer it corrects.

    None of them has the new answer.
    """

    same: tuple[Example, ...] = ()
    others: tuple[Example, ...] = ()

    @property
    def examples(self) -> tuple[Example, ...]:
        """Return all of them."""
        return (*self.same, *self.others)

    @property
    def answers(self) -> list[str]:
        """Return their present answers, each once."""
        return list(dict.fromkeys(example.answer for example in self.examples))


def find_corrected(
    db: Database, dataset: str, messages: Sequence[Message], known_answer: str
) -> Corrected:
    """Return the examples whose answer a conversation with a new last answer corrects.

    `known_answer` is the answer of known examples that the user got, "" for none. Texts are
    compared by their normal forms. Pending changes count as committed. Examples of a withdrawn
    consent are none: they are about to be removed.
    """
    *asked, new = (normalise(message.content) for message in messages)
    old = normalise(known_answer)
    same, others = dict[str, Example](), dict[str, Example]()
    select = REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id)
    rows = db.rows(select.where(REVOKED_EXAMPLE.dataset == dataset))
    revoked = {row["example_id"] for row in rows}
    for each in _list_examples(db, dataset, messages[-2].content):
        *other_asked, answer = (normalise(message.content) for message in each.messages)
        if other_asked == asked and answer != new and each.id not in revoked:
            same[each.id] = each
    for each in _list_examples(db, dataset, known_answer) if old else ():
        if normalise(each.answer) == old != new and each.id not in {*revoked, *same}:
            others[each.id] = each
    return Corrected(tuple(same.values()), tuple(others.values()))


def correct_example(example: Example, correction: Example) -> str:
    """Return the text of an example with the answer of another, and the personal data it allows."""
    *before, last = example.messages
    messages = (*before, replace(last, content=correction.answer))
    allow = tuple(dict((*example.allow, *correction.allow)).items())
    return write_example(replace(example, messages=messages, allow=allow))


def _list_examples(db: Database, dataset: str, text: str) -> Iterator[Example]:
    """Yield the examples with these words, and those of pending changes."""
    found = ExampleEntries(db).find(dataset, ExampleFilter(text), _MAX_READ)
    for file in apply_pending_changes(dataset, found, Changes(db).list_pending(dataset)):
        example = parse_example(file.text) if file.path.startswith(EXAMPLES) else None
        if example:
            yield example.at(file.example_id, file.path, file.blob)
