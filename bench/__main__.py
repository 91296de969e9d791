"""`make bench`: run the measurements that take minutes; `python -m bench NAME` runs one.

`kills` and `storm` take longest and are run by name alone.
"""

from __future__ import annotations

import sys
from importlib import import_module

QUICK = ("demo", "recall", "engine", "dataset")
NAMES = (*QUICK, "kills", "storm")


def main() -> None:
    """Run the named measurements, or all quick ones."""
    for name in sys.argv[1:] or QUICK:
        if name not in NAMES:
            sys.exit(f"no measurement {name}; there are {', '.join(NAMES)}")
        print(f"\n## {name}")
        import_module(f"bench.{name}").run()


if __name__ == "__main__":
    main()
