"""`make bench` runs the short measurements; `python -m bench NAME [ARGUMENT…]` runs one.

All others are run only by name; some take hours. Those in `WITH_ARGUMENTS` accept arguments: names
of rows, options, or revisions.
"""

import sys
from importlib import import_module

from merlin.core.log import set_up_logging

QUICK = ("demo", "recall")
NAMES = (
    *QUICK,
    *("backup", "changes", "contract", "gate", "idle", "judge", "killpoints"),
    "lecture",
    *("doubled", "operations", "proof", "replicas", "switch", "upgrade"),
)
WITH_ARGUMENTS = (
    *("chat", "dataset", "house", "scale", "simulation", "soak"),
    *("month", "understanding"),
)


def main() -> None:
    """Run the named measurements, or all quick ones; of the log, only errors are printed."""
    set_up_logging("bench", quiet=True)
    if sys.argv[1:2] and sys.argv[1] in WITH_ARGUMENTS:
        import_module(f"bench.{sys.argv[1]}").run(sys.argv[2:])
        return
    for name in sys.argv[1:] or QUICK:
        if name not in NAMES:
            known = ", ".join(sorted((*NAMES, *WITH_ARGUMENTS)))
            sys.exit(f"no measurement {name}; there are {known}")
        print(f"\n## {name}")
        import_module(f"bench.{name}").run()


if __name__ == "__main__":
    main()
