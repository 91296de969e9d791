"""Checks of webhooks, with a receiver on this machine.

Source: Standard Webhooks, and `openai`'s `client.webhooks`.
"""

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
    INVALID,
    NOT_FOUND,
    Deviation,
    NotSupported,
    Server,
    allow_missing_call,
    check,
    require,
    require_equal,
    require_error_object,
    require_refusal,
)

_POLL_S = 0.02
_MAX_BODY_BYTES = 1_000_000
_OK, _LATER = 200, 503


# The body of a received request, and its headers by lower-case name.
Delivery = tuple[bytes, Mapping[str, str]]


class Receiver:
    """An HTTP server that receives deliveries; it answers the first with 503 to force a retry."""

    def __init__(self) -> None:
        deliveries = self._deliveries = list[Delivery]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("content-length") or 0), _MAX_BODY_BYTES)
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivery = (self.rfile.read(size), headers)
                deliveries.append(delivery)
                self.send_response(_LATER if deliveries[0] is delivery else _OK)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Do not log to stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def wait(self, number: int, timeout_s: float) -> list[Delivery]:
        """Wait for `number` deliveries or the timeout; return those received."""
        end = time.monotonic() + timeout_s
        while len(self._deliveries) < number and time.monotonic() < end:
            time.sleep(_POLL_S)
        return list(self._deliveries)

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# An endpoint of the server under test, and its receiver.
Endpoint = tuple[WebhookEndpointWithSecret, Receiver]
SUCCEEDED: Final = "fine_tuning.job.succeeded"
_FAILED = "fine_tuning.job.failed"
MAX_TIMEOUT_S = 60.0
_NAME = "merlin-test"


@check("webhooks.create")
def create_endpoint(server: Server) -> Endpoint:
    """Check that POST /webhook_endpoints returns an endpoint with its signing secret."""
    if not server.is_here:
        raise NotSupported("far")
    receiver = Receiver()
    server.resources.callback(receiver.close)
    with allow_missing_call("POST /webhook_endpoints"):
        try:
            endpoint = server.sdk.webhooks.create(
                name=_NAME, url=receiver.url, event_types=[SUCCEEDED]
            )
        except openai.APIStatusError as error:
            if error.status_code in INVALID:
                require_error_object(error.response, INVALID)
                raise NotSupported("no-local-receiver", words=error.message) from error
            raise
    hide_secrets([endpoint.signing_secret])
    server.add_cleanup("DELETE", f"/webhook_endpoints/{endpoint.id}")
    require_equal("object", endpoint.object, "webhook_endpoint")
    require_equal("url", endpoint.url, receiver.url)
    require_equal("event_types", endpoint.event_types, [SUCCEEDED])
    require(endpoint.signing_secret, "signing_secret", "", '!= ""')
    return endpoint, receiver


@check("webhooks.list", create_endpoint)
def list_endpoints(server: Server, endpoint: Endpoint) -> None:
    """Check that the endpoint can be listed and retrieved, without its secret."""
    created_endpoint, _ = endpoint
    ids = [item.id for item in server.sdk.webhooks.list(limit=100).data]
    require(created_endpoint.id in ids, "data", ids[:3], created_endpoint.id)
    retrieved = server.sdk.webhooks.retrieve(created_endpoint.id)
    require_equal("id", retrieved.id, created_endpoint.id)
    is_revealed = created_endpoint.signing_secret in retrieved.to_json()
    require(not is_revealed, "signing_secret", "signing_secret", "–")


@check("webhooks.delivered", create_endpoint, jobs.complete_job)
def deliver_event(server: Server, endpoint: Endpoint, job: FineTuningJob) -> Delivery:
    """Check that the endpoint receives the event of the successful job."""
    body, headers = _wait_for_delivery(server, endpoint, 0, "undelivered", type=SUCCEEDED)
    event = json.loads(body)
    require_equal("type", event["type"], SUCCEEDED)
    require_equal("data.id", event["data"]["id"], job.id)
    return body, headers


def _wait_for_delivery(
    server: Server, endpoint: Endpoint, number: int, key: str, **arguments: object
) -> Delivery:
    """Wait for the delivery with this index. Raises Deviation `key` on timeout."""
    timeout_s = min(MAX_TIMEOUT_S, server.timeout_s)
    deliveries = endpoint[1].wait(number + 1, timeout_s)
    if len(deliveries) <= number:
        raise Deviation(key, seconds=f"{timeout_s:g}", **arguments)
    return deliveries[number]


@check("webhooks.signed", create_endpoint, deliver_event)
def verify_signature(server: Server, endpoint: Endpoint, delivery: Delivery) -> None:
    """Check that `client.webhooks.unwrap` accepts the delivery."""
    unwrap = server.sdk.webhooks.unwrap
    try:
        event = unwrap(*delivery, secret=endpoint[0].signing_secret)
    except (openai.InvalidWebhookSignatureError, ValueError) as error:
        raise Deviation("signature", words=str(error)) from error
    require_equal("type", event.type, SUCCEEDED)


@check("webhooks.forged", verify_signature, create_endpoint, deliver_event)
def reject_forgery(server: Server, _signed: None, endpoint: Endpoint, delivery: Delivery) -> None:
    """Check that the signature covers the body, the id and the timestamp."""
    body, headers = delivery
    timestamp = str(int(headers["webhook-timestamp"]) - 1)
    forgeries: tuple[tuple[bytes, dict[str, str]], ...] = (
        (body.replace(SUCCEEDED.encode(), _FAILED.encode()), {}),
        (body, {"webhook-id": f"{headers.get('webhook-id', '')}0"}),
        (body, {"webhook-timestamp": timestamp}),
    )
    for forged_body, changes in forgeries:
        values = {**headers, **changes}
        try:
            server.sdk.webhooks.unwrap(forged_body, values, secret=endpoint[0].signing_secret)
        except openai.InvalidWebhookSignatureError:
            continue
        raise Deviation("forged", field=next(iter(changes), "body"))


@check("webhooks.repeated", create_endpoint, deliver_event)
def repeat_delivery(server: Server, endpoint: Endpoint, first: Delivery) -> None:
    """Check that a failed delivery is retried with the same webhook-id and event."""
    again = _wait_for_delivery(server, endpoint, 1, "unrepeated")
    ids = [headers.get("webhook-id", "") for _, headers in (again, first)]
    require_equal("webhook-id", ids[0], ids[1])
    events = [json.loads(body).get("id") for body, _ in (again, first)]
    require_equal("id", events[0], events[1])


@check("webhooks.delete", create_endpoint)
def delete_endpoint(server: Server, endpoint: Endpoint) -> None:
    """Check that a deleted endpoint cannot be retrieved."""
    webhooks, webhook_id = server.sdk.webhooks, endpoint[0].id
    deletion = webhooks.delete(webhook_id)
    require(deletion.deleted, "deleted", deletion.deleted, "true")
    require_refusal(lambda: webhooks.retrieve(webhook_id), NOT_FOUND)
