"""The processes of one training, through accelerate: often one, at most one a device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator

from merlin.engine.trainers import Place, Untrainable


@dataclass(frozen=True, slots=True)
class Crew:
    """This process among those that train together."""

    accelerator: Accelerator

    @classmethod
    def of(cls, place: Place, dtype: str = "auto") -> Crew:
        """Join the others, to work in the `dtype` of BaseFiles.

        Raises Untrainable where a device is not there.
        """
        is_cpu = all(device == "cpu" for device in place.devices)
        if not is_cpu:
            _check_devices(place)
        able = not is_cpu and dtype != "float32" and torch.cuda.is_bf16_supported()
        return cls(Accelerator(cpu=is_cpu, mixed_precision="bf16" if able else "no"))

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self.accelerator.device

    @property
    def size(self) -> int:
        """How many processes there are."""
        return int(self.accelerator.num_processes)

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return int(self.accelerator.process_index)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return self.rank == 0

    def joined(self, model: Any) -> Any:
        """Return the model with gradients shared between the processes."""
        return self.accelerator.prepare_model(model) if self.size > 1 else model

    def autocast(self) -> AbstractContextManager[Any]:
        """Within: the model works in bf16 where the device has it."""
        within: AbstractContextManager[Any] = self.accelerator.autocast()
        return within

    def alone(self, model: Any, *, is_last: bool) -> AbstractContextManager[Any]:
        """Within: gradients stay here, but for the last piece of a step."""
        if self.size == 1 or is_last:
            return nullcontext()
        return self.accelerator.no_sync(model)  # type: ignore[no-any-return]

    def summed(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return each sum over all processes; the same names in each of them."""
        if self.size == 1:
            return dict(sums)
        # MPS knows no float64; gloo and nccl do.
        values = torch.tensor(list(sums.values()), dtype=torch.float64, device=self.device)
        total = self.accelerator.reduce(values, "sum")
        return dict(zip(sums, total.tolist(), strict=True))


def cores() -> int:
    """Return how many threads this process may take of the machine's."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    own = len(os.sched_getaffinity(0))
    return min(own, int(wanted)) if wanted.isdigit() and int(wanted) else own


def _check_devices(place: Place) -> None:
    """Raise Untrainable where the machine has fewer GPUs than are wanted."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    wanted = 1 if place.workers else len(place.devices)
    if there < wanted:
        named = ", ".join(place.devices)
        raise Untrainable(
            "device_unavailable", "engine-lora-no-device", None, device=named, there=there
        )
