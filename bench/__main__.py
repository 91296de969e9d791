"""`make bench`: run the measurements that take minutes; `python -m bench NAME` runs one.

`kills`, `storm`, `billing`, `chat` and `api` take longest and are run by name alone; the last two
take names of their rows.
"""

from __future__ import annotations

import sys
from importlib import import_module

QUICK = ("demo", "recall", "engine", "dataset")
NAMES = (*QUICK, "changes", "billing", "kills", "storm", "contract", "page", "chat", "api")


def main() -> None:
    """Run the named measurements, or all quick ones."""
    if sys.argv[1:2] in (["chat"], ["api"]):
        import_module(f"bench.{sys.argv[1]}").run(sys.argv[2:])
        return
    for name in sys.argv[1:] or QUICK:
        if name not in NAMES:
            sys.exit(f"no measurement {name}; there are {', '.join(NAMES)}")
        print(f"\n## {name}")
        import_module(f"bench.{name}").run()


if __name__ == "__main__":
    main()
