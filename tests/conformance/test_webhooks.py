"""The conformance suite finds webhooks that are unsigned, lost, renamed or disclose secrets."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.conformance.breaking_proxy import make_response, run_suite
from tests.support.http_servers import Handler, Server, serve_http

pytestmark = pytest.mark.integration
ENDPOINTS = "/v1/webhook_endpoints"
TRIES = 2
LATER = 503


class DeliveryProxy(Server):
    """A proxy between the engine and the receiver; `change` is applied to each delivery.

    `change` takes (number of the attempt, headers) and returns the headers to forward, or None to
    drop the delivery. A deferred delivery is repeated at once.
    """

    def __init__(self):
        self.target = ""
        self.change = lambda _number, headers: headers
        super().__init__(_DeliveryHandler)

    def forward(self, body, headers):
        for number in range(TRIES):
            changed = self.change(number, headers)
            if changed is None or _post(self.target, body, changed) != LATER:
                return


def _post(url, body, headers):
    forwarded = {
        name: headers[name] for name in headers if name.startswith(("webhook-", "content-t"))
    }
    try:
        with urlopen(Request(url, body, forwarded)) as response:  # noqa: S310 - our own receiver
            return response.status
    except HTTPError as error:
        error.close()
        return error.code


class _DeliveryHandler(Handler):
    def post(self):
        self.server.forward(self.body(), {n.lower(): v for n, v in self.headers.items()})
        self.answer(200)


@pytest.fixture
def delivery_proxy(proxy):
    """A delivery proxy to which the engine's webhooks are redirected."""
    with serve_http(DeliveryProxy()) as proxy_server:

        def change_url(request):
            if (request.method, request.path) != ("POST", ENDPOINTS):
                return request
            proxy_server.target = request.json["url"]
            return request.with_json(url=proxy_server.url)

        def restore_url(response, request):
            is_one = request.path.startswith(ENDPOINTS) and "url" in response.json
            return response.with_json(url=proxy_server.target) if is_one else response

        proxy.change_request, proxy.change_response = change_url, restore_url
        yield proxy_server


def run_checks(proxy, *names):
    outcomes = run_suite(proxy.url, *names, timeout_s=5)
    return {name: outcomes[name].result for name in names}


def test_correct_deliveries_pass(proxy, delivery_proxy):
    outcomes = run_suite(proxy.url, "webhooks")
    assert {outcome.result for outcome in outcomes.values()} == {"passed"}


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (lambda _number, _headers: None, "webhooks.delivered"),
        (lambda _n, headers: {**headers, "webhook-signature": "v1,AAAA"}, "webhooks.signed"),
        (lambda _n, headers: {**headers, "webhook-timestamp": "1600000000"}, "webhooks.signed"),
        (lambda _n, _headers: {"content-type": "application/json"}, "webhooks.signed"),
        (lambda number, headers: None if number else headers, "webhooks.repeated"),
        (lambda n, headers: {**headers, "webhook-id": f"msg_{n}"}, "webhooks.repeated"),
    ],
    ids=["lost", "unsigned", "old", "bare", "not-repeated", "renamed"],
)
def test_suite_detects_wrong_deliveries(proxy, delivery_proxy, change, failed):
    delivery_proxy.change = change
    assert run_checks(proxy, failed) == {failed: "failed"}


def test_suite_detects_a_secret_that_does_not_sign(proxy, delivery_proxy):
    restore_url = proxy.change_response

    def change_secret(response, request):
        response = restore_url(response, request)
        is_new = "signing_secret" in response.json
        return response.with_json(signing_secret="whsec_bWVybGlu") if is_new else response

    proxy.change_response = change_secret
    assert run_checks(proxy, "webhooks.signed", "webhooks.forged") == {
        "webhooks.signed": "failed",
        "webhooks.forged": "failed",
    }


def test_suite_detects_a_secret_shown_again(proxy):
    secrets = []

    def add_secret(response, request):
        if "signing_secret" in response.json:
            secrets.append(response.json["signing_secret"])
        is_read = request.method == "GET" and request.path.startswith(f"{ENDPOINTS}/")
        return response.with_json(signing_secret=secrets[0]) if is_read else response

    proxy.change_response = add_secret
    assert run_checks(proxy, "webhooks.list") == {"webhooks.list": "failed"}


def test_suite_detects_an_endpoint_that_is_not_deleted(proxy):
    def skip_delete(request):
        is_delete = request.method == "DELETE" and request.path.startswith(ENDPOINTS)
        return make_response(200, {"deleted": True}) if is_delete else request

    proxy.change_request = skip_delete
    assert run_checks(proxy, "webhooks.delete") == {"webhooks.delete": "failed"}


def test_webhook_checks_are_missing_when_the_server_refuses_a_local_receiver(proxy):
    error = {"message": "https only", "type": "invalid_request_error", "param": "url", "code": None}

    def refuse_endpoint(request):
        is_new = (request.method, request.path) == ("POST", ENDPOINTS)
        return make_response(400, {"error": error}) if is_new else request

    proxy.change_request = refuse_endpoint
    outcomes = run_suite(proxy.url, "webhooks.create", "webhooks.list")
    assert {outcome.result for outcome in outcomes.values()} == {"missing"}
    assert "https only" in outcomes["webhooks.create"].arguments["words"]
