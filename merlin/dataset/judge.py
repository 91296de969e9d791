"""Compare the examples of a dataset: which are good, and which side of the split each is on.

- an example over the base model's token limit is an error: the provider would refuse it;
- of two examples with equal content the later path is a duplicate (a training example is kept
  rather than a test example);
- a test example whose question is also trained is an error: it would measure memorisation;
- equal questions with different answers, near questions, and names that differ only by case are
  warnings.

Examples that may conflict are in one group: by question, by name, or by the `near_key` of the
question. Only touched groups are judged again, so the cost of a changed example is that of its
groups. Questions are compared by their normal form (`normalise`), as in the split.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from merlin.core.messages import uses_tools
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
from merlin.dataset.spec import DPO, DatasetSpec, Recipe, SplitRule
from merlin.dataset.split import FEWEST, TEST, TRAIN, choose_side, tests_for_training

_FRAME_TOKENS = 20  # more than the framing of one message takes
_CHUNK = 500


class Pair(NamedTuple):
    """A finding about two examples of a group, by id; it is reported at the first one."""

    id: str
    rule: str
    other: str


class TokenLimit:
    """The maximum number of tokens of an example with its system text; `most` None: no limit."""

    def __init__(self, system: str, most: int | None) -> None:
        self.most = most
        self._system = system

    @cached_property
    def system_tokens(self) -> int:
        """Return the tokens that the dataset's system text adds to an example without its own."""
        return PER_MESSAGE + count_tokens("system") + count_tokens(self._system)

    @cached_property
    def _bound(self) -> int:
        return len(self._system.encode()) + _FRAME_TOKENS

    def estimate(self, example: Example) -> int:
        """Return the example's own tokens, or an upper bound if that is within the limit.

        A token is at least one byte, so short texts need no counting (and no vocabulary).
        """
        messages = [message for message in (*example.messages, example.rejected) if message]
        if not example.tools and not any(message.extra for message in messages):
            size = sum(len(message.content.encode()) + _FRAME_TOKENS for message in messages)
            bound = size + PER_CONVERSATION
            if self.most is None or bound + self._bound <= self.most:
                return bound
        return example.facts.tokens

    def total(self, tokens: int, *, has_system: bool) -> int:
        """Return the tokens of an example with its system text."""
        return tokens if has_system else tokens + self.system_tokens

    def is_over(self, example: IndexedExample) -> bool:
        """Return whether an example is too long."""
        if self.most is None or example.tokens + self._bound <= self.most:
            return False
        return self.total(example.tokens, has_system=bool(example.system)) > self.most


def judge_answers(example: Example, method: str) -> Finding | None:
    """Return the finding about a rejected answer: DPO requires one, other methods ignore it."""
    worse = example.rejected
    if method != DPO:
        if worse is None:
            return None
        return Finding("", *example.rejected_mark, "unused-rejected", Severity.NOTE)
    if worse is None:
        return Finding("", *(example.marks or ((1, 1),))[-1], "no-rejected")
    better = example.messages[-1]
    is_same = normalise(better.content) == normalise(worse.content)
    is_same = is_same and better.extra.get("tool_calls") == worse.extra.get("tool_calls")
    return Finding("", *example.rejected_mark, "same-rejected") if is_same else None


def judge_tools(example: Example, recipe: Recipe) -> Finding | None:
    """Return the finding about functions in an example whose trainer does not learn them."""
    trained = example.adapt_to_method(recipe.method)
    messages = [*trained.messages, *([trained.rejected] if trained.rejected else [])]
    if recipe.takes_tools or not uses_tools(messages, trained.tools):
        return None
    places = zip(trained.messages, trained.marks, strict=False)
    mark = next((mark for message, mark in places if uses_tools([message])), (1, 1))
    return Finding("", *mark, "tools-not-trained")


