"""Check 10,000 randomly corrupted example files, with the command and with the parser alone.

`python -m bench fuzz`. The corruptions are those of `tests/support/file_mutations.py`; the
tests use a few hundred files. A file is reported if it is a good example, or has a finding with a
position and a message.
"""

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
# Severities and rules of examples that are not good.
_REJECTING = ("error", "duplicate")


def run() -> None:
    """Print the number of files that were not reported, and the longest time."""
    from tests.support.file_mutations import GOOD, mutate

    rng = random.Random(1)  # noqa: S311 - the same files every time
    files = [mutate(rng, rng.choice(GOOD)) for _ in range(FILES)]
    reported, good = _check(files)
    longest = 1000 * max(_time_reading(file) for file in files)
    what = f"{FILES:,} corrupted files ({good:,} still good)"
    print(
        format_row(
            Figure.at_most(f"{what}: not reported", {"files": FILES - reported}, "files", 0, 0)
        )
    )
    print(format_row(Figure.at_most(f"{what}: the slowest", {"ms": longest}, "ms", 1000, 100)))


def _check(files: Sequence[bytes]) -> tuple[int, int]:
    """Return the number of files that the command reports, and of good examples."""
    with TemporaryDirectory(prefix="merlin-bench-") as folder:
        dataset = Path(folder) / "trial"
        (dataset / "examples").mkdir(parents=True)
        (dataset / "dataset.yaml").write_text(DATASET, "utf-8")
        for number, content in enumerate(files):
            (dataset / "examples" / f"e{number}.yaml").write_bytes(content)
        command = [sys.executable, "-m", "merlin", "check", "--json", str(dataset)]
        process = subprocess.run(command, capture_output=True, check=False)
    if process.returncode not in (0, 1):
        sys.exit(f"the check ended with {process.returncode}: {process.stderr.decode()}")
    outcome = json.loads(process.stdout)
    rejected = {
        finding["path"]
        for finding in outcome["findings"]
        if {finding["severity"], finding["rule"]} & {*_REJECTING}
        and finding["path"].endswith(".yaml")
        and finding["line"] >= 1
        and finding["column"] >= 1
        and finding["message"]
    }
    return outcome["examples"] + len(rejected), outcome["examples"]


def _time_reading(content: bytes) -> float:
    started_at = time.perf_counter()
    read_example(content)
    return time.perf_counter() - started_at
