"""The proof of a new model: `succeeded` is not servable until it has answered.

One question first, with back-off, because a provider may still be loading the model; then
the rest of the test split. Each answer is kept as it comes, and only what was not answered is
asked again. A model that its provider still will not answer with after an hour is refused; a
provider that is away, or that lets nobody in, says nothing of the model.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from merlin.core.clock import Clock
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.core.message import Message
from merlin.job.provider import is_locked_out
from merlin.model.evaluate import Answer, Asker, Evaluation, Question, questions_of, score
from merlin.model.registry import Model, ModelState

log = get_logger(__name__)
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 600.0
GIVE_UP, FEWEST_PROBES = timedelta(hours=1), 5
MOST_DOUBLINGS = 10
AT_ONCE = 8

Conversations = Sequence[tuple[str, tuple[Message, ...]]]


class ModelRows(Protocol):
    """Where models and their proofs are kept; each method is one transaction."""

    def standing(self) -> list[Model]:
        """Return the models in state good or gone, oldest first."""

    def unproved(self) -> list[Model]:
        """Return the models in state new whose `not_before` has passed, oldest first."""

    def conversations(self, build_id: int, split: str) -> Conversations:
        """Return (example id, messages with the system text first) of one split, by id."""

    def postpone(self, model: Model, seconds: float, note: str) -> None:
        """Count one failed probe after `model.probes` and set when the next may be."""

    def answers(self, model_row: int) -> dict[str, Answer]:
        """Return what a model that is being proved has answered so far, by example id."""

    def keep_answer(self, model: Model, example_id: str, answer: Answer) -> None:
        """Store what a model answered to one test question, until the model is settled."""

    def proof(self, model_row: int) -> Evaluation | None:
        """Return a model's stored scores, None where it has none."""

    def settle(self, model: Model, state: ModelState, proof: Evaluation | None, note: str) -> None:
        """Store the outcome of the proof.

        A model that is refused or gone moves its training verdicts to failed in the same
        transaction.
        """


@dataclass(frozen=True, slots=True)
class Bench:
    """What proving needs; `askers` by provider name."""

    rows: ModelRows
    askers: Mapping[str, Asker]
    clock: Clock


def prove_new(bench: Bench) -> list[Model]:
    """Prove every model that is due; return those that became good."""
    return [model for model in bench.rows.unproved() if _prove(bench, model)]


def _prove(bench: Bench, model: Model) -> bool:
    asker = bench.askers.get(model.provider)
    if asker is None:
        bench.rows.postpone(model, LONGEST_WAIT_S, f"no provider {model.provider}")
        return False
    questions = questions_of(bench.rows.conversations(model.build_id, "test"))
    told = bench.rows.answers(model.model_row)
    asked = [question for question in questions if question.example_id not in told]
    if not questions:  # one answer there must be
        asked = questions_of(bench.rows.conversations(model.build_id, "train"))[:1]
    new, trouble = _ask_each(bench, asker, model, asked)
    if trouble is not None:
        # A fresh model may be unknown to the serving side for some minutes.
        return _later(bench, replace(model, probes=0) if new else model, trouble)
    answers = [{**told, **new}[question.example_id] for question in questions]
    proof = score(model.model_row, answers, questions, bench.clock())
    bench.rows.settle(model, ModelState.GOOD, proof, "")
    reached("prove.recorded")
    log.info("model proved", model=model.model_id, chrf=proof.chrf, unknown=proof.unknown_share)
    return True


def _ask_each(
    bench: Bench, asker: Asker, model: Model, questions: Sequence[Question]
) -> tuple[dict[str, Answer], ProviderError | None]:
    """Return the answers, each kept when it came, and what stood in the way of the others.

    One question goes alone, another one each time: where it fails no other is asked, as after
    `AT_ONCE` failures one after another. One failure among answers stops nothing.
    """
    turn = model.probes % max(len(questions), 1)
    queue = [*questions[turn:], *questions[:turn]]
    answers: dict[str, Answer] = {}
    troubles: list[ProviderError] = []
    is_over, in_a_row = threading.Event(), 0

    def ask(question: Question) -> Answer | ProviderError | None:
        if is_over.is_set():
            return None
        try:
            return _ask(asker, model, question)
        except ProviderError as trouble:
            return trouble

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for part in (queue[:1], queue[1:]):
                for question, told in zip(part, pool.map(ask, part), strict=True):
                    if isinstance(told, Answer):
                        bench.rows.keep_answer(model, question.example_id, told)
                        reached("prove.answered")
                        answers[question.example_id] = told
                        in_a_row = 0
                    elif told is not None:
                        troubles.append(told)
                        in_a_row += 1
                    if in_a_row == AT_ONCE or (troubles and not answers):
                        is_over.set()
        finally:
            is_over.set()  # nobody pays for what nobody will keep
    return answers, next(filter(_says_nothing, troubles), next(iter(troubles), None))


def _says_nothing(trouble: ProviderError) -> bool:
    """Return whether the trouble is the provider's and says nothing of the model."""
    return isinstance(trouble, ProviderBusy) or is_locked_out(trouble)


def _ask(asker: Asker, model: Model, question: Question) -> Answer:
    answer = asker.ask(model.model_id, question.messages)
    if not answer.text.strip():
        raise ProviderError("the model answered with nothing")
    return answer


def _later(bench: Bench, model: Model, trouble: ProviderError) -> bool:
    note = str(trouble)
    is_old = bench.clock() - model.created_at > GIVE_UP
    if not _says_nothing(trouble) and is_old and model.probes >= FEWEST_PROBES:
        log.warning("model refused", model=model.model_id, reason=note)
        bench.rows.settle(model, ModelState.REFUSED, None, note)
        return False
    asked = trouble.retry_after_s if isinstance(trouble, ProviderBusy) else None
    wait = asked or FIRST_WAIT_S * 2 ** min(model.probes, MOST_DOUBLINGS)
    bench.rows.postpone(model, min(LONGEST_WAIT_S, wait), note)
    return False
