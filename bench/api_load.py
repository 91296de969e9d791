"""The API's clients as a process: kept-alive connections, one call at a time on each.

Each line on standard input names a load and its arguments, each line on standard output has its
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
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Client:
        """Connect and return the client."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**24))

    async def call(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send a request; return status, head and body of the response."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return int(head[9:12]), head, body

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


def make_get(path: str, headers: dict[str, str]) -> bytes:
    """Return a GET request as bytes."""
    return _request("GET", path, headers, b"")


def make_post(path: str, headers: dict[str, str], body: dict[str, Any]) -> bytes:
    """Return a POST request with a JSON body as bytes."""
    content = json.dumps(body).encode()
    return _request("POST", path, {**headers, "Content-Type": "application/json"}, content)


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    values = {"Host": "127.0.0.1", **headers}
    if body:
        values["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in values.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def measure_gets(
    port: int,
    paths: list[str],
    pid: int,
    clients: int = 1,
    calls: int = 1000,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Send GETs from several clients; return rate, times, statuses, server CPU per call."""
    requests = [make_get(path, headers or {}) for path in paths]
    return await _measure(port, list(islice(cycle(requests), calls)), pid, clients)


async def measure_favourites(
    port: int, pid: int, clients: int, bodies: list[int], keys: list[str]
) -> dict[str, Any]:
    """Add these courses as favourites, with the `keys` in turn; return the figures."""
    path = "/api/user/courses"
    requests = [
        make_post(path, {"Authorization": f"Bearer {key}"}, {"course_id": course_id})
        for course_id, key in zip(bodies, cycle(keys), strict=False)
    ]
    return await _measure(port, requests, pid, clients)


async def read_etag(port: int, path: str) -> dict[str, Any]:
    """Return the ETag of a response and the length of its body."""
    client = await Client.to(port)
    _, head, body = await client.call(make_get(path, {}))
    await client.close()
    etag = re.search(rb"\r\netag: *([^\r]+)", head, re.IGNORECASE)
    return {"etag": etag[1].decode() if etag else "", "bytes": len(body)}


async def _measure(port: int, requests: list[bytes], pid: int, clients: int) -> dict[str, Any]:
    remaining, meter = iter(requests), Meter(pid)
    durations_ms: list[float] = []
    statuses: Counter[int] = Counter()
    await asyncio.gather(
        *(_send_requests(port, remaining, durations_ms, statuses) for _ in range(clients))
    )
    values = {str(status): count for status, count in statuses.items()}
    return {**meter.read(len(durations_ms)), **spread(durations_ms), "statuses": values}


async def _send_requests(
    port: int, requests: Iterator[bytes], durations_ms: list[float], statuses: Counter[int]
) -> None:
    client = await Client.to(port)
    for request in requests:
        started_at = time.perf_counter()
        status, _, _ = await client.call(request)
        durations_ms.append(1000 * (time.perf_counter() - started_at))
        statuses[status] += 1
    await client.close()


async def main() -> None:
    """Run the requested loads until standard input ends."""
    loads: dict[str, Callable[..., Awaitable[dict[str, Any]]]]
    loads = {"gets": measure_gets, "favourites": measure_favourites, "etag": read_etag}
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        arguments = json.loads(line)
        figures = await loads[arguments.pop("do")](**arguments)
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
