"""Measure the demo from a cold start: time to the first answer, and from a commit to serving."""

import json
import os
import subprocess
import sys

from bench.figures import line

RUNS = 3


def run() -> None:
    """Run `merlin demo --check` several times and print both times."""
    results = [_run_demo() for _ in range(RUNS)]
    print(
        line(
            "start to first answer of the tuned model",
            [result["first"]["seconds"] for result in results],
        )
    )
    print(
        line("commit to serving", [result["second"]["seconds"] for result in results])
    )


def _run_demo() -> dict[str, dict[str, float]]:
    process = subprocess.run(
        [sys.executable, "-m", "merlin", "demo", "--check"],
        env={
            **os.environ,
            "MERLIN_LANGUAGE": "ru",
        },  # the larger samples, on every machine
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, dict[str, float]] = json.loads(process.stdout.splitlines()[-1])
    return result
