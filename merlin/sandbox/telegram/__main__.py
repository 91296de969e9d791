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
    parser.add_argument("--pipeline-url", default="", help="where the right side is read")
    asked = parser.parse_args()
    settings = TelegramSettings(asked.folder, pipeline_url=asked.pipeline_url)
    serve(create_app(settings), asked.host, asked.port)


if __name__ == "__main__":
    main()
