"""torch helpers of the training and serving processes: loading, threads, scores of tokens.

The best number of threads must be measured: two threads on two cores, one of which was busy with
another process, took five times as long as one, because every operation waits for the slowest
thread (docs/adr/0017).
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from merlin.config.engine import select_dtype
from merlin.engine.architectures import find_architecture
from merlin.engine.proof import ProofQuestion

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

# Timed steps per number of threads.
_TRIES = 3


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype of a base's weights; see `select_dtype` of the configuration."""
    return (
        torch.bfloat16
        if select_dtype(name, device.type) == "bfloat16"
        else torch.float32
    )


def load_model(
    folder: Path,
    dtype: torch.dtype,
    quantised: str,
    device: object,
    *,
    trains: bool = False,
) -> Any:
    """Load a base: only safetensors, no remote code; `device` None: of transformers' choice.

    A base of a class that merlin.engine.architectures doesn't know is loaded as when its models
    were trained. Raises any exception of transformers for files that cannot be used.
    """
    import transformers  # noqa: PLC0415 - slow to import

    known = find_architecture(folder)
    name = "AutoModelForCausalLM"
    if known:
        name = known.name if trains or not known.answers else known.answers
    return getattr(transformers, name).from_pretrained(
        folder,
        dtype=dtype,
        quantization_config=build_quantisation_config(quantised, dtype),
        device_map=None if device is None else {"": device},
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    )


def build_quantisation_config(
    quantised: str, dtype: torch.dtype
) -> BitsAndBytesConfig | None:
    """Return the quantisation config, the same in training and serving; None for "none"."""
    if quantised == "none":
        return None
    from transformers import BitsAndBytesConfig  # noqa: PLC0415 - slow to import

    if quantised == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=True,
    )


def choose_threads(step: Callable[[], object]) -> int:
    """Return the faster number of threads for `step`: torch's own (all cores) or one fewer."""
    most = int(torch.get_num_threads())
    if most < 2:  # noqa: PLR2004 - there is nothing to choose
        return 1
    step()
    return min((most, most - 1), key=lambda count: _measure_shortest_s(count, step))


def _measure_shortest_s(threads: int, step: Callable[[], object]) -> float:
    torch.set_num_threads(threads)
    return min(timeit.repeat(step, number=1, repeat=_TRIES))


def score_tokens(model: Any, questions: Sequence[ProofQuestion]) -> list[list[float]]:
    """Return the scores of each question's answer; see merlin.engine.proof."""
    longest = max(len(question.tokens) for question in questions)
    # What follows a token has no influence on its score.
    rows = [
        [*question.tokens, *[0] * (longest - len(question.tokens))]
        for question in questions
    ]
    ids = torch.tensor(rows, device=model.device)
    first = min(len(question.tokens) - question.count for question in questions)
    with torch.no_grad():
        logits = model(input_ids=ids, logits_to_keep=longest - first + 1).logits[:, :-1]
        scores = (
            logits.float()
            .log_softmax(-1)
            .gather(2, ids[:, first:, None])[:, :, 0]
            .tolist()
        )
    ends = [len(question.tokens) - first for question in questions]
    return [
        row[end - question.count : end]
        for row, end, question in zip(scores, ends, questions, strict=True)
    ]
