"""`python -m merlin.sandbox.yookassa`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from merlin.sandbox.server import serve
from merlin.sandbox.yookassa.server import ShopSettings, create_app


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
    given = parser.parse_args()
    settings = ShopSettings(given.shop_id, given.key, given.notify, folder=given.folder)
    serve(create_app(settings), given.host, given.port)


if __name__ == "__main__":
    main()
