"""A minimal PostgreSQL pooler: all clients share one server process.

Each statement is forwarded as a whole, as PgBouncer does in statement mode. Like PgBouncer without
`ignore_startup_parameters`, it refuses clients with `options`.
"""

import socket
import socketserver
import struct
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

START = 196_608
ENCRYPT = {80_877_103, 80_877_104}


def read_message(stream):
    """Return one protocol message with its type and length; b"" at the end."""
    head = stream.read(5)
    return (
        head + stream.read(struct.unpack("!i", head[1:])[0] - 4)
        if len(head) == 5
        else b""
    )


def read_reply(stream):
    """Return all messages until the server is ready for a query."""
    reply = message = b""
    while message[:1] != b"Z":
        message = read_message(stream)
        reply += message
    return reply


class _Client(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            (length,) = struct.unpack("!i", self.rfile.read(4))
            start = self.rfile.read(length - 4)
            if struct.unpack("!i", start[:4])[0] not in ENCRYPT:
                break
            self.wfile.write(b"N")
        if b"\0options\0" in start:
            error = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            self.wfile.write(b"E" + struct.pack("!i", len(error) + 4) + error)
            return
        pool = self.server
        self.wfile.write(pool.greeting)
        statement = b""
        while (message := read_message(self.rfile)) and message[:1] != b"X":
            statement += message
            if message[:1] in b"QS":
                with pool.lock:
                    pool.upstream.sendall(statement)
                    reply = read_reply(pool.replies)
                self.wfile.write(reply)
                statement = b""


class _Pool(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, url):
        super().__init__(("127.0.0.1", 0), _Client)
        server = urlsplit(url)
        self.lock = threading.Lock()
        self.upstream = socket.create_connection((server.hostname, server.port))
        self.replies = self.upstream.makefile("rb")
        names = f"user\0{server.username}\0database\0{server.path[1:]}\0\0".encode()
        self.upstream.sendall(struct.pack("!ii", len(names) + 8, START) + names)
        self.greeting = read_reply(self.replies)


@contextmanager
def run_pooler(url):
    """Yield the URL of a database behind a pooler."""
    server = urlsplit(url)
    with _Pool(url) as pool:
        threading.Thread(target=pool.serve_forever, daemon=True).start()
        yield f"postgresql://{server.username}@127.0.0.1:{pool.server_address[1]}{server.path}"
        pool.shutdown()
        pool.upstream.close()
