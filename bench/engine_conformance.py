"""`merlin provider test` on our own engine: the checks that anyone can run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.engine_rig import KEY, Model, engine


def run(_: Sequence[str] = ()) -> None:
    """Ask an engine that has `recall` alone."""
    conform("recall", {})


def conform(base: str, models: Mapping[str, Model]) -> None:
    """Print how many checks passed, and each one that did not, in its own words."""
    command = ("merlin", "provider", "test", "--model", base, "--json")
    with engine(models) as rig:
        done = subprocess.run(
            [sys.executable, "-m", *command, rig.url],
            env={**os.environ, "OPENAI_API_KEY": KEY},
            capture_output=True,
            text=True,
            check=False,
        )
    checks = json.loads(done.stdout)["checks"]
    results = Counter(check["result"] for check in checks)
    print(f"{len(checks)} checks: {', '.join(f'{results[each]} {each}' for each in results)}")
    for check in checks:
        if check["result"] != "passed":
            print(f"{check['result']}: {check['name']}: {check['detail']}")
