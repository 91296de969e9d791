"""Entry point of the `merlin` command."""

import gc
import os
import sys
from pathlib import Path


def main() -> None:
    """Run the command line and exit with its exit code."""
    # What imports make and answers under way hold is no garbage: looking for it after every 700 new
    # objects would take a tenth of each start, and 15 % of the bot's time.
    gc.set_threshold(50_000)
    # Read when numpy is imported. On the small matrices of `recall` two threads of OpenBLAS are no
    # faster than one, but take 1.6 times the CPU, because the idle one spins.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pydantic would read the metadata of every installed package to look for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if "TZ" in os.environ and not _may_be_zone(os.environ["TZ"].removeprefix(":")):
        os.environ["TZ"] = (
            "UTC"  # as the C library; babel would fail when it is imported
        )
    try:
        if sys.argv[1:2] == ["health"]:
            from merlin.core import probe  # noqa: PLC0415 - as below

            if (code := probe.run(sys.argv[2:])) is not None:
                sys.exit(code)
        from merlin.cli import main as run  # noqa: PLC0415 - keeps `import merlin` light

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # while modules are imported, which takes up to a second
        sys.exit(130)


def _may_be_zone(name: str) -> bool:
    """Return whether a value of TZ is a zone's file or, without such a file, a zone's name."""
    try:
        with Path(name).open("rb") as file:
            return file.read(4) == b"TZif"
    except FileNotFoundError:
        return True
    except OSError:
        return not name


if __name__ == "__main__":
    main()
