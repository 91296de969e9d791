"""What is written beside an adapter to prove later that it is applied: see merlin.engine.proof."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from merlin.engine.proof import QUESTIONS, TOKENS, Proof, ProofQuestion, write_proof
from merlin.engine.torch_loading import score_tokens
from merlin.engine.trainers.base import Untrainable
from merlin.engine.trainers.lora.worker.data import CONTEXT, Row

# The tokens of an answer among which those are chosen that the adapter changes most: many answers
# begin as the base would.
_CONSIDERED = 32


class Prover:
    """Scores the shortest questions of each file; the base's scores are computed once."""

    def __init__(
        self, train: Sequence[Row], test: Sequence[Row], quantised: str
    ) -> None:
        self._questions = [
            question
            for rows in (train, test)
            for question in sorted(map(_cut, rows), key=lambda cut: len(cut.tokens))[
                :QUESTIONS
            ]
        ]
        self._quantised = quantised
        self._base: list[list[float]] = []

    def write(self, model: Any, folder: Path, step: int) -> Proof:
        """Write the proof of the adapter that a model has after a step; return it.

        Raises Untrainable if a score is no number: the step itself may have spoilt the weights.
        """
        was_training = model.training
        model.eval()
        if not self._base:
            with model.disable_adapter():
                self._base = score_tokens(model, self._questions)
        tuned = score_tokens(model, self._questions)
        model.train(was_training)
        check_finite(chain(*self._base, *tuned), step)
        questions, base, chosen = zip(*self._choose(tuned), strict=True)
        dtype = str(model.dtype).removeprefix("torch.")
        proof = Proof(questions, base, chosen, self._quantised, dtype)
        write_proof(proof, folder)
        return proof

    def _choose(
        self, tuned: Sequence[Sequence[float]]
    ) -> Iterator[tuple[ProofQuestion, Sequence[float], Sequence[float]]]:
        """Yield each question up to its most changed tokens in a row, with both their scores."""
        for question, base, now in zip(self._questions, self._base, tuned, strict=True):
            change = [abs(one - other) for one, other in zip(base, now, strict=True)]
            starts = range(max(1, len(change) - TOKENS + 1))
            start = max(starts, key=lambda start: sum(change[start : start + TOKENS]))
            part = slice(start, start + TOKENS)
            last = len(question.tokens) - question.count + start + len(change[part])
            cut = ProofQuestion(question.tokens[:last], len(change[part]))
            yield cut, base[part], now[part]


def check_finite(measured: Iterable[float], step: int) -> None:
    """Raise Untrainable if a loss or a score after this step is NaN or infinite."""
    if not all(map(math.isfinite, measured)):
        raise Untrainable("loss_not_finite", "engine-lora-not-finite", None, step=step)


def _cut(row: Row) -> ProofQuestion:
    """Return a row's prompt with the first tokens of its first target answer."""
    if "prompt_ids" in row:
        answer = row["completion_ids" if "label" in row else "chosen_ids"][:_CONSIDERED]
        return ProofQuestion([*row["prompt_ids"], *answer], len(answer))
    labels = row["labels"]
    start = next(place for place, label in enumerate(labels) if label != CONTEXT)
    answer = labels[start : start + _CONSIDERED]
    count = answer.index(CONTEXT) if CONTEXT in answer else len(answer)
    return ProofQuestion(row["input_ids"][: start + count], count)
