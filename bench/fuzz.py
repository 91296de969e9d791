"""10,000 files of examples with drawn mistakes, by the real command and by the reader alone.

`python -m bench fuzz`. The mistakes are those of `tests/support/file_mutations.py`, of which the
tests use a few hundred. Each file must be good, or have a finding with a place and a message.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.chat_figures import Figure, format_row
from bench.dataset import DATASET
from merlin.dataset.example import read_example

FILES = 10_000
# Of an example that is not good; a duplicate is a good one whose words lie there already.
_REJECTING = ("error", "duplicate")


def run() -> None:
    """Print how many files were told of, and how long the longest took."""
    from tests.support.file_mutations import GOOD, mutated

    rng = random.Random(1)  # noqa: S311 - the same files every time
    files = [mutated(rng, rng.choice(GOOD)) for _ in range(FILES)]
    told, good = _check(files)
    longest = 1000 * max(_timed(file) for file in files)
    what = f"{FILES:,} files with drawn mistakes ({good:,} good all the same)"
    print(
        format_row(Figure.at_most(f"{what}: not told of", {"files": FILES - told}, "files", 0, 0))
    )
    print(format_row(Figure.at_most(f"{what}: the slowest", {"ms": longest}, "ms", 1000, 100)))


def _check(files: Sequence[bytes]) -> tuple[int, int]:
    """Return how many files the command tells of, and how many examples it finds good."""
    with TemporaryDirectory(prefix="merlin-bench-") as folder:
        dataset = Path(folder) / "trial"
        (dataset / "examples").mkdir(parents=True)
        (dataset / "dataset.yaml").write_text(DATASET, "utf-8")
        for number, content in enumerate(files):
            (dataset / "examples" / f"e{number}.yaml").write_bytes(content)
        words = [sys.executable, "-m", "merlin", "check", "--json", str(dataset)]
        done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"the check ended with {done.returncode}: {done.stderr.decode()}")
    outcome = json.loads(done.stdout)
    rejected = {
        each["path"]
        for each in outcome["findings"]
        if {each["severity"], each["rule"]} & {*_REJECTING}
        and each["path"].endswith(".yaml")
        and each["line"] >= 1
        and each["column"] >= 1
        and each["message"]
    }
    return outcome["examples"] + len(rejected), outcome["examples"]


def _timed(content: bytes) -> float:
    started_at = time.perf_counter()
    read_example(content)
    return time.perf_counter() - started_at
