"""`make bench`: run the measurements that take minutes; `python -m bench NAME` runs one.

`gate`, `kills`, `storm`, `billing`, `learning`, `engine`, `chat`, `api`, `dataset`, `simulation`
and `soak` take longest and are run by name alone, and so is `house`. `learning` and those after it
take words: names of rows, options, or revisions.
"""

from __future__ import annotations

import sys
from importlib import import_module

QUICK = ("demo", "recall")
NAMES = (
    *(*QUICK, "backup", "changes", "billing", "gate", "kills", "storm"),
    *("contract", "page", "lint", "fuzz", "lineage", "promotions", "idle", "replicas", "upgrade"),
    *("operations", "faults", "autoscaling", "killed"),
)
WITH_WORDS = ("learning", "engine", "chat", "api", "dataset", "house", "simulation", "soak")


def main() -> None:
    """Run the named measurements, or all quick ones."""
    if sys.argv[1:2] and sys.argv[1] in WITH_WORDS:
        import_module(f"bench.{sys.argv[1]}").run(sys.argv[2:])
        return
    for name in sys.argv[1:] or QUICK:
        if name not in NAMES:
            sys.exit(f"no measurement {name}; there are {', '.join(sorted((*NAMES, *WITH_WORDS)))}")
        print(f"\n## {name}")
        import_module(f"bench.{name}").run()


if __name__ == "__main__":
    main()
