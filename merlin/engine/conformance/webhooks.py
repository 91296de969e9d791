"""Checks of webhooks, with a receiver on this machine for as long as a check needs it.

Source: Standard Webhooks, and `openai`'s `client.webhooks`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import openai
from openai.types.fine_tuning import FineTuningJob
from openai.types.webhooks import WebhookEndpointWithSecret

from merlin.core.log import hide_secrets
from merlin.engine.conformance import jobs
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

_POLL_S = 0.02
_LONGEST = 1_000_000
_OK, _LATER = 200, 503


# The body of a call that came in, and its headers by their names in small letters.
Delivery = tuple[bytes, Mapping[str, str]]


class Receiver:
    """Takes deliveries; the first one is put off with 503, so that it must come again."""

    def __init__(self) -> None:
        deliveries = self._deliveries = list[Delivery]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("content-length") or 0), _LONGEST)
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivery = (self.rfile.read(size), headers)
                deliveries.append(delivery)
                self.send_response(_LATER if deliveries[0] is delivery else _OK)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Say nothing: stderr is the command's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def wait(self, number: int, patience_s: float) -> list[Delivery]:
        """Return what came, as soon as it is `number` deliveries or patience ends."""
        end = time.monotonic() + patience_s
        while len(self._deliveries) < number and time.monotonic() < end:
            time.sleep(_POLL_S)
        return list(self._deliveries)

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# An endpoint of the server, and who takes its calls.
Endpoint = tuple[WebhookEndpointWithSecret, Receiver]
SUCCEEDED: Final = "fine_tuning.job.succeeded"
_FAILED = "fine_tuning.job.failed"
MAX_TIMEOUT_S = 60.0
_NAME = "merlin-test"


@check("webhooks.create")
def created(server: Server) -> Endpoint:
    """Prove that POST /webhook_endpoints answers an endpoint with its signing secret."""
    if not server.is_here:
        raise Missing("far")
    receiver = Receiver()
    server.open.callback(receiver.close)
    with optional_call("POST /webhook_endpoints"):
        try:
            endpoint = server.sdk.webhooks.create(
                name=_NAME, url=receiver.url, event_types=[SUCCEEDED]
            )
        except openai.APIStatusError as error:
            if error.status_code in BAD:
                require_error_object(error.response, BAD)
                raise Missing("no-local-receiver", words=error.message) from error
            raise
    hide_secrets([endpoint.signing_secret])
    server.undo_at_end("DELETE", f"/webhook_endpoints/{endpoint.id}")
    require_equal("object", endpoint.object, "webhook_endpoint")
    require_equal("url", endpoint.url, receiver.url)
    require_equal("event_types", endpoint.event_types, [SUCCEEDED])
    require(endpoint.signing_secret, "signing_secret", "", '!= ""')
    return endpoint, receiver


@check("webhooks.list", created)
def listed(server: Server, endpoint: Endpoint) -> None:
    """Prove that the endpoint is listed and told of; its secret is not told again."""
    created_endpoint, _ = endpoint
    ids = [item.id for item in server.sdk.webhooks.list(limit=100).data]
    require(created_endpoint.id in ids, "data", ids[:3], created_endpoint.id)
    retrieved = server.sdk.webhooks.retrieve(created_endpoint.id)
    require_equal("id", retrieved.id, created_endpoint.id)
    is_told = created_endpoint.signing_secret in retrieved.to_json()
    require(not is_told, "signing_secret", "signing_secret", "–")


@check("webhooks.delivered", created, jobs.succeeded)
def delivered(server: Server, endpoint: Endpoint, job: FineTuningJob) -> Delivery:
    """Prove that the endpoint hears that the job succeeded."""
    body, headers = _delivery(server, endpoint, 0, "undelivered", type=SUCCEEDED)
    event = json.loads(body)
    require_equal("type", event["type"], SUCCEEDED)
    require_equal("data.id", event["data"]["id"], job.id)
    return body, headers


def _delivery(
    server: Server, endpoint: Endpoint, number: int, otherwise: str, **arguments: object
) -> Delivery:
    """Wait for a delivery; `otherwise` with `arguments` is what is wrong where none comes."""
    patience_s = min(MAX_TIMEOUT_S, server.timeout_s)
    deliveries = endpoint[1].wait(number + 1, patience_s)
    if len(deliveries) <= number:
        raise Wrong(otherwise, seconds=f"{patience_s:g}", **arguments)
    return deliveries[number]


@check("webhooks.signed", created, delivered)
def signed(server: Server, endpoint: Endpoint, delivery: Delivery) -> None:
    """Prove that `client.webhooks.unwrap` takes the call as it came."""
    unwrap = server.sdk.webhooks.unwrap
    try:
        event = unwrap(*delivery, secret=endpoint[0].signing_secret)
    except (openai.InvalidWebhookSignatureError, ValueError) as error:
        raise Wrong("signature", words=str(error)) from error
    require_equal("type", event.type, SUCCEEDED)


@check("webhooks.forged", signed, created, delivered)
def forged(server: Server, _signed: None, endpoint: Endpoint, delivery: Delivery) -> None:
    """Prove that a call with a changed body, id or timestamp is refused."""
    body, headers = delivery
    moment = str(int(headers["webhook-timestamp"]) - 1)
    changed: tuple[tuple[bytes, dict[str, str]], ...] = (
        (body.replace(SUCCEEDED.encode(), _FAILED.encode()), {}),
        (body, {"webhook-id": f"{headers.get('webhook-id', '')}0"}),
        (body, {"webhook-timestamp": moment}),
    )
    for forged_body, changes in changed:
        values = {**headers, **changes}
        try:
            server.sdk.webhooks.unwrap(forged_body, values, secret=endpoint[0].signing_secret)
        except openai.InvalidWebhookSignatureError:
            continue
        raise Wrong("forged", field=next(iter(changes), "body"))


@check("webhooks.repeated", created, delivered)
def repeated(server: Server, endpoint: Endpoint, first: Delivery) -> None:
    """Prove that a call that was put off comes again, with the same webhook-id and event."""
    again = _delivery(server, endpoint, 1, "unrepeated")
    ids = [headers.get("webhook-id", "") for _, headers in (again, first)]
    require_equal("webhook-id", ids[0], ids[1])
    events = [json.loads(body).get("id") for body, _ in (again, first)]
    require_equal("id", events[0], events[1])


@check("webhooks.delete", created)
def deleted(server: Server, endpoint: Endpoint) -> None:
    """Prove that a deleted endpoint is gone."""
    webhooks, webhook_id = server.sdk.webhooks, endpoint[0].id
    deletion = webhooks.delete(webhook_id)
    require(deletion.deleted, "deleted", deletion.deleted, "true")
    require_refusal(lambda: webhooks.retrieve(webhook_id), GONE)
