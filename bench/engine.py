"""Measure the engine: `python -m bench engine [PART…]`; all parts by default.

`train`: against TRL · `switch`: between 20 adapters. Everything runs on the CPU in float32.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

PARTS = ("train", "switch")


def run(words: Sequence[str] = ()) -> None:
    """Run the named parts, or all."""
    for name in words or PARTS:
        if name not in PARTS:
            sys.exit(f"no part {name}; there are {', '.join(PARTS)}")
        print(f"\n### {name}", flush=True)
        import_module(f"bench.engine_{name}").run()
