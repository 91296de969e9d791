"""A small proxy in a thread: HTTP with CONNECT and whole URLs, or SOCKS 5; with a login if any.

`trouble` says what is wrong: "" nothing, "silent" no byte is passed on, "closed" a connection
ends once it is used, "unreachable" the proxy says that it cannot reach the server.
"""

import asyncio
import base64
import threading
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

from tests.support.ending import wait_for_end
from tests.support.waiting import longest

_SOCKS_OK = bytes([5, 0, 0, 1, *bytes(6)])
_SOCKS_NO_HOST = bytes([5, 4, 0, 1, *bytes(6)])


class ForwardProxy:
    """One proxy; `targets` are the servers that it was asked to reach, with the method."""

    def __init__(self, scheme="http", login="", tls=None):
        self.scheme = scheme
        self.login = login
        self.tls = tls
        self.trouble = ""
        self.targets = []
        self.port = 0
        self._ready = threading.Event()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @contextmanager
    def run(self):
        """Serve until the block ends; a second run has the same port."""
        self._ready.clear()
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        assert self._ready.wait(longest())
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            wait_for_end(thread)

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader, writer):
        with closing(writer), suppress(OSError, EOFError, asyncio.CancelledError):
            serve = self._socks if self.scheme == "socks5" else self._http
            await serve(reader, writer)

    async def _http(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split()
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        wanted = base64.b64encode(self.login.encode())
        if wanted not in head:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
            )
        elif await self._is_passed_on(method, url.netloc):
            first = head.replace(target.encode(), f"{url.path}?{url.query}".encode(), 1)
            if method == "CONNECT":
                first = b""
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await self._pipe(reader, writer, (url.hostname, url.port), first)
        elif self.trouble == "unreachable":
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    async def _socks(self, reader, writer):
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 2 if self.login else 0
        writer.write(bytes([5, wanted if wanted in methods else 255]))
        if self.login and wanted in methods:
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            is_known = b":".join((user, password)).decode() == self.login
            writer.write(bytes([1, not is_known]))
            if not is_known:
                return
        kind = (await reader.readexactly(4))[3]
        size = 4 if kind == 1 else (await reader.readexactly(1))[0]
        raw = await reader.readexactly(size)
        port = await reader.readexactly(2)
        host = ".".join(map(str, raw)) if kind == 1 else raw.decode()
        address = host, int.from_bytes(port)
        if await self._is_passed_on("SOCKS", f"{host}:{address[1]}"):
            writer.write(_SOCKS_OK)
            await self._pipe(reader, writer, address, b"")
        elif self.trouble == "unreachable":
            writer.write(_SOCKS_NO_HOST)

    async def _is_passed_on(self, method, target):
        self.targets.append((method, target))
        if self.trouble == "silent":
            await self._stop.wait()
        return not self.trouble

    async def _pipe(self, reader, writer, address, first):
        far_reader, far_writer = await asyncio.open_connection(*address)
        with closing(far_writer):
            far_writer.write(first)
            ways = (reader, far_writer), (far_reader, writer)
            copies = [asyncio.ensure_future(self._copy(*way)) for way in ways]
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            for copy in copies:
                copy.cancel()

    async def _copy(self, reader, writer):
        with suppress(OSError):
            while content := await reader.read(1 << 16):
                if self.trouble == "closed":
                    return
                if self.trouble != "silent":
                    writer.write(content)
                    await writer.drain()
