"""Ask a provider's model many questions: a few at a time, at a price known before, in a budget.

One question goes alone, because a model that is not there need not be asked a thousand times; then
`at_once` at a time. Each answer is handed on as it comes. Who stops in the middle (Ctrl-C, the end
of the budget, a provider that goes away) still gets the answers that are on their way: they are
paid for.

Answers that were paid for once are kept in a file of the state folder: a line of JSON an answer,
found by a digest of provider, model, wishes and the whole conversation, so that what is asked in
other words is asked anew. A line that a crash cut short is passed over.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.messages import DEFAULT_SAMPLING, Message, SamplingParams, Usage
from merlin.core.money import Price
from merlin.providers.base import NOT_COUNTED, Answer, Asker, is_locked_out
from merlin.providers.openai_chat import fields_of

AT_ONCE = 8
# Seconds before a question is asked again whose provider was busy, where it says none.
WAITS_S = (0.5, 1.0, 2.0)
MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Query:
    """One conversation to go on with; `key` is the caller's own, `expected` are its tokens."""

    key: str
    messages: tuple[Message, ...]
    expected: Usage

    def used(self, usage: Usage = NOT_COUNTED) -> Usage:
        """Return the tokens that it took, as expected where the provider counted none."""
        return self.expected if usage == NOT_COUNTED else usage

    def cost(self, price: Price | None, usage: Usage = NOT_COUNTED) -> int:
        """Return what those tokens cost, in millionths; 0 without a price."""
        used = self.used(usage)
        return price.answer(used.input_tokens, used.output_tokens) if price else 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and how many seconds it took to come."""

    answer: Answer
    seconds: float


@dataclass(slots=True)
class AskReport:
    """What came of it; `failed` are the errors by the queries' keys, money is in millionths."""

    answered: int = 0
    spent_micro: int = 0
    is_over_budget: bool = False
    failed: dict[str, ProviderError] = field(default_factory=dict)
    failed_in_a_row: int = 0

    @property
    def first_failure(self) -> ProviderError | None:
        """Return the error to tell: the first that is the provider's, else the first, or None."""
        failures = list(self.failed.values())
        return next(filter(says_nothing, failures), next(iter(failures), None))

    def add(
        self,
        query: Query,
        outcome: Reply | ProviderError,
        price: Price | None,
        keep: Callable[[Query, Reply], None],
    ) -> None:
        """Count one answer and hand it to `keep`; an empty one is a failure, and paid for."""
        if isinstance(outcome, Reply) and outcome.answer.text.strip():
            keep(query, outcome)
            self.answered += 1
            self.failed_in_a_row = 0
        else:
            empty = ProviderError("the model answered with nothing")
            self.failed[query.key] = empty if isinstance(outcome, Reply) else outcome
            self.failed_in_a_row += 1
        if isinstance(outcome, Reply):
            self.spent_micro += query.cost(price, outcome.answer.usage)

    def check(self, at_once: int) -> None:
        """Raise the first failure where nothing was answered, or the last `at_once` were not."""
        if self.first_failure and (not self.answered or self.failed_in_a_row >= at_once):
            raise self.first_failure


def says_nothing(failure: ProviderError) -> bool:
    """Return whether the failure is the provider's and says nothing of the model."""
    return isinstance(failure, ProviderBusy) or is_locked_out(failure)


def estimate(price: Price, queries: Iterable[Query]) -> int:
    """Return what asking all of them may cost, in millionths."""
    return sum(query.cost(price) for query in queries)


