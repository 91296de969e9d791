"""Ask a provider's model many questions concurrently, with a known price and within a budget.

The first question is sent alone, so that a missing model is not asked a thousand times; then
`at_once` run concurrently. Each answer is passed on as it arrives. After an interruption (Ctrl-C,
the end of the budget, an unavailable provider), answers already requested are still received:
they are paid for.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.messages import Message, Usage
from merlin.core.money import Price
from merlin.providers.base import NOT_COUNTED, Answer, ModelClient, is_account_rejected

AT_ONCE = 8
# Pauses before retries of a busy provider that does not suggest one; for a longer one than the
# last figure nobody waits in silence.
WAITS_S = (0.5, 1.0, 2.0)
MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """A conversation to continue; `key` is the caller's, `expected` is the token estimate."""

    key: str
    messages: tuple[Message, ...]
    expected: Usage

    def used(self, usage: Usage) -> Usage:
        """Return the tokens used, or the estimate if the provider counted none."""
        return self.expected if usage == NOT_COUNTED else usage

    def cost(self, price: Price | None, usage: Usage = NOT_COUNTED) -> int:
        """Return the cost of those tokens in millionths; 0 without a price."""
        return price.answer(self.used(usage)) if price else 0


@dataclass(slots=True)
class AskReport:
    """The result of a run; `failed` maps the queries' keys to errors, money is in millionths."""

    answered: int = 0
    spent_micro: int = 0
    is_over_budget: bool = False
    failed: dict[str, ProviderError] = field(default_factory=dict)
    failed_in_a_row: int = 0

    @property
    def first_failure(self) -> ProviderError | None:
        """Return the error to report: the provider's first, else the first of any kind, or None."""
        failures = list(self.failed.values())
        return next(filter(is_provider_failure, failures), next(iter(failures), None))

    def add(
        self,
        query: ModelQuery,
        asked: Future[Answer],
        price: Price | None,
        keep: Callable[[ModelQuery, Answer], None],
    ) -> None:
        """Count an outcome and pass an answer to `keep`; an empty answer fails, but is paid for.

        A call of unknown result counts as paid, at its estimate.
        """
        failure: ProviderError | None = None
        try:
            answer = asked.result()
        except ProviderError as error:
            failure = error
            self.spent_micro += query.cost(price) if may_be_paid(failure) else 0
        else:
            if answer.text.strip():
                keep(query, answer)
            else:
                failure = ProviderError("the model answered with nothing")
            self.spent_micro += query.cost(price, answer.usage)
        if failure is None:
            self.answered += 1
            self.failed_in_a_row = 0
        else:
            self.failed[query.key] = failure
            self.failed_in_a_row += 1

    def check(self, at_once: int) -> None:
        """Raise the first failure if nothing was answered or the last `at_once` queries failed."""
        if self.first_failure and (
            not self.answered or self.failed_in_a_row >= at_once
        ):
            raise self.first_failure


def is_provider_failure(failure: ProviderError) -> bool:
    """Return whether the failure is the provider's rather than the model's."""
    return isinstance(failure, ProviderBusy) or is_account_rejected(failure)


def may_be_paid(failure: ProviderError) -> bool:
    """Return whether the answer may have been generated: no error status says otherwise."""
    return isinstance(failure, ProviderUnknown) and not failure.status


def estimate(price: Price | None, queries: Iterable[ModelQuery]) -> int:
    """Return the maximum cost of all queries in millionths; 0 without a price."""
    return sum(query.cost(price) for query in queries)


def ask_many(
    client: ModelClient,
    model_id: str,
    queries: Iterable[ModelQuery],
    keep: Callable[[ModelQuery, Answer], None],
    *,
    price: Price | None = None,
    budget_micro: int | None = None,
    at_once: int = AT_ONCE,
    waits_s: Sequence[float] = WAITS_S,
) -> AskReport:
    """Ask a model all `queries`, in order; pass each answer to `keep` in the caller's thread.

    A busy provider is retried after each of `waits_s`; a call that may have to be paid is not, if
    there is a price. Without a price, the budget has no effect. A single failure does not stop the
    run; an empty answer counts as one. Raises ProviderError if the first query fails, or `at_once`
    in a row; and the errors of `keep`, which can be called twice with the same answer after an
    interruption.
    """
    pending = deque(queries)
    running = dict[Future[Answer], ModelQuery]()
    report = AskReport()
    is_stopped = threading.Event()

    def has_money() -> bool:
        committed_micro = estimate(price, [*running.values(), pending[0]])
        due_micro = report.spent_micro + committed_micro
        return budget_micro is None or due_micro <= budget_micro

    with ThreadPoolExecutor(at_once) as pool:
        try:
            while pending or running:
                slots = at_once if report.answered else 1
                while pending and len(running) < slots and has_money():
                    query = pending.popleft()
                    asked = pool.submit(
                        _ask, client, model_id, query, price, waits_s, is_stopped
                    )
                    running[asked] = query
                if not running:
                    report.is_over_budget = True
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    report.add(running[future], future, price, keep)
                    # After `keep`: if Ctrl-C interrupts it, it is repeated.
                    del running[future]
                report.check(at_once)
        finally:
            is_stopped.set()
            pool.shutdown()
            for future, query in running.items():
                report.add(query, future, price, keep)
    return report


def _ask(
    client: ModelClient,
    model_id: str,
    query: ModelQuery,
    price: Price | None,
    waits_s: Sequence[float],
    is_stopped: threading.Event,
) -> Answer:
    """Return the answer; retry while the provider is busy and the run is not stopped."""
    for default_s in waits_s:
        try:
            return client.ask(model_id, query.messages)
        except ProviderBusy as failure:
            wait_s = failure.retry_after_s or default_s
            is_paid = price is not None and may_be_paid(failure)
            if is_paid or wait_s > MAX_WAIT_S or is_stopped.wait(wait_s):
                raise
    return client.ask(model_id, query.messages)
