"""A changed file as people read it: an example by question and answer, old beside new.

Story, page of an edit, proposals and the bot show every change by this. The texts of the files
stand behind it, for whoever wants them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from merlin.dataset.example import normalise, parse_example, recover_turn
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.preview import unified_diff

# Words are compared in quadratic time.
_MAX_WORDS = 2_000
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

# A part of a text, and whether it differs from the other side.
Part = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class ShownExample:
    """What people read of an example: its first question, its last answer, its tags."""

    question: str
    answer: str
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that a change made, changed or deleted.

    `old` and `new` are None where there is no example, `was` is the path of one that has another
    name now, "" if it has not. `difference` is the unified diff of the texts.
    """

    path: str
    old: ShownExample | None
    new: ShownExample | None
    difference: str
    was: str = ""

    @property
    def is_example(self) -> bool:
        """Return whether it is shown by question and answer."""
        return self.old is not None or self.new is not None

    @property
    def questions(self) -> tuple[Sequence[Part], Sequence[Part]]:
        """Return the parts of both questions."""
        return mark_words(_of(self.old, "question"), _of(self.new, "question"))

    @property
    def answers(self) -> tuple[Sequence[Part], Sequence[Part]]:
        """Return the parts of both answers."""
        return mark_words(_of(self.old, "answer"), _of(self.new, "answer"))

    @property
    def tags(self) -> tuple[str, str]:
        """Return the tags of both sides, each in one line."""
        both = (self.old, self.new)
        old, new = (", ".join(side.tags) if side else "" for side in both)
        return old, new


def _of(example: ShownExample | None, name: str) -> str:
    return getattr(example, name) if example else ""


def compare_files(path: str, old: str | None, new: str | None, was: str = "") -> FileDifference:
    """Return the difference of a file's texts, None where there is no file."""
    is_example = path.startswith(EXAMPLES)
    return FileDifference(
        path=path,
        old=read_shown(old) if is_example else None,
        new=read_shown(new) if is_example else None,
        difference=unified_diff(old, new, path),
        was=was,
    )


def read_shown(text: str | None) -> ShownExample | None:
    """Return what people read of an example's text, None if nothing of it can be read."""
    example = parse_example(text)
    if example is not None:
        return ShownExample(example.question, example.messages[-1].content, example.tags)
    question, answer, tags = recover_turn(text)
    return ShownExample(question, answer, tags) if question or answer else None


def compare_all(files: Sequence[tuple[str, str | None, str | None]]) -> list[FileDifference]:
    """Return the differences of files: path, old text, new text.

    A deleted file and a new one of the same question are one file that changed: git finds a
    renaming by similar texts alone, and a corrected answer is another text.
    """
    deleted = {
        question: (path, old)
        for path, old, new in files
        if new is None and (question := _question_of(path, old))
    }
    made = {
        question: path
        for path, old, new in files
        if old is None and (question := _question_of(path, new)) in deleted
    }
    gone = {deleted[question][0] for question in made}
    before = {path: deleted[question] for question, path in made.items()}
    found = []
    for path, old, new in files:
        was, old_text = before.get(path, ("", old))
        if path not in gone:
            found.append(compare_files(path, old_text, new, was))
    return found


def _question_of(path: str, text: str | None) -> str:
    """Return an example's question in its normal form, "" for none."""
    shown = read_shown(text) if path.startswith(EXAMPLES) else None
    return normalise(shown.question) if shown else ""


def mark_words(old: str, new: str) -> tuple[Sequence[Part], Sequence[Part]]:
    """Return the parts of two texts in order, each with whether the other text lacks it.

    Of a text without another one, or too long to compare, nothing is marked.
    """
    olds, news = _WORD.findall(old), _WORD.findall(new)
    if not olds or not news or len(olds) + len(news) > _MAX_WORDS:
        return [(old, False)] if old else [], [(new, False)] if new else []
    left, right = list[Part](), list[Part]()
    for kind, start, end, other_start, other_end in SequenceMatcher(
        None, olds, news, autojunk=False
    ).get_opcodes():
        if start < end:
            left.append(("".join(olds[start:end]), kind != "equal"))
        if other_start < other_end:
            right.append(("".join(news[other_start:other_end]), kind != "equal"))
    return left, right
