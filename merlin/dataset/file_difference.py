"""A changed file as people read it: an example by question and answer, old beside new.

Story, page of an edit, proposals and the bot show every change by this. The texts of the files
stand behind it, for whoever wants them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from merlin.dataset.example import normalise
from merlin.dataset.example_file import parse_example
from merlin.dataset.example_repair import recover_turn
from merlin.dataset.layout import EXAMPLES

# Words are compared in quadratic time.
_MAX_WORDS = 2_000
# The least share of the shorter text that both have: else nearly all would be marked.
_LEAST_ALIKE = 0.4
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

_DASHES = {"user": "", "assistant": "— "}

# A part of a text, and whether it differs from the other side.
Part = tuple[str, bool]


class Side(NamedTuple):
    """A question or an answer before or after a change, under the text "page-" and `heading`.

    `tone` is "bad" of what goes, "ok" of what comes, "" of what stays.
    """

    heading: str
    parts: Sequence[Part]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ShownExample:
    """What people read of an example: what was asked, its last answer, its tags.

    A question within a conversation has the turns before it, answers with a dash.
    """

    question: str
    answer: str
    tags: str = ""


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that a change made, changed or deleted.

    `old` and `new` are None where there is no example, `was` is the path of one that has another
    name now, "" if it has not. `texts` are those of the file, None for no file.
    """

    path: str
    old: ShownExample | None
    new: ShownExample | None
    texts: tuple[str | None, str | None]
    was: str = ""

    @property
    def is_example(self) -> bool:
        """Return whether it is shown by question and answer."""
        return self.old is not None or self.new is not None

    @property
    def sides(self) -> Sequence[Sequence[Side]]:
        """Return the sides of question, answer and tags: one of what stays, none of equal tags."""
        tags = self._sides_of("tags", "example-tags")
        return [
            self._sides_of("question", "example-question"),
            self._sides_of("answer", "answer-gone"),
            tags if tags and tags[0].tone else [],
        ]

    def _sides_of(self, name: str, gone: str) -> Sequence[Side]:
        left, right = (
            getattr(each, name) if each else "" for each in (self.old, self.new)
        )
        before, after = mark_words(left, right)
        old = Side(f"{name}-before" if self.new else gone, before, "bad")
        new = Side(f"{name}-after" if self.old else f"example-{name}", after, "ok")
        sides = [Side(f"example-{name}", after)] if left == right else [old, new]
        return [side for side in sides if side.parts]


def compare_files(
    path: str, old: str | None, new: str | None, was: str = ""
) -> FileDifference:
    """Return the difference of a file's texts, None where there is no file."""
    is_example = path.startswith(EXAMPLES)
    return FileDifference(
        path=path,
        old=read_shown(old) if is_example else None,
        new=read_shown(new) if is_example else None,
        texts=(old, new),
        was=was,
    )


def read_shown(text: str | None) -> ShownExample | None:
    """Return what people read of an example's text, None if nothing of it can be read."""
    example = parse_example(text)
    if example is not None:
        *asked, last = example.messages
        turns = [
            f"{_DASHES[each.role]}{each.content}"
            for each in asked
            if each.role in _DASHES
        ]
        return ShownExample("\n\n".join(turns), last.content, ", ".join(example.tags))
    question, answer, tags = recover_turn(text)
    return (
        ShownExample(question, answer, ", ".join(tags)) if question or answer else None
    )


def compare_all(
    files: Sequence[tuple[str, str | None, str | None]],
) -> list[FileDifference]:
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


def compare_answers(
    present: str, new: str, heading: str = "proposal-present"
) -> Sequence[Side]:
    """Return the sides of an answer and of a new one."""
    before, after = mark_words(present, new)
    return Side(heading, before), Side("proposal-new", after, "ok")


def mark_words(old: str, new: str) -> tuple[Sequence[Part], Sequence[Part]]:
    """Return the parts of two texts in order, each with whether the other text lacks it.

    Space between words is marked with them. Nothing is marked of a text without another one, with
    one that is quite different, or too long to compare.
    """
    olds = _WORD.findall(old)
    news = _WORD.findall(new)
    left = list[Part]()
    right = list[Part]()
    if len(olds) + len(news) <= _MAX_WORDS:
        for kind, start, end, other_start, other_end in SequenceMatcher(
            None, olds, news, autojunk=False
        ).get_opcodes():
            words = "".join(olds[start:end])
            other_words = "".join(news[other_start:other_end])
            is_marked = kind != "equal" or words.isspace()
            left.append((words, is_marked))
            right.append((other_words, is_marked))
    alike = sum(len(words) for words, is_marked in left if not is_marked)
    if alike < _LEAST_ALIKE * min(len(old), len(new)) or not (old and new):
        return [(old, False)] if old else [], [(new, False)] if new else []
    return _join_parts(left), _join_parts(right)


def _join_parts(parts: Sequence[Part]) -> Sequence[Part]:
    """Return the parts with those joined that are marked alike."""
    grouped = groupby(filter(itemgetter(0), parts), itemgetter(1))
    return [
        ("".join(words for words, _ in group), is_marked)
        for is_marked, group in grouped
    ]
