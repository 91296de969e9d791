"""`python -m merlin.sandbox.provider`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from merlin.sandbox.provider.app import ProviderSettings, create_app
from merlin.sandbox.provider.training import Behaviour
from merlin.sandbox.server import serve


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="merlin.sandbox.provider")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--folder", type=Path, help="keeps files and jobs over restarts")
    parser.add_argument("--key", default="", help="the one key that counts; any without it")
    parser.add_argument("--behaviour", type=json.loads, default={}, help="fields as a JSON object")
    asked = parser.parse_args()
    behaviour = Behaviour().changed(asked.behaviour)
    settings = ProviderSettings(asked.folder, asked.key, behaviour)
    serve(create_app(settings), asked.host, asked.port)


if __name__ == "__main__":
    main()
