"""Entry point of the `merlin` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its exit code."""
    from merlin.cli import main as run  # noqa: PLC0415 - keeps `import merlin` light

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
