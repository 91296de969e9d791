"""The child's command line and environment: one process, one a device, or a cluster's driver."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from merlin.engine.trainers import Place

_CHILD = "merlin.engine.trainers.lora.child"
_CLUSTER = "merlin.engine.trainers.lora.cluster"
_PACKAGES = Path(__file__).parents[4]
_CUDA = "cuda"


def command(place: Place, folder: Path) -> list[str]:
    """Return what to run for the task that lies in `folder`.

    Whatever it is, its standard input and output are those of the first process of the training.
    """
    if place.cluster or place.workers:
        return [sys.executable, "-m", _CLUSTER, str(folder)]
    if len(place.devices) > 1:
        count = f"--nproc-per-node={len(place.devices)}"
        run = ["torch.distributed.run", "--standalone", count, "-m"]
        return [sys.executable, "-m", *run, _CHILD, str(folder)]
    return [sys.executable, "-m", _CHILD, str(folder)]


def environment(place: Place) -> dict[str, str]:
    """Return the child's environment: no secret of ours, no way to a hub, these devices alone."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("MERLIN_")}
    path = os.pathsep.join(filter(None, [str(_PACKAGES), ours.get("PYTHONPATH")]))
    added = {
        "PYTHONPATH": path,
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Without it cuBLAS does not promise the same sums twice.
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    visible = _visible(place.devices)
    return {**ours, **added, **({"CUDA_VISIBLE_DEVICES": visible} if visible is not None else {})}


def _visible(devices: Sequence[str]) -> str | None:
    """Return the GPUs to be seen; None: as the engine sees them."""
    parts = [device.partition(":") for device in devices]
    if not all(kind == _CUDA for kind, _, _ in parts):
        return ""
    numbers = [number for _, _, number in parts if number]
    return ",".join(numbers) if numbers else None
