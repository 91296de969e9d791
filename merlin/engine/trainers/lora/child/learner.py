"""One step: a batch shown to the model, in pieces that fit, on every process its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from merlin.engine.trainers import DPO
from merlin.engine.trainers.lora.child import losses
from merlin.engine.trainers.lora.child.batches import Layout, laid_out
from merlin.engine.trainers.lora.child.crew import Crew
from merlin.engine.trainers.lora.child.losses import Loss
from merlin.engine.trainers.lora.child.plan import Plan
from merlin.engine.trainers.lora.child.text import Example

_CLIP = 1.0
# The sums that are no mean over what a loss counts.
_COUNTS = frozenset({"count", "tokens", "stop"})


class Learner:
    """A model that learns batches, and is asked others.

    The sums that come back are over all processes: `loss`, what the loss is the mean over
    (`count`: taught tokens, or pairs), `tokens` shown, and what the method shows beside.
    """

    def __init__(self, plan: Plan, crew: Crew, model: Any) -> None:
        self._plan = plan
        self._crew = crew
        self.model = model
        self._shared = crew.joined(model)
        self._learning = [part for part in model.parameters() if part.requires_grad]
        self.optimizer = torch.optim.AdamW(self._learning, lr=plan.rate(0), weight_decay=0.0)

    def show(
        self, batch: Sequence[Example], step: int, *, is_stop: bool = False
    ) -> dict[str, float]:
        """Add up the gradients of a batch; return its sums. `stop`: how many were asked to.

        The chance draws of a step are a function of the seed, the step and the process.
        """
        self.model.train()
        torch.manual_seed(self._plan.seed * 1_000_003 + step * 1_009 + self._crew.rank)
        divisor = max(1, self._count(batch)) / self._crew.size
        share, weight = self._share(batch)
        pieces = list(self._laid_out(share))
        seen = []
        for number, layout in enumerate(pieces, start=1):
            with self._crew.alone(self._shared, is_last=number == len(pieces)):
                loss = self._loss(self._shared, layout)
                (loss.total * weight / divisor).backward()
            seen.append(loss)
        return self._crew.summed({**self._sums(seen, share, weight), "stop": float(is_stop)})

    def forget(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad()

    def learn(self, step: int) -> None:
        """Change the weights by the gradients, which are dropped."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._plan.rate(step)
        torch.nn.utils.clip_grad_norm_(self._learning, _CLIP)
        self.optimizer.step()
        self.forget()

    def asked(self, batch: Sequence[Example]) -> dict[str, float]:
        """Return the sums of a batch without learning from it."""
        self.model.eval()
        share, weight = self._share(batch)
        with torch.no_grad():
            seen = [self._loss(self.model, layout) for layout in self._laid_out(share)]
        return self._crew.summed(self._sums(seen, share, weight))

    def _share(self, batch: Sequence[Example]) -> tuple[Sequence[Example], float]:
        """Return this process' part of a batch and its weight; without any, it works for nothing.

        The others wait for its gradients, even where they are zero.
        """
        share = batch[self._crew.rank :: self._crew.size]
        return (share, 1.0) if share else (batch[:1], 0.0)

    def _laid_out(self, share: Sequence[Example]) -> Any:
        packed = bool(self._plan.settings["packing"])
        return laid_out(share, self._plan.most, self._crew.device, is_packed=packed)

    def _loss(self, model: Any, layout: Layout) -> Loss:
        if self._plan.method != DPO:
            with self._crew.autocast():
                return losses.supervised(losses.scored(model, layout))
        with losses.adapters_off(self.model), self._crew.autocast():
            reference = losses.scored(self.model, layout)
        with self._crew.autocast():
            seen = losses.scored(model, layout)
        return losses.preference(seen, reference, layout, float(self._plan.settings["beta"]))

    def _sums(
        self, seen: Sequence[Loss], share: Sequence[Example], weight: float
    ) -> dict[str, float]:
        tokens = sum(len(row) for example in share for row in example)
        sums = {"count": weight * self._count(share), "tokens": weight * tokens}
        sums["loss"] = weight * sum(float(loss.total.detach()) for loss in seen)
        for name in seen[0].sums:
            sums[name] = weight * sum(float(loss.sums[name]) for loss in seen)
        return sums

    def _count(self, batch: Sequence[Example]) -> int:
        if self._plan.method == DPO:
            return len(batch)
        return sum(sum(row.taught[1:]) for example in batch for row in example)


def added(sums: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Return both sums together."""
    return {name: sums.get(name, 0.0) + value for name, value in more.items()}


def means(sums: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Return what is shown of some sums, under the protocol's names."""
    count = max(1.0, sums["count"])
    return {f"{prefix}_{name}": sums[name] / count for name in sums if name not in _COUNTS}
