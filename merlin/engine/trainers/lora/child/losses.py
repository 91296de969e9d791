"""What a step learns from: the chance of each taught token, and the losses made of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merlin.engine.trainers.lora.child.batches import Layout


@dataclass(frozen=True, slots=True)
class Scored:
    """The natural logarithm of each taught token's chance, and whether it was the likeliest."""

    logps: torch.Tensor
    hits: torch.Tensor


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss summed over what it counts, with the sums of what is shown beside it."""

    total: torch.Tensor
    sums: Mapping[str, torch.Tensor]


def scored(model: torch.nn.Module, layout: Layout) -> Scored:
    """Ask the model for its taught tokens alone: most of a step's memory would be other logits."""
    asked: dict[str, Any] = {"input_ids": layout.ids, "use_cache": False}
    if layout.positions is not None:
        asked["position_ids"] = layout.positions
    columns = torch.unique(layout.place)
    if _can_choose(model):
        logits = model(**asked, logits_to_keep=columns).logits
        place = torch.searchsorted(columns, layout.place)
    else:
        logits, place = model(**asked).logits, layout.place
    chosen = logits[layout.line, place].float()
    logps = -functional.cross_entropy(chosen, layout.wanted, reduction="none")
    return Scored(logps, chosen.detach().argmax(-1) == layout.wanted)


def supervised(seen: Scored) -> Loss:
    """Return the negative log-likelihood of the taught tokens, summed over them."""
    return Loss(-seen.logps.sum(), {"mean_token_accuracy": seen.hits.sum()})


def preference(seen: Scored, reference: Scored, layout: Layout, beta: float) -> Loss:
    """Return the DPO loss (sigmoid), summed over pairs; rows are better, worse, better, ...

    Source: Rafailov et al. 2023, "Direct Preference Optimization", equation 7.
    """
    rewards = beta * _by_row(seen.logps - reference.logps, layout)
    margins = rewards[0::2] - rewards[1::2]
    shown = margins.detach()
    sums = {"rewards_margins": shown.sum(), "rewards_accuracies": (shown > 0).sum()}
    return Loss(-functional.logsigmoid(margins).sum(), sums)


@contextmanager
def adapters_off(model: Any) -> Iterator[None]:
    """Within: the base as it was before any training, the reference of DPO."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), model.disable_adapter():
            yield
    finally:
        model.train(was_training)


def _by_row(values: torch.Tensor, layout: Layout) -> torch.Tensor:
    return values.new_zeros(layout.rows).index_add(0, layout.owner, values)


def _can_choose(model: Any) -> bool:
    while hasattr(model, "module"):
        model = model.module
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters
