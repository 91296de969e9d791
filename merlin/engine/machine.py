"""Machine: what the engine takes of its computer: processors, memory, GPUs, disk.

Read from Linux' /proc and by `nvidia-smi`; where there is no such thing, nothing is told of it.
Sources: proc(5); `nvidia-smi --help-query-gpu`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
# A look at GPUs and folders costs more than anybody needs every second.
LOOK_AGAIN_S = 5.0
_MEBI = 2**20
_ASK = (
    "--query-gpu=name,utilization.gpu,memory.used,memory.total",
    "--format=csv,noheader,nounits",
)
_ASK_S = 3.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; `percent` of its time, memory of all processes together."""

    name: str
    percent: float
    memory_used_bytes: int
    memory_total_bytes: int


@dataclass(frozen=True, slots=True)
class Use:
    """What is taken, named as programs read it; `cpu_percent` of all cores. None: nobody can tell.

    `memory_own_bytes` is that of the engine with its children, `memory_used_bytes` that of all
    processes; `models_bytes` is what models, checkpoints and jobs take of the disk.
    """

    cores: int
    cpu_percent: float | None
    memory_own_bytes: int | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    gpus: Sequence[Gpu]
    models_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int


@dataclass
class Machine:
    """Looks at the machine; the share of a processor's time is that since the last look.

    `room` tells how many bytes models and jobs take of the disk that `folder` is on.
    """

    folder: Path
    room: Callable[[], int]
    _ticks: tuple[int, int] = (0, 0)
    _cpu: float | None = None
    _gpus: Sequence[Gpu] = ()
    _models: int = 0
    _looked_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def use(self) -> Use:
        """Return what is taken now. Blocks for some milliseconds; may be called by any thread."""
        with self._lock:
            self._look()
            own = sum(map(resident_bytes, _process_tree(os.getpid()))) or None
            total, free = memory()
            disk = shutil.disk_usage(self.folder)
            return Use(
                cores=os.cpu_count() or 1,
                cpu_percent=self._cpu,
                memory_own_bytes=own,
                memory_used_bytes=total - free if total else None,
                memory_total_bytes=total or None,
                gpus=self._gpus,
                models_bytes=self._models,
                disk_free_bytes=disk.free,
                disk_total_bytes=disk.total,
            )

    def _look(self) -> None:
        busy, every = _cpu_ticks()
        if every > self._ticks[1]:
            spent = every - self._ticks[1]
            self._cpu = round(100 * (busy - self._ticks[0]) / spent, 1)
            self._ticks = busy, every
        if time.monotonic() - self._looked_at >= LOOK_AGAIN_S:
            self._gpus = tuple(gpus())
            self._models = self.room()
            self._looked_at = time.monotonic()


def gpus() -> Iterator[Gpu]:
    """Yield the GPUs of this machine, none where nothing knows of them."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return
    try:
        output = subprocess.run(  # noqa: S603 - a fixed command
            [command, *_ASK], capture_output=True, text=True, timeout=_ASK_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    yield from parse_gpus(output)


def parse_gpus(output: str) -> Iterator[Gpu]:
    """Yield the GPUs that `nvidia-smi` names, a line each; memory is told in MiB."""
    for line in output.splitlines():
        name, *numbers = (part.strip() for part in line.rsplit(",", 3))
        try:
            share, used, total = (float(each) for each in numbers)
        except ValueError:  # "[N/A]" on some devices, or words instead of an answer
            continue
        yield Gpu(name, share, int(used * _MEBI), int(total * _MEBI))


def _cpu_ticks() -> tuple[int, int]:
    """Return (busy, all) ticks of all cores since the machine's start, zeros where unknown."""
    try:
        first = (PROC / "stat").read_text("ascii").partition("\n")[0]
    except OSError:
        return 0, 0
    # user nice system idle iowait irq softirq steal; what follows is in them already
    ticks = [int(each) for each in first.split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def memory() -> tuple[int, int]:
    """Return total and available memory in bytes, zeros where unknown."""
    try:
        lines = (PROC / "meminfo").read_text("ascii").splitlines()
    except OSError:
        return 0, 0
    found = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    total, free = (int(found[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return total * 1024, free * 1024


def _process_tree(process: int) -> Iterator[int]:
    """Yield a process and all that come from it."""
    yield process
    for path in (PROC / str(process) / "task").glob("*/children"):
        try:
            children = path.read_text("ascii").split()
        except OSError:  # ended meanwhile
            continue
        for child in children:
            yield from _process_tree(int(child))


def resident_bytes(process: int) -> int:
    """Return the memory of a process in bytes, 0 for one that has ended."""
    try:
        pages = (PROC / str(process) / "statm").read_text("ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
