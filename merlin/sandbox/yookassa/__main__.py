"""`python -m merlin.sandbox.yookassa`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from merlin.sandbox.server import serve
from merlin.sandbox.yookassa.server import ShopSettings, create_app
from merlin.sandbox.yookassa.shop import Behaviour


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    usual = ShopSettings()
    parser = argparse.ArgumentParser(prog="merlin.sandbox.yookassa")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--shop-id", default=usual.shop_id)
    parser.add_argument("--key", default=usual.key)
    parser.add_argument("--notify", default="", help="where notifications are posted")
    parser.add_argument("--folder", type=Path, help="keeps what was paid over restarts")
    parser.add_argument("--behaviour", type=json.loads, default={}, help="fields as a JSON object")
    asked = parser.parse_args()
    behaviour = Behaviour().changed(asked.behaviour)
    settings = ShopSettings(asked.shop_id, asked.key, asked.notify, behaviour, folder=asked.folder)
    serve(create_app(settings), asked.host, asked.port)


if __name__ == "__main__":
    main()
