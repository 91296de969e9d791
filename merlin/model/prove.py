"""The proof of a new model: `succeeded` is not servable until it has answered.

One question first, with back-off, because a provider may still be loading the model; then
the whole test split. A model that its provider still will not answer with after an hour is
refused; a provider that is away, or that lets nobody in, says nothing of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
        """Count one failed probe and set when the next may be."""

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
    taught = bench.rows.conversations(model.build_id, "train")
    questions = questions_of(bench.rows.conversations(model.build_id, "test"))
    try:
        _ask(asker, model, questions_of(taught[:1])[0])
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda question: _ask(asker, model, question), questions))
    except ProviderError as trouble:
        # A fresh model may be unknown to the serving side for some minutes.
        return _later(bench, model, trouble)
    proof = score(model.model_row, answers, questions, bench.clock())
    bench.rows.settle(model, ModelState.GOOD, proof, "")
    reached("prove.recorded")
    log.info("model proved", model=model.model_id, chrf=proof.chrf, unknown=proof.unknown_share)
    return True


def _ask(asker: Asker, model: Model, question: Question) -> Answer:
    answer = asker.ask(model.model_id, question.messages)
    if not answer.text.strip():
        raise ProviderError("the model answered with nothing")
    return answer


def _later(bench: Bench, model: Model, trouble: ProviderError) -> bool:
    note = str(trouble)
    is_judged = not (isinstance(trouble, ProviderBusy) or is_locked_out(trouble))
    is_old = bench.clock() - model.created_at > GIVE_UP
    if is_judged and is_old and model.probes >= FEWEST_PROBES:
        log.warning("model refused", model=model.model_id, reason=note)
        bench.rows.settle(model, ModelState.REFUSED, None, note)
        return False
    asked = trouble.retry_after_s if isinstance(trouble, ProviderBusy) else None
    wait = asked or FIRST_WAIT_S * 2 ** min(model.probes, MOST_DOUBLINGS)
    bench.rows.postpone(model, min(LONGEST_WAIT_S, wait), note)
    return False
