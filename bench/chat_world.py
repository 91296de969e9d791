"""The process with the bench's stand-ins: Telegram, provider and people in one event loop.

Each line on standard input names a load and its arguments, each line on standard output has its
figures: `{"do": "run_closed_loop", "pid": 7}` -> `{"answers_per_s": …}`.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from bench.chat_http import serve
from bench.chat_loads import Loads
from bench.chat_model import Provider
from bench.chat_telegram import Telegram
from bench.chat_troubles import Troubles


async def main() -> None:
    """Serve, and run the requested loads, until standard input ends."""
    telegram, provider = Telegram(), Provider()
    loads = Loads(telegram, provider)
    troubles = Troubles(loads)
    ports = {
        "telegram": await serve(telegram.handle),
        "provider": await serve(provider.handle),
    }
    _write_line(ports)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        arguments = json.loads(line)
        _write_line(await _run_load(arguments.pop("do"), arguments, loads, troubles))
    await telegram.close()


async def _run_load(
    load: str, arguments: dict[str, Any], loads: Loads, troubles: Troubles
) -> dict[str, Any]:
    if load == "set_delay":
        loads.provider.seconds = arguments["seconds"]
        return {}
    if load == "set_hooks":
        loads.telegram.push_to(arguments["urls"], arguments["secret"])
        return {}
    if load == "wait_for_poll":
        loads.telegram.poll_arrived.clear()
        await loads.telegram.poll_arrived.wait()
        return {"at": time.monotonic()}
    target = troubles if hasattr(troubles, load) else loads
    figures: dict[str, Any] = await getattr(target, load)(**arguments)
    return figures


def _write_line(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
