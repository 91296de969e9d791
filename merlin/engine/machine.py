"""Resource usage of the engine: memory of its processes, disk."""

import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from merlin.core.durable_files import folder_bytes

# Reading folder sizes is too expensive for every request.
REFRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """The memory of the engine and its children, the disk usage of models, and the free disk."""

    memory_own_bytes: int
    models_bytes: int
    disk_free_bytes: int


@dataclass
class Machine:
    """Reads the resource usage; `folder` is the engine's data folder."""

    folder: Path
    _models: int = 0
    _read_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read_usage(self) -> MachineUsage:
        """Return the current usage. Blocks for some milliseconds; thread-safe."""
        with self._lock:
            if time.monotonic() - self._read_at >= REFRESH_S:
                self._models = measure_used_bytes(self.folder)
                self._read_at = time.monotonic()
        own = psutil.Process()
        processes = (own, *own.children(recursive=True))
        return MachineUsage(
            memory_own_bytes=sum(read_resident_bytes(process.pid) for process in processes),
            models_bytes=self._models,
            disk_free_bytes=shutil.disk_usage(self.folder).free,
        )


def measure_used_bytes(folder: Path) -> int:
    """Return the disk usage of models and working folders below `folder`, in bytes."""
    return sum(folder_bytes(folder / name) for name in ("models", "work"))


def read_resident_bytes(process: int) -> int:
    """Return the resident memory of a process in bytes, 0 if it has ended."""
    try:
        return int(psutil.Process(process).memory_info().rss)
    except psutil.Error:
        return 0
