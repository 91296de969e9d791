"""What real programs sent and answered, recorded: `tests/real/recorded/PROGRAM.json`.

A recording has the program, its version, the date, and by the name of a story its exchanges in
order. Each exchange is `{"request": {"method", "path", "headers", "body"}, "answer": {"status",
"headers", "body"}}`; a body is the JSON document, the list of a stream's events (the last one may
be "[DONE]"), or a text. Keys, ids, times and ports are replaced by fixed words, so that recording
again changes what the program changed, and nothing else.

A test records by the fixture `recording`:

    with recording("chat", server_url) as url:    # a proxy in front of the server
        ask_the_program(base_url=url)

`make record-real` writes the files; else the proxy passes on and nothing is kept. Stand-ins and
tests replay by `read_recording("vllm")`, which needs no program: `.answer("chat")` is the answer
of a story's last exchange, `.requests("chat")` what was sent.
"""

import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.http_servers import Handler, Server, serve_http
from tests.support.waiting import longest, wait_until

FOLDER = Path(__file__).parent / "recorded"
# Read at import: within a test the environment is replaced.
IS_WRITTEN = os.environ.get("MERLIN_RECORD") == "write"
# Headers that decide what is answered, or what a client does with it; the others say who asks.
_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "retry-after",
    "www-authenticate",
    "x-api-key",
)
_HOP_BY_HOP = (
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "host",
)
# Values of these keys differ each time.
_VOLATILE = {"created", "created_at", "finished_at", "system_fingerprint", "request_id"}
_RULES = (
    (
        r"\b(chatcmpl|cmpl|resp|msg|req|call|file|ftjob|ftevent|ftckpt|batch|run|rs|modelperm)[-_][\w-]{8,}",
        r"\1-ID",
    ),
    (r"\bft:(.+?)::\w{8}\b", r"ft:\1::ID"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"\b[0-9a-f]{32,64}\b", "HEX"),
    (r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+", "PORT"),
    (r"(?<=Bearer )\S+", "KEY"),
    (r"(?<=boundary=)\S+", "BOUNDARY"),
)


@dataclass(frozen=True)
class Recording:
    """What a file of `recorded` has."""

    program: str
    version: str
    date: str
    stories: dict

    def requests(self, story):
        """Return the requests of a story, in order."""
        return [exchange["request"] for exchange in self.stories[story]]

    def answer(self, story):
        """Return the answer of a story's last exchange."""
        return self.stories[story][-1]["answer"]


def read_recording(program):
    """Return what was recorded of a program."""
    return Recording(**json.loads((FOLDER / f"{program}.json").read_text("utf-8")))


def write_recording(recording):
    """Write a recording; stories of it that were not run again stay."""
    path = FOLDER / f"{recording.program}.json"
    stories = read_recording(recording.program).stories if path.exists() else {}
    document = {
        "program": recording.program,
        "version": recording.version,
        "date": recording.date,
        "stories": dict(sorted({**stories, **recording.stories}.items())),
    }
    FOLDER.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


class RecordingProxy(Server):
    """Passes calls on to a server, as they come, and keeps them; `known` are words by value."""

    def __init__(self, target, known=None):
        super().__init__(_ProxyHandler)
        self.target = urlsplit(target)
        self._known = sorted((known or {}).items(), key=lambda pair: -len(pair[0]))
        self.exchanges = []
        self.open_calls = 0

    def keep(self, request, answer):
        """Add an exchange; both are (first line's parts, headers, body).

        Of the same request again and again, as one waits for a job, the last answer is kept.
        """
        (method, path), headers, body = request
        asked = {
            "method": method,
            "path": self._plain(path),
            **self._content(headers, body),
        }
        status, headers, body = answer
        if self.exchanges and self.exchanges[-1]["request"] == asked:
            self.exchanges.pop()
        answered = {"status": status, **self._content(headers, body)}
        self.exchanges.append({"request": asked, "answer": answered})

    def _content(self, headers, body):
        return {"headers": self._headers(headers), "body": self._body(headers, body)}

    def _headers(self, headers):
        lower = {name.lower(): value for name, value in headers.items()}
        return {name: self._plain(lower[name]) for name in _HEADERS if name in lower}

    def _body(self, headers, body):
        kind = next(
            (headers[name] for name in headers if name.lower() == "content-type"), ""
        )
        content = body.decode("utf-8", "replace")
        if boundary := re.search(r"boundary=(\S+)", kind):
            content = content.replace(boundary[1].strip('"'), "BOUNDARY")
        if "event-stream" in kind:
            return [
                self._document(data)
                for data in re.findall(r"(?m)^data: ?(.*)$", content)
            ]
        return self._document(content) if content else None

    def _document(self, content):
        try:
            return self._steady(json.loads(content))
        except ValueError:
            return self._plain(content)

    def _steady(self, value):
        if isinstance(value, dict):
            return {
                name: 0 if name in _VOLATILE and inner else self._steady(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._steady(inner) for inner in value]
        return self._plain(value) if isinstance(value, str) else value

    def _plain(self, content):
        for value, word in self._known:
            content = content.replace(value, word)
        for pattern, word in _RULES:
            content = re.sub(pattern, word, content)
        return content


class _ProxyHandler(Handler):
    def get(self):
        self._pass_on(b"")

    def post(self):
        self._pass_on(self.body())

    def do_DELETE(self):  # noqa: N802 - http.server's name
        self._pass_on(b"")

    def _pass_on(self, body):
        target = self.server.target
        headers = self._end_to_end(self.headers)
        connection = HTTPConnection(
            target.hostname, target.port, timeout=longest(240.0)
        )
        received = []
        self.server.open_calls += 1
        try:
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            with suppress(
                ConnectionError
            ):  # a client that left has what came until then
                self._stream(response, received)
            request = (self.command, self.path), dict(self.headers), body
            answer = response.status, dict(response.headers), b"".join(received)
            self.server.keep(request, answer)
        finally:
            connection.close()
            self.server.open_calls -= 1

    def _stream(self, response, received):
        self.close_connection = True
        self.send_response(response.status)
        for name, value in self._end_to_end(response.headers).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := response.read1():
            received.append(piece)
            self.wfile.write(piece)

    @staticmethod
    def _end_to_end(headers):
        return {
            name: value
            for name, value in headers.items()
            if name.lower() not in _HOP_BY_HOP
        }


@contextmanager
def recorded_calls(target, known=None):
    """Yield a running proxy in front of the server at `target`, with `url` and `exchanges`."""
    with serve_http(RecordingProxy(target, known)) as proxy:
        yield proxy
        wait_until(lambda: not proxy.open_calls)


def fill(document, value, *place):
    """Put a value where a recorded one is.

    Raises KeyError, IndexError if the program has sent none there: a stand-in that adds what is
    expected of it hides that the program says it otherwise.
    """
    *way, last = place
    for step in way:
        document = document[step]
    document[last]
    document[last] = value


def replay(answer):
    """Return (status, content, content type) of a recorded answer, as a stand-in sends it."""
    kind = answer["headers"].get("content-type", "")
    body = answer["body"]
    if "event-stream" in kind:
        events = (
            event if isinstance(event, str) else json.dumps(event) for event in body
        )
        content = "".join(f"data: {event}\n\n" for event in events)
    else:
        content = (
            body
            if isinstance(body, str)
            else json.dumps(body)
            if body is not None
            else ""
        )
    return HTTPStatus(answer["status"]), content.encode(), kind