def judge(index: ExampleIndex, spec: DatasetSpec | None, limit: TokenLimit) -> None:
    """Judge the touched groups; all groups if the settings changed since the last time."""
    rule = spec.split if spec else None
    settings = json.dumps([spec.system, limit.most, asdict(spec.split)] if spec else None)
    index.build_question_index()
    if index.state("judged by") != settings or index.state("taken back"):
        index.touch_all()
        index.set_state("judged by", settings)
    for questions in index.read_touched_questions():
        _judge_questions(index, questions, rule, limit)
    index.build_indices()
    # Move test examples to train if that side has too few.
    train_count = index.sides().get(TRAIN, (0, 0, 0))[0]
    moved: Sequence[str] = ()
    if rule is not None and train_count < FEWEST:
        moved = tests_for_training(index.test_questions(), train_count, rule)
        index.set_status((GOOD, TRAIN, example_id) for example_id in moved)
    index.set_state("taken back", str(len(moved)) if moved else "")
    _judge_groups(index, "words", _find_near_pairs)
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
        statuses, question_pairs = _judge_question(members, limit)
        good = [member for member in members if statuses.get(member.id, GOOD) == GOOD]
        is_taught = any(member.mark == TRAIN for member in good)
        pairs += [(members[0].question, *pair) for pair in question_pairs]
        for member in members:
            status, side = statuses.get(member.id, GOOD), ""
            if status == GOOD and rule is not None:
                side = choose_side(member.mark, member.question, rule, is_taught=is_taught)
            if (status, side) != (member.status, member.side):
                changes.append((status, side, member.id))
            if member.status and (member.status == GOOD) != (status == GOOD):
                regrouped.append(member.id)
    index.set_status(changes)
    index.touch(regrouped)
    index.add_pairs("question", pairs)


def _judge_question(
    members: Sequence[IndexedExample], limit: TokenLimit
) -> tuple[dict[str, str], list[Pair]]:
    """Return the status of the examples of a question that are not good, and the pairs."""
    statuses = {member.id: TOO_LONG for member in members if limit.is_over(member)}
    pairs: list[Pair] = []
    if len(members) == 1:
        return statuses, pairs
    first: dict[bytes, IndexedExample] = {}
    train_first = sorted(members, key=lambda member: (member.mark == TEST, member.path))
    for member in train_first:
        if member.id not in statuses:
            kept = first.setdefault(member.content, member)
            if kept is not member:
                statuses[member.id] = DUPLICATE
                pairs.append(Pair(member.id, "duplicate", kept.id))
    unique = list(first.values())
    trained = [member for member in unique if member.mark != TEST]
    if trained:
        for member in unique:
            if member.mark == TEST:
                statuses[member.id] = LEAK
                pairs.append(Pair(member.id, "leak", trained[-1].id))
    good = [member for member in unique if member.id not in statuses]
    return statuses, [*pairs, *_find_contradictions(good)]


def _find_contradictions(good: Sequence[IndexedExample]) -> Iterator[Pair]:
    """Yield examples with an equal question and system text but different answers."""
    first: dict[bytes, IndexedExample] = {}
    for example in sorted(good, key=lambda example: example.path):
        known = first.setdefault(example.system, example)
        if known.answer != example.answer:
            yield Pair(example.id, "contradiction", known.id)


def _judge_groups(
    index: ExampleIndex, column: str, compare: Callable[[Sequence[IndexedExample]], Iterator[Pair]]
) -> None:
    groups = index.read_touched_groups(column)
    pairs = ((value, *pair) for value, good in groups for pair in compare(good))
    while chunk := list(islice(pairs, _CHUNK)):
        index.add_pairs(column, chunk)


def _find_near_pairs(good: Sequence[IndexedExample]) -> Iterator[Pair]:
    """Yield near-equal questions; a test question that is nearly trained measures memorisation."""
    for later, earlier in find_near_questions([example.question for example in good]):
        example, other = good[later], good[earlier]
        if (example.mark == TEST) == (other.mark == TEST):
            yield Pair(example.id, "near-duplicate", other.id)
        elif example.mark == TEST:
            yield Pair(example.id, "near-leak", other.id)
        else:
            yield Pair(other.id, "near-leak", example.id)
