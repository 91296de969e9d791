"""Checks of webhooks, with a receiver on this machine for as long as a check needs it.

Source: Standard Webhooks, and `openai`'s `client.webhooks`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import openai
from openai.types.fine_tuning import FineTuningJob

from merlin.core.log import hide_secrets
from merlin.engine.conformance.harness import (
    BAD,
    GONE,
    Missing,
    Server,
    Wrong,
    check,
    optional_call,
    require,
    require_equal,
    require_error_object,
    require_refusal,
)
from merlin.engine.conformance.jobs import succeeded

_LOOK_S = 0.02
_LONGEST = 1_000_000
_OK, _LATER = 200, 503


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call that came in."""

    body: bytes
    headers: Mapping[str, str]

    @property
    def webhook_id(self) -> str:
        """Return what names the message: the same at every try."""
        return self.headers.get("webhook-id", "")


class Receiver:
    """Takes deliveries; the first one is put off with 503, so that it must come again."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_S,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Return where deliveries go."""
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def wait(self, number: int, patience_s: float) -> list[Delivery]:
        """Return what came, as soon as it is `number` deliveries or patience ends."""
        end = time.monotonic() + patience_s
        while len(self.deliveries) < number and time.monotonic() < end:
            time.sleep(_LOOK_S)
        return list(self.deliveries)

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, delivery: Delivery) -> int:
        with self._lock:
            self.deliveries.append(delivery)
            return _LATER if len(self.deliveries) == 1 else _OK

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("content-length") or 0), _LONGEST)
                told = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._take(Delivery(self.rfile.read(size), told))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Say nothing: stderr is the command's."""

        return Handler


SUCCEEDED: Final = "fine_tuning.job.succeeded"
_FAILED = "fine_tuning.job.failed"
MOST_PATIENCE_S = 60.0
_NAME = "merlin-test"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the server, the secret that its calls are signed with, and who takes them."""

    endpoint_id: str
    secret: str
    receiver: Receiver


@check("webhooks.create")
def created(server: Server) -> Endpoint:
    """Prove that POST /webhook_endpoints answers an endpoint with its signing secret."""
    if not server.is_here:
        raise Missing("far")
    receiver = Receiver()
    server.close_at_end(receiver.close)
    with optional_call("POST /webhook_endpoints"):
        try:
            made = server.sdk.webhooks.create(name=_NAME, url=receiver.url, event_types=[SUCCEEDED])
        except openai.APIStatusError as error:
            if error.status_code in BAD:
                require_error_object(error.response, BAD)
                raise Missing("no-local-receiver", words=error.message) from error
            raise
    hide_secrets([made.signing_secret])
    server.undo_at_end("DELETE", f"/webhook_endpoints/{made.id}")
    require_equal("object", made.object, "webhook_endpoint")
    require_equal("url", made.url, receiver.url)
    require_equal("event_types", made.event_types, [SUCCEEDED])
    require(made.signing_secret, "signing_secret", "", '!= ""')
    return Endpoint(made.id, made.signing_secret, receiver)


@check("webhooks.list", created)
def listed(server: Server, endpoint: Endpoint) -> None:
    """Prove that the endpoint is listed and told of; its secret is not told again."""
    ids = [each.id for each in server.sdk.webhooks.list(limit=100).data]
    require(endpoint.endpoint_id in ids, "data", ids[:3], endpoint.endpoint_id)
    told = server.sdk.webhooks.retrieve(endpoint.endpoint_id)
    require_equal("id", told.id, endpoint.endpoint_id)
    is_told = endpoint.secret in told.to_json()
    require(not is_told, "signing_secret", "signing_secret", "–")


@check("webhooks.delivered", created, succeeded)
def delivered(server: Server, endpoint: Endpoint, done: FineTuningJob) -> Delivery:
    """Prove that the endpoint hears that the job succeeded."""
    came = endpoint.receiver.wait(1, _patience_s(server))
    if not came:
        raise Wrong("undelivered", seconds=f"{_patience_s(server):g}", type=SUCCEEDED)
    event = json.loads(came[0].body)
    require_equal("type", event["type"], SUCCEEDED)
    require_equal("data.id", event["data"]["id"], done.id)
    return came[0]


def _patience_s(server: Server) -> float:
    return min(MOST_PATIENCE_S, server.timeout_s)


@check("webhooks.signed", created, delivered)
def signed(server: Server, endpoint: Endpoint, delivery: Delivery) -> None:
    """Prove that `client.webhooks.unwrap` takes the call as it came."""
    unwrap = server.sdk.webhooks.unwrap
    try:
        event = unwrap(delivery.body, delivery.headers, secret=endpoint.secret)
    except (openai.InvalidWebhookSignatureError, ValueError) as error:
        raise Wrong("signature", words=str(error)) from error
    require_equal("type", event.type, SUCCEEDED)


@check("webhooks.forged", signed, created, delivered)
def forged(server: Server, _signed: None, endpoint: Endpoint, delivery: Delivery) -> None:
    """Prove that a call is refused when its body, its id or its moment was changed on the way."""
    moment = str(int(delivery.headers["webhook-timestamp"]) - 1)
    changed: tuple[tuple[bytes, dict[str, str]], ...] = (
        (delivery.body.replace(SUCCEEDED.encode(), _FAILED.encode()), {}),
        (delivery.body, {"webhook-id": f"{delivery.webhook_id}0"}),
        (delivery.body, {"webhook-timestamp": moment}),
    )
    for body, headers in changed:
        told = {**delivery.headers, **headers}
        try:
            server.sdk.webhooks.unwrap(body, told, secret=endpoint.secret)
        except openai.InvalidWebhookSignatureError:
            continue
        raise Wrong("forged", field=next(iter(headers), "body"))


@check("webhooks.repeated", created, delivered)
def repeated(server: Server, endpoint: Endpoint, first: Delivery) -> None:
    """Prove that a call that was put off comes again, with the same webhook-id and event."""
    came = endpoint.receiver.wait(2, _patience_s(server))
    if len(came) == 1:
        raise Wrong("unrepeated", seconds=f"{_patience_s(server):g}")
    require_equal("webhook-id", came[1].webhook_id, first.webhook_id)
    require_equal("id", json.loads(came[1].body).get("id"), json.loads(first.body).get("id"))


@check("webhooks.delete", created)
def deleted(server: Server, endpoint: Endpoint) -> None:
    """Prove that a deleted endpoint is gone."""
    told = server.sdk.webhooks.delete(endpoint.endpoint_id)
    require(told.deleted, "deleted", told.deleted, "true")
    require_refusal(lambda: server.sdk.webhooks.retrieve(endpoint.endpoint_id), GONE)
