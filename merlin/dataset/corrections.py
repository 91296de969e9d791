"""The examples whose answer a correction changes.

These are the examples that ask the same and, where the corrected answer came from known examples or
the editor names one, all that give this answer, test questions too: another wording would go on
giving the old one. Each keeps its file and its side of the split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from merlin.core.encoder import encode
from merlin.core.messages import Message
from merlin.core.opposites import are_opposed
from merlin.dataset.builds import NO_END
from merlin.dataset.changes import Changes
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import parse_example, write_example
from merlin.dataset.files import apply_pending_changes
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.split import TEST, TRAIN, is_of_test
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.database import Database
from merlin.db.tables import REVOKED_EXAMPLE, REVOKED_VERSION, TAUGHT_EXAMPLE

# The most candidates to compare, of those that contain all words of a question or an answer.
_MAX_READ = 500
# The least cosine of a paraphrase with the nearest question of the examples that answered it. With
# the rule of opposites, 29 of 30 questions that people corrected are paraphrases, and 113 of the
# 150 of the shipped sets; 60 of their 75 near questions without a taught answer are not.
_MIN_COSINE = 0.62


@dataclass(frozen=True, slots=True)
class Corrected:
    """The examples with the question of a correction, and others that give `known_answer`.

    The others may give it before their last answer. None of `same` has the new answer. `unmarked`
    are those that are taught although their hash is of the test part: each was the only wording
    of its answer, and another one is added. `is_sure`: the model that gave the known answer was
    sure that it is the one to this question.
    """

    same: tuple[Example, ...] = ()
    others: tuple[Example, ...] = ()
    known_answer: str = ""
    unmarked: frozenset[str] = frozenset()
    is_sure: bool = False

    @property
    def examples(self) -> tuple[Example, ...]:
        """Return all of them."""
        return (*self.same, *self.others)

    @property
    def answers(self) -> list[str]:
        """Return their present answers, each once."""
        of_others = [self.known_answer] if self.others else []
        return list(
            dict.fromkeys([*(example.answer for example in self.same), *of_others])
        )

    def rewrite(self, example: Example, correction: Example) -> str:
        """Return the text of one of them with the answer of a correction, and what that allows."""
        messages = list(example.messages)
        places = _find_answers(example, normalise(self.known_answer))
        for place in places if example in self.others else [len(messages) - 1]:
            messages[place] = replace(messages[place], content=correction.answer)
        allow = tuple(dict((*example.allow, *correction.allow)).items())
        split = TRAIN if example.id in self.unmarked else example.split
        return write_example(
            replace(example, messages=tuple(messages), allow=allow, split=split)
        )


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
    same = dict[str, Example]()
    others = dict[str, Example]()
    revoked = _list_revoked(db, dataset)
    for each in _list_examples(db, dataset, messages[-2].content):
        *other_asked, answer = (normalise(message.content) for message in each.messages)
        if (
            other_asked == asked
            and answer != new
            and revoked.isdisjoint(_keys_of(each))
        ):
            same[each.id] = each
    for each in _list_examples(db, dataset, known_answer) if old else ():
        is_revoked = not revoked.isdisjoint(_keys_of(each))
        if (
            _find_answers(each, old)
            and old != new
            and not is_revoked
            and each.id not in same
        ):
            others[each.id] = each
    unmarked = _list_unmarked(db, dataset, [*same.values(), *others.values()])
    return Corrected(
        tuple(same.values()), tuple(others.values()), known_answer, unmarked
    )


def _keys_of(example: Example) -> set[tuple[str, ...]]:
    """Return by what a withdrawn example is known: its id, or the version of its file."""
    return {(example.id,), (example.id, example.blob)}


def _list_revoked(db: Database, dataset: str) -> set[tuple[str, ...]]:
    whole = REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id)
    return {
        *db.rows(whole.where(REVOKED_EXAMPLE.dataset == dataset)),
        *db.rows(
            REVOKED_VERSION.select(
                REVOKED_VERSION.example_id, REVOKED_VERSION.blob
            ).where(REVOKED_VERSION.dataset == dataset)
        ),
    }


def _list_unmarked(
    db: Database, dataset: str, examples: Sequence[Example]
) -> frozenset[str]:
    """Return the ids of those that are taught only while no other example has their answer."""
    spec = read_newest_settings(db, dataset)
    is_tested = (TAUGHT_EXAMPLE.dataset == dataset) & (TAUGHT_EXAMPLE.split == TEST)
    tested = db.rows(
        TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.example_id).where(
            is_tested & (TAUGHT_EXAMPLE.end_build == NO_END)
        )
    )
    return frozenset(
        each.id
        for each in examples
        if spec
        and not each.split
        and (each.id,) not in tested
        and is_of_test(each, spec.split)
    )


def is_other_question(question: str, corrected: Corrected) -> bool:
    """Return whether a question is no paraphrase of those that its correction changes, too.

    False if it changes no others, or the model was sure that it is one. The encoder takes a
    millisecond or two for each new question.
    """
    wordings = [example.question for example in corrected.others]
    if not wordings or corrected.is_sure:
        return False
    asked, *known = (
        vector.astype("float32") for vector in encode([question, *wordings])
    )
    nearest = max(float(asked @ vector) for vector in known)
    return not nearest >= _MIN_COSINE or are_opposed(
        question, wordings
    )  # NaN is not near


def _find_answers(example: Example, normal: str) -> list[int]:
    """Return the positions of the messages with this answer, in normal form."""
    return [
        position
        for position, message in enumerate(example.messages)
        if normal
        and message.role == "assistant"
        and normalise(message.content) == normal
    ]


def _list_examples(db: Database, dataset: str, text: str) -> Iterator[Example]:
    """Yield the examples with these words, and those of pending changes."""
    found = ExampleEntries(db).find(dataset, ExampleFilter(text), _MAX_READ)
    for file in apply_pending_changes(
        dataset, found, Changes(db).list_pending(dataset)
    ):
        example = parse_example(file.text) if file.path.startswith(EXAMPLES) else None
        if example:
            yield example.at(file.example_id, file.path, file.blob)
