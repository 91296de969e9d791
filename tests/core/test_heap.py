"""Threads share one heap, and freed memory is returned to the system."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

# The last block of a thread stays, and with it what was freed below it in the heap.
PROGRAM = """
from pathlib import Path
from threading import Thread
from merlin.core import memory
memory.share_one_heap()
kept = []
def work():
    blocks = [bytearray(50_000) for _ in range(400)]
    kept.append(blocks[-1])
def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
before = resident_mb()
for _ in range(4):
    thread = Thread(target=work)
    thread.start()
    thread.join()
grown = resident_mb() - before
memory.release_free_memory()
print(grown, resident_mb() - before)
"""


def test_threads_share_one_heap_and_freed_memory_is_returned():
    command = [sys.executable, "-c", PROGRAM]
    completed = subprocess.run(command, capture_output=True, check=True, text=True)
    grown, left = map(float, completed.stdout.split())
    assert 15 < grown < 30  # a thread takes 20 MB
    assert left < 5
