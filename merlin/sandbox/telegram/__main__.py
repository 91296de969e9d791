"""`python -m merlin.sandbox.telegram`: the stand-in and its chat page as a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from merlin.sandbox.server import serve
from merlin.sandbox.telegram.server import TelegramSettings, create_app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="merlin.sandbox.telegram")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--folder", type=Path, help="keeps chats and updates over restarts")
    given = parser.parse_args()
    serve(create_app(TelegramSettings(given.folder)), given.host, given.port)


if __name__ == "__main__":
    main()
