"""The bench's world as a process of its own: Telegram, provider and people on one uvloop.

Each line on standard input names a load and its arguments, each line on standard output is its
figures: `{"do": "closed", "pid": 7}` -> `{"answers_per_s": …}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from bench.chat_http import listen
from bench.chat_loads import Loads
from bench.chat_model import Provider
from bench.chat_telegram import Telegram
from bench.chat_troubles import Troubles


async def main() -> None:
    """Serve until standard input ends."""
    telegram, provider = Telegram(), Provider()
    loads = Loads(telegram, provider)
    troubles = Troubles(loads)
    ports = {
        "telegram": await listen(telegram.handle),
        "provider": await listen(provider.handle),
    }
    _tell(ports)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        wish = json.loads(line)
        _tell(await _done(wish.pop("do"), wish, loads, troubles))
    await telegram.close()


async def _done(
    verb: str, wish: dict[str, Any], loads: Loads, troubles: Troubles
) -> dict[str, Any]:
    if verb == "model":
        loads.provider.seconds = wish["seconds"]
        return {}
    if verb == "hooks":
        loads.telegram.push_to(wish["urls"], wish["secret"])
        return {}
    if verb == "polled":
        loads.telegram.polled.clear()
        await loads.telegram.polled.wait()
        return {"at": time.monotonic()}
    of = troubles if hasattr(troubles, verb) else loads
    values: dict[str, Any] = await getattr(of, verb)(**wish)
    return values


def _tell(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
