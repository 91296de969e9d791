"""A stand-in of another server, on a real port of this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import uvicorn
from waiting import wait_until

from merlin.engine.main import listen


@contextmanager
def serving(app, port=0):
    """Serve an ASGI application; give its address."""
    listener = listen("127.0.0.1", port)
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def words_of(text):
    """Split an answer as it is streamed: a word with the space after it."""
    words = text.split(" ")
    return [*(f"{word} " for word in words[:-1]), words[-1]]
