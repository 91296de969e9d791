"""The same training on workers of Ray, which the child starts instead of training itself.

Ray Train starts the workers, assigns their ranks and connects them by torch.distributed (gloo on
CPUs, nccl on GPUs); each runs the child's code. The folder, the base and the job's files must be on
storage shared by all machines.

Source: ray-project/ray 2.60, python/ray/train/torch, "Get Started with Distributed Training using
PyTorch". Why Ray: docs/adr/0018-several-machines-by-ray.md.
"""

import logging
import os
import secrets
import socket
import threading
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from merlin.core.network import is_loopback
from merlin.engine.trainers.base import TrainingDevices, Untrainable
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.trainer import ProgressPipe, send_line
from merlin.engine.trainers.lora.worker.__main__ import start

_BUG = 70
_CONNECT_S = 5.0
# A local cluster, started for one job.
_LOCAL_CLUSTERS = ("", "local")
log = logging.getLogger(__name__)


def run_on_cluster(
    folder: Path, place: TrainingDevices, out: BinaryIO, stop: threading.Event
) -> int:
    """Forward the workers' messages until they end; return the exit code. Raises Untrainable."""
    # Read at import: disables Ray's telemetry, and in a local cluster access from outside and the
    # process that asks whether a cloud takes its machines away.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A running cluster, or a local one.
    where: dict[str, Any] = {"address": place.cluster, "configure_logging": False}
    if place.cluster in _LOCAL_CLUSTERS:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        os.environ["RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"] = "0"
        where |= {"address": "local", "num_cpus": place.workers, "include_dashboard": False}
    try:
        import ray  # noqa: PLC0415 - the extra's
        from ray.util.queue import Queue  # noqa: PLC0415 - as above
    except ImportError as error:
        raise Untrainable("trainer_not_installed", "engine-cluster-missing", None) from error
    named = place.cluster or "local"
    unavailable = Untrainable("cluster_unavailable", "engine-cluster-away", None, cluster=named)
    if not is_reachable(place.cluster):
        raise unavailable
    try:
        ray.init(**where)
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        log.exception("cluster unavailable")
        raise unavailable from error
    lines, orders = Queue(), Queue()
    threading.Thread(target=_forward_stop, args=[stop, orders], daemon=True).start()
    threading.Thread(target=_run_workers, args=[folder, place, lines, orders], daemon=True).start()
    while isinstance(line := lines.get(), bytes):
        send_line(out, line)
    ray.shutdown()
    return int(line)


def is_reachable(cluster: str) -> bool:
    """Return whether a cluster's address accepts connections; Ray itself retries for minutes."""
    from ray.util import get_node_ip_address  # noqa: PLC0415 - the extra's

    address = urlsplit(cluster if "://" in cluster else f"//{cluster}")
    if address.hostname is None or address.port is None:
        return True
    # Ray replaces the loopback by this machine's own address, and listens only there.
    host = get_node_ip_address() if is_loopback(address.hostname) else address.hostname
    try:
        socket.create_connection((host, address.port), _CONNECT_S).close()
    except OSError:
        return False
    return True


def _run_workers(folder: Path, place: TrainingDevices, lines: Any, orders: Any) -> None:
    """Run the training on the workers; the last message is an exit code."""
    from ray.train import RunConfig, ScalingConfig  # noqa: PLC0415 - the extra's
    from ray.train.torch import TorchConfig, TorchTrainer  # noqa: PLC0415 - as above

    has_gpu = any(device.startswith("cuda") for device in place.devices)
    trainer = TorchTrainer(
        train_in_worker,
        train_loop_config={"folder": str(folder), "lines": lines, "orders": orders},
        scaling_config=ScalingConfig(num_workers=place.workers, use_gpu=has_gpu),
        torch_config=TorchConfig(backend="nccl" if has_gpu else "gloo"),
        run_config=RunConfig(name="run", storage_path=str(folder / "ray")),
    )
    try:
        trainer.fit()
    except Exception:
        log.exception("cluster training failed")
        lines.put(_BUG)


def train_in_worker(config: dict[str, Any]) -> None:
    """Train in one worker, as a child does; the first worker sends progress."""
    from ray.train import get_context  # noqa: PLC0415 - the extra's

    folder, stop = Path(config["folder"]), threading.Event()
    is_first = get_context().get_world_rank() == 0
    out = config["lines"].put if is_first else None
    if is_first:
        threading.Thread(target=_await_stop, args=[config["orders"], stop], daemon=True).start()
    code = start(folder, ProgressPipe(folder, out), stop)
    if is_first:
        config["lines"].put(code)


def _await_stop(orders: Any, stop: threading.Event) -> None:
    orders.get()
    stop.set()


def _forward_stop(stop: threading.Event, orders: Any) -> None:
    stop.wait()
    orders.put(trainer.STOP)
