"""Clients of the api as a process of its own: kept-alive connections, one call at a time each.

Each line on standard input names a load and its arguments, each line on standard output is its
figures: `{"do": "gets", "port": 8701, "paths": ["/api/courses"], …}` -> `{"answers_per_s": …}`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle, islice
from typing import Any

import uvloop

from bench.chat_meter import Meter, spread

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Client:
    """One connection; `call` sends a whole request and returns the status and the body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Client:
        """Return a client that is connected."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**24))

    async def call(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Return status, head and body of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return int(head[9:12]), head, body

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


def get(path: str, headers: dict[str, str]) -> bytes:
    """Return a GET as bytes."""
    return _request("GET", path, headers, b"")


def post(path: str, headers: dict[str, str], body: dict[str, Any]) -> bytes:
    """Return a POST of JSON as bytes."""
    said = json.dumps(body).encode()
    return _request("POST", path, {**headers, "Content-Type": "application/json"}, said)


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    values = {"Host": "127.0.0.1", **headers}
    if body:
        values["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in values.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def gets(
    port: int,
    paths: list[str],
    pid: int,
    clients: int = 1,
    calls: int = 1000,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return what so many clients get: rate, times, statuses, the server's CPU a call."""
    requests = [get(path, headers or {}) for path in paths]
    return await _load(port, list(islice(cycle(requests), calls)), pid, clients)


async def keeps(
    port: int, pid: int, clients: int, bodies: list[int], keys: list[str]
) -> dict[str, Any]:
    """Return what it takes to keep these courses, each in the name of one of `keys` in turn."""
    path = "/api/user/courses"
    requests = [
        post(path, {"Authorization": f"Bearer {key}"}, {"course_id": course_id})
        for course_id, key in zip(bodies, cycle(keys), strict=False)
    ]
    return await _load(port, requests, pid, clients)


async def tag(port: int, path: str) -> dict[str, Any]:
    """Return the ETag of an answer, and how long its body is."""
    client = await Client.to(port)
    _, head, body = await client.call(get(path, {}))
    await client.close()
    found = re.search(rb"\r\netag: *([^\r]+)", head, re.IGNORECASE)
    return {"tag": found[1].decode() if found else "", "bytes": len(body)}


async def _load(port: int, requests: list[bytes], pid: int, clients: int) -> dict[str, Any]:
    left, meter = iter(requests), Meter(pid)
    took: list[float] = []
    statuses: Counter[int] = Counter()
    await asyncio.gather(*(_ask(port, left, took, statuses) for _ in range(clients)))
    values = {str(status): count for status, count in statuses.items()}
    return {**meter.read(len(took)), **spread(took), "statuses": values}


async def _ask(port: int, left: Iterator[bytes], took: list[float], statuses: Counter[int]) -> None:
    client = await Client.to(port)
    for request in left:
        begun = time.perf_counter()
        status, _, _ = await client.call(request)
        took.append(1000 * (time.perf_counter() - begun))
        statuses[status] += 1
    await client.close()


async def main() -> None:
    """Serve wishes until standard input ends."""
    loads: dict[str, Callable[..., Awaitable[dict[str, Any]]]]
    loads = {"gets": gets, "keeps": keeps, "tag": tag}
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        wish = json.loads(line)
        told = await loads[wish.pop("do")](**wish)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
