"""Run `merlin provider test` against our own engine."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

from bench.engine_rig import API_KEY, run_engine


def run(_: Sequence[str] = ()) -> None:
    """Print the number of checks by result, and each check that did not pass."""
    command = ("merlin", "provider", "test", "--model", "recall", "--json")
    with run_engine({}) as rig:
        process = subprocess.run(
            [sys.executable, "-m", *command, rig.url],
            env={**os.environ, "OPENAI_API_KEY": API_KEY},
            capture_output=True,
            text=True,
            check=False,
        )
    checks = json.loads(process.stdout)["checks"]
    results = Counter(check["result"] for check in checks)
    print(f"{len(checks)} checks: {', '.join(f'{results[result]} {result}' for result in results)}")
    for check in checks:
        if check["result"] != "passed":
            print(f"{check['result']}: {check['name']}: {check['detail']}")
