"""The engine's figures: `python -m bench engine [PART…]`, all parts without a name.

`recall` 10,000 examples · `embed` the same on the tiny encoder of the tests · `encoder` answers
with a real one, whose folder BENCH_ENCODER names · `train` against TRL ·
`generate` against plain transformers · `switch` between 20 adapters · `kills` SIGKILL at 20 points
of a job · `conformance` of the protocol.
Whether learning is real is `python -m bench learning`. Everything runs on the CPU, unless the
variable BENCH_DEVICE names another device for `train`, `generate` and `switch`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

PARTS = ("recall", "embed", "encoder", "train", "generate", "switch", "kills", "conformance")


def run(words: Sequence[str] = ()) -> None:
    """Run the named parts, or all."""
    for name in words or PARTS:
        if name not in PARTS:
            sys.exit(f"no part {name}; there are {', '.join(PARTS)}")
        print(f"\n### {name}", flush=True)
        import_module(f"bench.engine_{name}").run()
