"""A stand-in of the hub's HTTP API for models on a local port, with network faults.

    with serve_http(HubStandIn()) as hub:
        hub.stall_at("model.safetensors", at=1000)  # sends nothing after that until `resume`

It has one repository, `anna/tiny`, with one commit. Source: the requests of the hub's client:
/api/models/{id}/revision/{revision}, /api/models/{id}/tree/{revision} and
/{id}/resolve/{revision}/{file}.
"""

import hashlib
import json
import re
import struct
import threading

from tests.support.http_servers import Handler, Server
from tests.support.waiting import longest

REPOSITORY = "anna/tiny"
COMMIT = "c0ffee" + "0" * 34
# The hub stores larger files, in bytes, and all weights in LFS instead of git.
SMALL = 1 << 20
MODEL = re.compile(r"/api/models/(.+)/revision/([^?]+)")
TREE = re.compile(r"/api/models/(.+)/tree/([^?]+)")
FILE = re.compile(r"/(.+)/resolve/([^/]+)/([^?]+)")


# The smallest that can be loaded, with an end mark.
_TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "model": {
        "type": "WordLevel",
        "vocab": {"<unk>": 0, "<end>": 1},
        "unk_token": "<unk>",
    },
}
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "<end>",
    "chat_template": "{% for m in messages %}{% if m.role == 'system' %}# {% endif %}"
    "{{ m.role }} {{ m.content }} <end>{% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}",
}
_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "max_position_embeddings": 512,
}


def make_base_files(rows=100):
    """Return the files of a base with meaningless weights: rows of 50 two-byte values."""
    size = rows * 100
    header = {
        "embed": {"dtype": "BF16", "shape": [rows, 50], "data_offsets": [0, size]},
        "head": {"dtype": "BF16", "shape": [1000], "data_offsets": [size, size + 2000]},
        "__metadata__": {"format": "pt"},
    }
    header_bytes = json.dumps(header).encode()
    weights = struct.pack("<Q", len(header_bytes)) + header_bytes + bytes(size + 2000)
    return {
        "config.json": json.dumps(_CONFIG).encode(),
        "model.safetensors": weights,
        "tokenizer.json": json.dumps(_TOKENIZER).encode(),
        "tokenizer_config.json": json.dumps(_TOKENIZER_CONFIG).encode(),
        "README.md": b"# Tiny\n",
    }


class HubStandIn(Server):
    """Has the smallest base; `requests` are (method, path, range) tuples."""

    def __init__(self):
        self.files = make_base_files()
        self.requests = []
        self.status = None
        self.gate = None
        self._stalls = {}
        self._flows = threading.Event()
        super().__init__(_Handler)

    def stall_at(self, name, at):
        """Send nothing after this number of bytes of a file."""
        self._stalls[name] = at

    def resume(self):
        """End all stalls."""
        self._stalls.clear()
        self._flows.set()

    def send(self, name, content, out):
        """Send a file's bytes, truncated by a configured fault; return whether it is complete."""
        stalled = self._stalls.get(name)
        out.write(content[:stalled])
        if stalled:
            out.flush()
            self._flows.wait(longest())
        return not stalled

    def list_ranges(self, name):
        """Return the Range headers of all downloads of a file."""
        return [
            range_
            for method, path, range_ in self.requests
            if method == "GET" and path.endswith(f"/{name}")
        ]

    def build_card(self):
        """Return the hub's description of the repository."""
        return {
            "id": REPOSITORY,
            "sha": COMMIT,
            "private": False,
            "gated": bool(self.gate),
            "siblings": [{"rfilename": name} for name in self.files],
        }

    def build_tree(self):
        """Return the hub's list of the repository's files."""
        return [_build_entry(name, content) for name, content in self.files.items()]


def _build_entry(name, content):
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    entry = {
        "type": "file",
        "path": name,
        "size": len(content),
        "oid": blob.hexdigest(),
    }
    if name.endswith((".safetensors", ".bin")):
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
    return entry


class _Handler(Handler):
    def do_HEAD(self):  # noqa: N802 - the name that http.server calls
        self.get()

    def get(self):
        hub = self.server
        hub.requests.append(
            (self.command, self.path.split("?")[0], self.headers.get("Range"))
        )
        if hub.status:
            return self._refuse(hub.status, "")
        if match := MODEL.match(self.path):
            return self._model(*match.groups())
        if TREE.match(self.path):
            return self._answer(200, json.dumps(hub.build_tree()).encode())
        match = FILE.match(self.path)
        return self._file(*match.groups()) if match else self._refuse(404, "")

    def _model(self, repository, revision):
        if repository != REPOSITORY:
            return self._refuse(404, "RepoNotFound")
        if revision not in {"main", COMMIT}:
            return self._refuse(404, "RevisionNotFound")
        return self._answer(200, json.dumps(self.server.build_card()).encode())

    def _file(self, repository, revision, name):
        hub = self.server
        if hub.gate and self.headers.get("Authorization") != f"Bearer {hub.gate}":
            return self._refuse(403, "GatedRepo")
        if (repository, revision) != (REPOSITORY, COMMIT) or name not in hub.files:
            return self._refuse(404, "EntryNotFound")
        content = hub.files[name]
        range_header = self.headers.get("Range")
        begin = (
            int(range_header.removeprefix("bytes=").split("-")[0])
            if range_header
            else 0
        )
        entry = _build_entry(name, content)
        etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        head = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        if range_header:
            head["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        return self._answer(206 if range_header else 200, content[begin:], head, name)

    def _refuse(self, status, code):
        self._answer(status, b"{}", {"X-Error-Code": code} if code else {})

    def _answer(self, status, content, head=None, name=""):
        self.send_response(status)
        for key, value in (head or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.close_connection = not self.server.send(name, content, self.wfile)