def ask_many(
    asker: Asker,
    model_id: str,
    queries: Iterable[Query],
    keep: Callable[[Query, Reply], None],
    *,
    price: Price | None = None,
    budget_micro: int | None = None,
    at_once: int = AT_ONCE,
    waits_s: Sequence[float] = WAITS_S,
) -> AskReport:
    """Ask a model all `queries`, in order; hand each answer to `keep` in the caller's thread.

    A busy provider is asked again after each of `waits_s`. Without a price a budget limits nothing.
    One failure among answers stops nothing; an empty answer is one. Raises ProviderError where the
    first query fails, or `at_once` in a row; whatever `keep` raises, which may be handed an answer
    twice when it is interrupted.
    """
    waiting, running = deque(queries), dict[Future[None], Query]()
    came = deque[tuple[Query, Reply | ProviderError]]()
    report, is_over = AskReport(), threading.Event()

    def work(query: Query) -> None:
        # Noted here: Ctrl-C may strike before anybody else knows of this question.
        try:
            came.append((query, _ask(asker, model_id, query, waits_s, is_over)))
        except ProviderError as failure:
            came.append((query, failure))

    def settle() -> None:
        while came:
            report.add(*came[0], price, keep)
            # Only now: Ctrl-C in the middle of `keep` has it called again below.
            came.popleft()

    def has_money() -> bool:
        promised = sum(query.cost(price) for query in (*running.values(), waiting[0]))
        return budget_micro is None or report.spent_micro + promised <= budget_micro

    with ThreadPoolExecutor(at_once) as pool:
        try:
            while waiting or running:
                room = at_once if report.answered else 1
                while waiting and len(running) < room and has_money():
                    query = waiting.popleft()
                    running[pool.submit(work, query)] = query
                if not running:
                    report.is_over_budget = True
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    future.result()
                settle()
                report.check(at_once)
        finally:
            is_over.set()
            pool.shutdown()
            settle()
    return report


def _ask(
    asker: Asker, model_id: str, query: Query, waits_s: Sequence[float], is_over: threading.Event
) -> Reply:
    """Return the reply, asked for again where the provider is busy and nobody has stopped."""
    for usual_s in (*waits_s, None):
        begun = time.monotonic()
        try:
            answer = asker.ask(model_id, query.messages)
        except ProviderBusy as failure:
            wait_s = min(failure.retry_after_s or usual_s or 0.0, MAX_WAIT_S)
            if usual_s is None or is_over.wait(wait_s):
                raise
        else:
            return Reply(answer, time.monotonic() - begun)
    raise AssertionError("the last try returns or raises")


FILE = "answers.jsonl"


class KeptAnswers:
    """The answers of one model of a provider; the file holds those of all."""

    def __init__(
        self,
        state_dir: Path,
        provider: str,
        model_id: str,
        wishes: SamplingParams = DEFAULT_SAMPLING,
    ) -> None:
        """Read what is kept. Raises OSError where the file cannot be read."""
        self._path, self._model, self._wishes = state_dir / FILE, (provider, model_id), wishes
        self._replies: dict[str, Reply] = {}
        if self._path.exists():
            with self._path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self._read(line)

    def _read(self, line: str) -> None:
        try:
            record = json.loads(line)
            if [record["provider"], record["model"]] != list(self._model):
                return
            usage = Usage(int(record["input_tokens"]), int(record["output_tokens"]))
            answer = Answer(str(record["answer"]), usage, record["known"], record["finish_reason"])
            self._replies[str(record["digest"])] = Reply(answer, float(record["seconds"]))
        except (ValueError, KeyError, TypeError):
            return

    def get(self, messages: Sequence[Message]) -> Reply | None:
        """Return what the model answered to this very conversation, None where it was not asked."""
        return self._replies.get(self._digest(messages))

    def keep(self, messages: Sequence[Message], reply: Reply) -> None:
        """Write an answer down. Raises OSError where the disk does not take it."""
        answer, digest = reply.answer, self._digest(messages)
        self._replies[digest] = reply
        values = {
            "digest": digest,
            "provider": self._model[0],
            "model": self._model[1],
            "answer": answer.text,
            "known": answer.known,
            "finish_reason": answer.finish_reason,
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "seconds": reply.seconds,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # The line end first: a line that was cut short stays alone.
            file.write("\n" + json.dumps(values, ensure_ascii=False))

    def _digest(self, messages: Sequence[Message]) -> str:
        wishes = fields_of(self._wishes)
        parts = [*self._model, wishes, *(message.as_json() for message in messages)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
