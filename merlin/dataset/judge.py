"""Compare the examples of a dataset: which are good.

- an example over the base model's token limit is an error: the provider would refuse it;
- of two examples with equal content the later path is a duplicate (a training example is kept
  rather than a test example);
- a test example whose question is also trained is an error: it would measure memorisation;
- equal questions with different answers, near questions, and names that differ only by case are
  warnings.

Examples that may conflict are in one group: by question, or by the `near_key` of the question.
Questions are compared by their normal form (`normalise`), as in the split.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from merlin.core.messages import uses_tools
from merlin.dataset.example import Example, normalise
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.layout import example_path
from merlin.dataset.lint import make_finding
from merlin.dataset.near_questions import find_near_questions
from merlin.dataset.spec import DPO, KTO
from merlin.dataset.split import TEST
from merlin.dataset.tokens import FRAME_TOKENS, PER_MESSAGE, count_tokens


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

    def total(self, example: Example) -> int:
        """Return the tokens of an example with its system text."""
        return example.tokens + (0 if example.system_digest else self.system_tokens)

    def find_excess(self, trained: Example) -> int:
        """Return the tokens of an example that is too long, 0 for any other."""
        if self.most is None:
            return 0
        most_own = trained.most_tokens
        most_of_system = len(self._system.encode()) + FRAME_TOKENS
        if most_own is not None and most_own + most_of_system <= self.most:
            return 0
        total = self.total(trained)
        return total if total > self.most else 0


def judge_answers(example: Example, method: str) -> Finding | None:
    """Return the finding about a rejected answer: DPO requires one, KTO takes one."""
    worse = example.rejected
    if worse is None and method != DPO:
        return None
    if method not in (DPO, KTO):
        return Finding("", *example.rejected_mark, "unused-rejected", Severity.NOTE)
    if worse is None:
        return Finding("", *(example.marks or ((1, 1),))[-1], "no-rejected")
    better = example.messages[-1]
    is_same = normalise(better.content) == normalise(worse.content)
    is_same = is_same and better.extra.get("tool_calls") == worse.extra.get(
        "tool_calls"
    )
    return Finding("", *example.rejected_mark, "same-rejected") if is_same else None


def judge_tools(example: Example, method: str) -> Finding | None:
    """Return the finding about functions in an example whose trainer does not learn them."""
    trained = example.adapt_to_method(method)
    messages = [*trained.messages, *([trained.rejected] if trained.rejected else [])]
    if not uses_tools(messages, trained.tools):
        return None
    places = zip(trained.messages, trained.marks, strict=False)
    mark = next((mark for message, mark in places if uses_tools([message])), (1, 1))
    return Finding("", *mark, "tools-not-trained")


Examples = tuple[Example, ...]


def judge(
    examples: Iterable[Example], method: str, limit: TokenLimit
) -> tuple[Examples, Examples, list[Finding]]:
    """Compare the readable examples of a dataset; return the good ones, duplicates, and findings.

    Both are ordered by id.
    """
    ordered = sorted(examples, key=lambda example: example.id)
    lengths = {
        each.id: limit.find_excess(each.adapt_to_method(method)) for each in ordered
    }
    too_long = {example_id: tokens for example_id, tokens in lengths.items() if tokens}
    short = [example for example in ordered if example.id not in too_long]
    pairs = [*chain.from_iterable(map(_judge_question, _group(short, _question_of)))]
    statuses = {pair.id: pair.rule for pair in pairs if pair.rule in _EXCLUDED}
    good = tuple(example for example in short if example.id not in statuses)
    for same_question in _group(good, _question_of):
        pairs += _find_contradictions(same_question)
    for near in _group(good, lambda example: example.near_key):
        pairs += _find_near_pairs(near)
    known = {example.id: example for example in short}
    findings = [
        make_finding(
            each,
            (1, 1),
            "too-many-tokens",
            Severity.ERROR,
            tokens=too_long[each.id],
            limit=limit.most or 0,
        )
        for each in ordered
        if each.id in too_long
    ]
    for pair in {(pair.id, pair.rule): pair for pair in reversed(pairs)}.values():
        severity = Severity.ERROR if pair.rule == _LEAK else Severity.WARNING
        example = known[pair.id]
        other = known[pair.other]
        arguments = {"other": escape_unprintable(example_path(other.id))}
        if pair.rule == "near-duplicate":
            is_same = example.answer_digest == other.answer_digest
            arguments["answers"] = "same" if is_same else "differ"
        findings.append(
            make_finding(
                example, example.question_mark, pair.rule, severity, **arguments
            )
        )
    duplicates = tuple(each for each in short if statuses.get(each.id) == _DUPLICATE)
    return good, duplicates, findings


_DUPLICATE = "duplicate"
_LEAK = "leak"
_EXCLUDED = (_DUPLICATE, _LEAK)


def _question_of(example: Example) -> str:
    return example.normal_question


def _group(
    examples: Iterable[Example], key: Callable[[Example], str]
) -> Iterator[Sequence[Example]]:
    """Yield the groups of two or more examples with the same key."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(key(example), []).append(example)
    yield from (group for group in groups.values() if len(group) > 1)


def _judge_question(members: Sequence[Example]) -> Iterator[Pair]:
    """Yield the examples of a question that are not good."""
    first: dict[bytes, Example] = {}
    for member in sorted(members, key=lambda each: (each.split == TEST, each.path)):
        kept = first.setdefault(member.content_digest, member)
        if kept is not member:
            yield Pair(member.id, _DUPLICATE, kept.id)
    trained = [member for member in first.values() if member.split != TEST]
    for member in first.values() if trained else ():
        if member.split == TEST:
            yield Pair(member.id, _LEAK, trained[-1].id)


def _find_contradictions(good: Sequence[Example]) -> Iterator[Pair]:
    """Yield examples with an equal question and system text but different answers."""
    first: dict[bytes, Example] = {}
    for example in sorted(good, key=lambda example: example.path):
        known = first.setdefault(example.system_digest, example)
        if known.answer_digest != example.answer_digest:
            yield Pair(example.id, "contradiction", known.id)


def _find_near_pairs(good: Sequence[Example]) -> Iterator[Pair]:
    """Yield near-equal questions; a test question that is nearly trained measures memorisation."""
    for later, earlier in find_near_questions(
        [example.normal_question for example in good]
    ):
        example = good[later]
        other = good[earlier]
        if (example.split == TEST) == (other.split == TEST):
            yield Pair(example.id, "near-duplicate", other.id)
        elif example.split == TEST:
            yield Pair(example.id, "near-leak", other.id)
        else:
            yield Pair(other.id, "near-leak", example.id)
