"""Judging the examples of a dataset against each other: which are good, and which of them test.

- one over the base model's token limit is an error: the provider would refuse it;
- the same content twice: the later path is a duplicate (a taught one is kept before a test one);
- a test example whose question is also taught: an error, it would measure memory;
- equal questions with different answers, near questions, names that differ by case alone: told.

Examples that concern each other are in one group: that of their question, of their name, or of
the `near_key` of their question. Only groups that something touched are judged again, so one
changed example costs what its groups cost. Questions are compared by their normal form
(`normalise`), as in the split.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from merlin.dataset.example import PER_CONVERSATION, PER_MESSAGE, Example, count_tokens, normalise
from merlin.dataset.example_index import (
    DUPLICATE,
    GOOD,
    LEAK,
    TOO_LONG,
    ExampleIndex,
    IndexedExample,
)
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.near_questions import find_near_questions
from merlin.dataset.spec import DPO, DatasetSpec, SplitRule
from merlin.dataset.split import FEWEST, TEST, TRAIN, side_of, take_back

_FRAME_TOKENS = 20  # more than the framing of one message takes
_CHUNK = 500


class Pair(NamedTuple):
    """Two examples of a group that concern each other, by id; the first is told of the other."""

    id: str
    rule: str
    other: str


class TokenLimit:
    """How many tokens an example may have beside the dataset's system text; None: any number."""

    def __init__(self, system: str, most: int | None) -> None:
        self.most = most
        self._system = system

    @cached_property
    def system_tokens(self) -> int:
        """Return what the system text adds to an example that has none of its own."""
        return PER_MESSAGE + count_tokens("system") + count_tokens(self._system)

    @cached_property
    def _bound(self) -> int:
        return len(self._system.encode()) + _FRAME_TOKENS

    def estimate(self, example: Example) -> int:
        """Return the example's own tokens, or an upper bound when that already keeps the limit.

        A token is at least one byte, so short texts need no counting (and no vocabulary).
        """
        spoken = [each for each in (*example.messages, example.rejected) if each]
        if not example.tools and not any(each.extra for each in spoken):
            size = sum(len(each.content.encode()) + _FRAME_TOKENS for each in spoken)
            bound = size + PER_CONVERSATION
            if self.most is None or bound + self._bound <= self.most:
                return bound
        return example.facts.tokens

    def total(self, tokens: int, *, has_system: bool) -> int:
        """Return the tokens of an example with its system text."""
        return tokens if has_system else tokens + self.system_tokens

    def is_over(self, each: IndexedExample) -> bool:
        """Return whether an example is too long."""
        if self.most is None or each.tokens + self._bound <= self.most:
            return False
        return self.total(each.tokens, has_system=bool(each.system)) > self.most


def judge_answers(example: Example, method: str) -> Finding | None:
    """Return what is wrong with an example's pair of answers: DPO needs one, and no other does."""
    worse = example.rejected
    if method != DPO:
        where = example.rejected_mark
        return Finding("", *where, "unused-rejected", Severity.NOTE) if worse is not None else None
    if worse is None:
        return Finding("", *(example.marks or ((1, 1),))[-1], "no-rejected")
    better = example.messages[-1]
    is_same = normalise(better.content) == normalise(worse.content)
    is_same = is_same and better.extra.get("tool_calls") == worse.extra.get("tool_calls")
    return Finding("", *example.rejected_mark, "same-rejected") if is_same else None


def judge(index: ExampleIndex, spec: DatasetSpec | None, limit: TokenLimit) -> None:
    """Judge the touched groups again; all of them where what they are judged by has changed."""
    rule = spec.split if spec else None
    by = json.dumps([spec.system, limit.most, asdict(spec.split)] if spec else None)
    if index.state("judged by") != by or index.state("taken back"):
        index.touch_all()
        index.set_state("judged by", by)
    index.build_indices()
    for questions in index.touched_questions():
        _judge_questions(index, questions, rule, limit)
    _take_back(index, rule)
    _judge_groups(index, "folded", _same_names)
    _judge_groups(index, "words", _near_questions)
    index.forget_touched()


