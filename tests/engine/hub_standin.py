"""A stand-in of the hub: its HTTP API for models on a real port, with the faults of a network.

    with HubStandIn({"config.json": b"…"}) as hub:
        hub.breaks("model.safetensors", at=1000)     # the connection ends there, once
        hub.stalls("model.safetensors", at=1000)     # nothing comes after that, until `goes_on`

It knows one repository, `anna/tiny`, with one commit. Source: the hub's API as its own client
calls it: /api/models/{id}/revision/{revision}?blobs and /{id}/resolve/{revision}/{file}.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import threading

from tests.support.http_servers import Handler, Server

REPOSITORY = "anna/tiny"
COMMIT = "c0ffee" + "0" * 34
LICENCE = "apache-2.0"
# The real one keeps files of more bytes than this, and all weights, outside git.
SMALL = 1 << 20
MODEL = re.compile(r"/api/models/(.+)/revision/([^?]+)")
FILE = re.compile(r"/(.+)/resolve/([^/]+)/([^?]+)")


def base_files(rows=100):
    """Return the files of a base that is whole but for sense: rows of 50 weights of two bytes."""
    size = rows * 100
    header = {
        "embed": {"dtype": "BF16", "shape": [rows, 50], "data_offsets": [0, size]},
        "head": {"dtype": "BF16", "shape": [1000], "data_offsets": [size, size + 2000]},
        "__metadata__": {"format": "pt"},
    }
    told = json.dumps(header).encode()
    weights = struct.pack("<Q", len(told)) + told + bytes(size + 2000)
    return {
        "config.json": json.dumps({"model_type": "llama", "max_position_embeddings": 512}).encode(),
        "model.safetensors": weights,
        "tokenizer.json": b"{}",
        "tokenizer_config.json": json.dumps({"chat_template": "{{ messages }}"}).encode(),
        "README.md": b"# Tiny\n",
    }


class HubStandIn(Server):
    """Serves until the `with` block ends; `asked` are the calls, as (method, path, range)."""

    def __init__(self, files=None):
        self.files = dict(base_files() if files is None else files)
        self.asked = []
        self.status = None
        self.gate = None
        self.lies = set()
        self._breaks = {}
        self._stalls = {}
        self._flows = threading.Event()
        super().__init__(_Handler)

    def breaks(self, name, at):
        """Let the connection end in the middle of a file, once."""
        self._breaks[name] = at

    def stalls(self, name, at):
        """Let nothing come after so many bytes of a file."""
        self._stalls[name] = at

    def goes_on(self):
        """Let everything come again."""
        self._stalls.clear()
        self._flows.set()

    def send(self, name, content, out):
        """Write a file's bytes, or what its faults leave of them; return whether it was whole."""
        broken, stalled = self._breaks.pop(name, None), self._stalls.get(name)
        out.write(content[: broken or stalled])
        if stalled:
            out.flush()
            self._flows.wait()
        return not broken and not stalled

    def ranges(self, name):
        """Return the Range headers of all calls for a file."""
        return [asked for method, path, asked in self.asked if path.endswith(f"/{name}")]

    def card(self):
        """Return what the hub tells of the repository."""
        return {
            "id": REPOSITORY,
            "sha": COMMIT,
            "private": False,
            "gated": bool(self.gate),
            "cardData": {"license": LICENCE},
            "siblings": [self._sibling(name, content) for name, content in self.files.items()],
        }

    def _sibling(self, name, content):
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        told = {"rfilename": name, "size": len(content), "blobId": blob.hexdigest()}
        if name.endswith((".safetensors", ".bin")):
            sum_ = hashlib.sha256(content).hexdigest() if name not in self.lies else "0" * 64
            told["lfs"] = {"sha256": sum_, "size": len(content), "pointerSize": 134}
        return told

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,)).start()
        return self

    def __exit__(self, *_):
        self.goes_on()
        self.shutdown()
        self.server_close()


class _Handler(Handler):
    def get(self):
        hub = self.server
        hub.asked.append((self.command, self.path.split("?")[0], self.headers.get("Range")))
        if hub.status:
            return self._refuse(hub.status, "")
        if found := MODEL.match(self.path):
            return self._model(*found.groups())
        found = FILE.match(self.path)
        return self._file(*found.groups()) if found else self._refuse(404, "")

    def _model(self, repository, revision):
        if repository != REPOSITORY:
            return self._refuse(404, "RepoNotFound")
        if revision not in {"main", COMMIT}:
            return self._refuse(404, "RevisionNotFound")
        return self._answer(200, json.dumps(self.server.card()).encode())

    def _file(self, repository, revision, name):
        hub = self.server
        if hub.gate and self.headers.get("Authorization") != f"Bearer {hub.gate}":
            return self._refuse(403, "GatedRepo")
        if (repository, revision) != (REPOSITORY, COMMIT) or name not in hub.files:
            return self._refuse(404, "EntryNotFound")
        content = hub.files[name]
        asked = self.headers.get("Range")
        begin = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        head = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        return self._answer(206 if asked else 200, content[begin:], head if asked else {}, name)

    def _refuse(self, status, code):
        self._answer(status, b"{}", {"X-Error-Code": code} if code else {})

    def _answer(self, status, content, head=None, name=""):
        self.send_response(status)
        for key, value in (head or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.close_connection = not self.server.send(name, content, self.wfile)
