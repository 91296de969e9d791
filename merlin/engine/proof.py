"""Proof that an adapter's weights are applied: the log-probabilities of taught tokens.

A server can load an adapter, list it, and answer with the bare base (vllm-project/vllm#34186,
#48019). So the trainer writes beside each adapter how probable the first tokens of some taught
answers are, with the adapter and without it, and a backend measures the same at the first load,
before it answers (docs/adr/0045). Scores of a question are the natural logarithms of the
probabilities of its answer's tokens, each after all tokens before it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean

from pydantic import FiniteFloat, TypeAdapter

from merlin.openai_protocol.errors import NOT_APPLIED, ApiError

FILE = "proof.json"
# Questions from each of the two files, tokens of each answer.
QUESTIONS = 5
TOKENS = 8
INERT, DIFFERS, REFUSED = NOT_APPLIED
# The most that scores of the same weights differ by in the mean of all tokens (docs/adr/0045 has
# the measurements). A base that is quantised in training may be served in another precision.
TOLERANCE = 0.15
QUANTISED_TOLERANCE = 0.4

Scores = Sequence[Sequence[FiniteFloat]]


@dataclass(frozen=True, slots=True)
class ProofQuestion:
    """The tokens of a prompt with the first ones of its taught answer, `count` tokens."""

    tokens: Sequence[int]
    count: int


@dataclass(frozen=True, slots=True)
class Proof:
    """The questions, with their scores by the base and by the base with the adapter.

    `dtype` is that of the base's weights in training, "" where it was not written.
    """

    questions: Sequence[ProofQuestion]
    base: Scores
    tuned: Scores
    quantised: str
    dtype: str = ""

    @property
    def tolerance(self) -> float:
        """Return the mean difference up to which scores count as equal."""
        return TOLERANCE if self.quantised == "none" else QUANTISED_TOLERANCE

    @property
    def is_decidable(self) -> bool:
        """Return whether the adapter changes the base's scores measurably."""
        return compute_distance(self.base, self.tuned) > self.tolerance


_PROOF = TypeAdapter(Proof)


def write_proof(proof: Proof, folder: Path) -> None:
    """Write the proof into the adapter's folder."""
    (folder / FILE).write_bytes(_PROOF.dump_json(proof))


def read_proof(folder: Path) -> Proof:
    """Return the proof of an adapter. Raises OSError, ValueError if it is missing or damaged."""
    return _PROOF.validate_json((folder / FILE).read_bytes())


def compute_distance(left: Scores, right: Scores) -> float:
    """Return the mean difference of the scores of all tokens; 0 without questions.

    It is infinite or NaN if a measured score is, and every comparison with NaN is false.
    """
    pairs = zip(chain.from_iterable(left), chain.from_iterable(right), strict=True)
    return fmean([abs(one - other) for one, other in pairs] or [0.0])


def compare(proof: Proof, measured: Scores) -> str:
    """Return the fault that measured scores show: INERT, DIFFERS, or "" for none.

    An adapter that changes nothing measurable cannot be told from its base: only DIFFERS is. So is
    one with weights that are NaN or infinite.
    """
    to_tuned = compute_distance(measured, proof.tuned)
    if proof.is_decidable and compute_distance(measured, proof.base) < to_tuned:
        return INERT
    return "" if to_tuned <= proof.tolerance else DIFFERS


def describe_fault(fault: str, folder: Path, proof: Proof, base: Scores) -> ApiError:
    """Return the error for an adapter whose scores show a fault; `base` is measured too."""
    config = json.loads((folder / "adapter_config.json").read_bytes())
    modules = {name.rpartition(".")[2] for name in config["target_modules"]}
    seen = (
        "the base answers as without it"
        if fault == INERT
        else "its answers are not the trained"
    )
    if not compute_distance(base, proof.base) <= proof.tolerance:
        advice = (
            f"the base itself is not the one of the training ({config['base_model_name_or_path']},"
            f" quantised: {proof.quantised}, dtype: {proof.dtype or 'unknown'}): restore its"
            " revision, quantised and dtype"
        )
    else:
        advice = (
            "the base is the right one: see in the server's log whether it knows the modules"
            f" {', '.join(sorted(modules))} by these names and takes r"
            f" {config['r']} and lora_alpha {config['lora_alpha']}; else update the server, or"
            " train again"
        )
    # Not a 5xx: asking again is useless.
    message = f"the weights of this model are not applied: {seen}; {advice}"
    return ApiError(422, message, code=fault, param="model")