def _judge_questions(
    index: ExampleIndex,
    questions: Sequence[Sequence[IndexedExample]],
    rule: SplitRule | None,
    limit: TokenLimit,
) -> None:
    changes: list[tuple[str, str, str]] = []
    regrouped, pairs = [], []
    for members in questions:
        statuses, found = _judge_question(members, limit)
        good = [member for member in members if statuses.get(member.id, GOOD) == GOOD]
        is_taught = any(each.mark == TRAIN for each in good)
        pairs += [(members[0].question, *pair) for pair in found]
        for member in members:
            status, side = statuses.get(member.id, GOOD), ""
            if status == GOOD and rule is not None:
                side = side_of(member.mark, member.question, rule, is_taught=is_taught)
            if (status, side) != (member.status, member.side):
                changes.append((status, side, member.id))
            if member.status and (member.status == GOOD) != (status == GOOD):
                regrouped.append(member.id)
    index.set_status(changes)
    index.mark_moved(example_id for _, _, example_id in changes)
    index.touch(regrouped)
    index.add_pairs("question", pairs)


def _judge_question(
    members: Sequence[IndexedExample], limit: TokenLimit
) -> tuple[dict[str, str], list[Pair]]:
    """Return the status of examples that are not good, and what is told of pairs."""
    statuses = {member.id: TOO_LONG for member in members if limit.is_over(member)}
    pairs: list[Pair] = []
    if len(members) == 1:
        return statuses, pairs
    first: dict[bytes, IndexedExample] = {}
    taught_first = sorted(members, key=lambda each: (each.mark == TEST, each.path))
    for each in taught_first:
        if each.id not in statuses:
            kept = first.setdefault(each.content, each)
            if kept is not each:
                statuses[each.id] = DUPLICATE
                pairs.append(Pair(each.id, "duplicate", kept.id))
    unique = list(first.values())
    taught = [each for each in unique if each.mark != TEST]
    if taught:
        for each in unique:
            if each.mark == TEST:
                statuses[each.id] = LEAK
                pairs.append(Pair(each.id, "leak", taught[-1].id))
    good = [each for each in unique if each.id not in statuses]
    return statuses, [*pairs, *_contradictions(good)]


def _contradictions(good: Sequence[IndexedExample]) -> Iterator[Pair]:
    """Yield equal questions, under one system text, that have different answers."""
    first: dict[bytes, IndexedExample] = {}
    for each in sorted(good, key=lambda each: each.path):
        known = first.setdefault(each.system, each)
        if known.answer != each.answer:
            yield Pair(each.id, "contradiction", known.id)


def _take_back(index: ExampleIndex, rule: SplitRule | None) -> None:
    """Let test examples teach where too few do."""
    taught = index.sides().get(TRAIN, (0, 0, 0))[0]
    back: Sequence[str] = ()
    if rule is not None and taught < FEWEST:
        back = take_back(index.test_questions(), taught, rule)
        index.set_status((GOOD, TRAIN, example_id) for example_id in back)
        index.mark_moved(back)
    index.set_state("taken back", str(len(back)) if back else "")


def _judge_groups(
    index: ExampleIndex,
    column: str,
    compare: Callable[[Sequence[IndexedExample]], Iterator[Pair]],
) -> None:
    groups = index.touched_groups(column)
    pairs = ((value, *pair) for value, good in groups for pair in compare(good))
    while some := list(islice(pairs, _CHUNK)):
        index.add_pairs(column, some)


def _same_names(good: Sequence[IndexedExample]) -> Iterator[Pair]:
    """Yield names that one file system in three takes for the same."""
    for each in good[1:]:
        yield Pair(each.id, "case-twin", good[0].id)


def _near_questions(good: Sequence[IndexedExample]) -> Iterator[Pair]:
    """Yield near-equal questions; a test one that is nearly taught measures memory."""
    for later, earlier in find_near_questions([each.question for each in good]):
        each, other = good[later], good[earlier]
        if (each.mark == TEST) == (other.mark == TEST):
            yield Pair(each.id, "near-duplicate", other.id)
        elif each.mark == TEST:
            yield Pair(each.id, "near-leak", other.id)
        else:
            yield Pair(other.id, "near-leak", each.id)
