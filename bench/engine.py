"""Measure the engine: `python -m bench engine [PART…]`; all parts by default.

`recall`: 10,000 examples · `train`: against TRL · `switch`: between 20 adapters · `kills`: SIGKILL
at 20 points of a job.
The quality of training is measured by `python -m bench learning`. Everything runs on the CPU in
float32, unless BENCH_DEVICE and BENCH_DTYPE name others; BENCH_BASE is the folder of another base.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

PARTS = (
    "recall",
    "train",
    "switch",
    "kills",
)


def run(words: Sequence[str] = ()) -> None:
    """Run the named parts, or all."""
    for name in words or PARTS:
        if name not in PARTS:
            sys.exit(f"no part {name}; there are {', '.join(PARTS)}")
        print(f"\n### {name}", flush=True)
        import_module(f"bench.engine_{name}").run()
