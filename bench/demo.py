"""How long the demo takes to its first answer, and a commit to serving; nothing is warm."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.figures import line

RUNS = 3


def run() -> None:
    """Walk `merlin demo --check` some times and print both times."""
    told = [_check() for _ in range(RUNS)]
    print(
        line(
            "start to first answer of the tuned model", [each["first"]["seconds"] for each in told]
        )
    )
    print(line("commit to serving", [each["second"]["seconds"] for each in told]))


def _check() -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-m", "merlin", "demo", "--check"],
        env={**os.environ, "MERLIN_LANGUAGE": "ru"},  # the larger samples, on every machine
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result
