"""Resource usage of the machine: CPU, memory, GPUs, disk.

Read with psutil and `nvidia-smi`; without the latter no GPUs are reported.
Source: `nvidia-smi --help-query-gpu`.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from merlin.core.durable_files import folder_bytes

# Reading GPUs and folder sizes is too expensive for every request.
REFRESH_S = 5.0
_MEBI = 2**20
_CGROUPS = Path("/sys/fs/cgroup")
_GPU_QUERY = (
    "--query-gpu=name,utilization.gpu,memory.used,memory.total",
    "--format=csv,noheader,nounits",
)
_GPU_QUERY_S = 3.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; utilisation in `percent`, memory of all processes."""

    name: str
    percent: float
    memory_used_bytes: int
    memory_total_bytes: int


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """The resource usage, also a JSON response; `cpu_percent` is over all cores.

    `memory_own_bytes` is the memory of the engine and its children, `memory_used_bytes` that of all
    processes; `models_bytes` is the disk usage of models, checkpoints and jobs.
    """

    cores: int
    cpu_percent: float
    memory_own_bytes: int
    memory_used_bytes: int
    memory_total_bytes: int
    gpus: Sequence[Gpu]
    models_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int


@dataclass
class Machine:
    """Reads the resource usage; CPU usage is measured since the last call.

    `folder` is the engine's data folder.
    """

    folder: Path
    _idle_s: float = 0.0
    _total_s: float = 0.0
    _cpu: float = 0.0
    _gpus: Sequence[Gpu] = ()
    _models: int = 0
    _read_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read_usage(self) -> MachineUsage:
        """Return the current usage. Blocks for some milliseconds; thread-safe."""
        with self._lock:
            if time.monotonic() - self._read_at >= REFRESH_S:
                self._gpus = tuple(read_gpus())
                self._models = measure_used_bytes(self.folder)
                self._read_at = time.monotonic()
            own = psutil.Process()
            memory, disk = psutil.virtual_memory(), shutil.disk_usage(self.folder)
            # psutil's `cpu_percent` only compares calls of one thread. The fields after steal
            # (guest times) are included in user on Linux.
            times = psutil.cpu_times()
            idle_s, total_s = times.idle + getattr(times, "iowait", 0.0), sum(times[:8])
            if total_s > self._total_s:
                idle = (idle_s - self._idle_s) / (total_s - self._total_s)
                self._cpu = round(100 * (1 - idle), 1)
                self._idle_s, self._total_s = idle_s, total_s
            return MachineUsage(
                cores=os.cpu_count() or 1,
                cpu_percent=self._cpu,
                memory_own_bytes=sum(
                    read_resident_bytes(process.pid)
                    for process in (own, *own.children(recursive=True))
                ),
                memory_used_bytes=memory.total - memory.available,
                memory_total_bytes=memory.total,
                gpus=self._gpus,
                models_bytes=self._models,
                disk_free_bytes=disk.free,
                disk_total_bytes=disk.total,
            )


def read_free_memory() -> int:
    """Return how many bytes of memory this process can still take, as its cgroups limit it too."""
    return min([int(psutil.virtual_memory().available), *_list_cgroup_bytes()])


def _list_cgroup_bytes() -> Iterator[int]:
    """Yield what is left in each limited cgroup (of a container, a service) of this process.

    Cached files that the kernel can drop count as free. Only cgroup v2 is read.
    """
    with suppress(OSError):  # not Linux
        path = Path("/proc/self/cgroup").read_text("utf-8").rpartition("0::/")[2].rstrip("\n")
        folder = _CGROUPS / path
        for each in (folder, *folder.parents):
            with suppress(OSError, ValueError):  # no such file, or no limit ("max")
                limit, used = (
                    int((each / f"memory.{name}").read_text("utf-8")) for name in ("max", "current")
                )
                numbers = (each / "memory.stat").read_text("utf-8").split()
                yield limit - used + int(numbers[numbers.index("inactive_file") + 1])


def measure_used_bytes(folder: Path) -> int:
    """Return the disk usage of models and working folders below `folder`, in bytes."""
    return sum(folder_bytes(folder / name) for name in ("models", "work"))


def read_gpus() -> Iterator[Gpu]:
    """Yield the GPUs of this machine, none without a working `nvidia-smi`."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return
    try:
        output = subprocess.run(  # noqa: S603 - a fixed command
            [command, *_GPU_QUERY], capture_output=True, text=True, timeout=_GPU_QUERY_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    yield from parse_gpus(output)


def parse_gpus(output: str) -> Iterator[Gpu]:
    """Parse the output of `nvidia-smi`, one GPU per line; memory in MiB."""
    for line in output.splitlines():
        name, *numbers = (part.strip() for part in line.rsplit(",", 3))
        try:
            share, used, total = (float(number) for number in numbers)
        except ValueError:  # "[N/A]" on some devices, or an error message
            continue
        yield Gpu(name, share, int(used * _MEBI), int(total * _MEBI))


def read_resident_bytes(process: int) -> int:
    """Return the resident memory of a process in bytes, 0 if it has ended."""
    try:
        return int(psutil.Process(process).memory_info().rss)
    except psutil.Error:
        return 0
