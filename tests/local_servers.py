"""Servers of tests on free ports of this machine, each in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import uvicorn
from waiting import wait_until

from merlin.core.server import listen


@contextmanager
def serve_app(app, port=0):
    """Serve an ASGI application; give its address."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", server_header=False)
    server = uvicorn.Server(config)
    with listen("port", "127.0.0.1", port) as listener:
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serve_http(server):
    """Let a server of the standard library's http.server answer; give it."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
