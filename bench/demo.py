"""Measure the demo from a cold start: time to the first answer, and from a commit to serving."""

import json
import os
import subprocess
import sys
from typing import Any

from bench.figures import line

RUNS = 3


def run() -> None:
    """Run `merlin demo --check` several times and print both times."""
    results = [run_demo() for _ in range(RUNS)]
    first = [result["first"]["seconds"] for result in results]
    second = [result["second"]["seconds"] for result in results]
    print(line("start to first answer of the tuned model", first))
    print(line("commit to serving", second))


def run_demo(*options: str, **environment: str) -> dict[str, Any]:
    """Run `merlin demo --check`; return what it printed as JSON."""
    process = subprocess.run(
        [sys.executable, "-m", "merlin", "demo", "--check", *options],
        # The larger samples, on every machine.
        env={**os.environ, "MERLIN_LANGUAGE": "ru", **environment},
        stdout=subprocess.PIPE,
        check=False,
    )
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result
