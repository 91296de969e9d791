"""`python -m merlin.sandbox.provider`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from merlin.sandbox.provider.app import create_app
from merlin.sandbox.server import serve


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="merlin.sandbox.provider")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--folder", type=Path, help="keeps files and jobs over restarts")
    parser.add_argument("--key", default="", help="the one key that counts; any without it")
    given = parser.parse_args()
    serve(create_app(given.folder, given.key), given.host, given.port)


if __name__ == "__main__":
    main()
