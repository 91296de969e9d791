"""Entry point of the `merlin` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its exit code."""
    try:
        from merlin.cli import main as run  # noqa: PLC0415 - keeps `import merlin` light

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are imported, which takes up to a second
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
