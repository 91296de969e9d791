"""`merlin provider test` on our own engine, `recall` alone: the checks that anyone can run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

from bench.engine_rig import KEY, engine


def run(_: Sequence[str] = ()) -> None:
    """Print how many checks passed, and each one that did not, in its own words."""
    with engine() as rig:
        done = subprocess.run(
            [sys.executable, "-m", "merlin", "provider", "test", rig.url, "--json"],
            env={**os.environ, "OPENAI_API_KEY": KEY},
            capture_output=True,
            text=True,
            check=False,
        )
    checks = json.loads(done.stdout)["checks"]
    results = Counter(each["result"] for each in checks)
    print(f"{len(checks)} checks: {', '.join(f'{results[each]} {each}' for each in results)}")
    for each in checks:
        if each["result"] != "passed":
            print(f"{each['result']}: {each['name']}: {each['detail']}")
