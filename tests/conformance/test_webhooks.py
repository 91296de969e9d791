"""The conformance suite finds webhooks that are unsigned, lost, renamed, or told too much of."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.conformance.breaking_proxy import make_answer, results
from tests.support.http_servers import Handler, Server, serve_http

pytestmark = pytest.mark.integration
ENDPOINTS = "/v1/webhook_endpoints"
TRIES = 2
LATER = 503


class Meddler(Server):
    """Stands between the engine and the receiver: every delivery goes through `change`.

    `change` takes (number of the try, headers) and returns the headers to send on, or None to
    keep the delivery to itself. What is put off is sent again at once.
    """

    def __init__(self):
        self.target = ""
        self.change = lambda _number, headers: headers
        super().__init__(_Meddling)

    def pass_on(self, body, headers):
        for number in range(TRIES):
            changed = self.change(number, headers)
            if changed is None or _post(self.target, body, changed) != LATER:
                return


def _post(url, body, headers):
    told = {name: headers[name] for name in headers if name.startswith(("webhook-", "content-t"))}
    try:
        with urlopen(Request(url, body, told)) as answer:  # noqa: S310 - our own receiver
            return answer.status
    except HTTPError as error:
        error.close()
        return error.code


class _Meddling(Handler):
    def post(self):
        self.server.pass_on(self.body(), {n.lower(): v for n, v in self.headers.items()})
        self.answer(200)


@pytest.fixture
def meddler(proxy):
    """A meddler that the proxy leads the engine's deliveries to."""
    with serve_http(Meddler()) as made:

        def led_astray(call):
            if (call.method, call.path) != ("POST", ENDPOINTS):
                return call
            made.target = call.json["url"]
            return call.asking(url=made.url)

        def covered_up(answer, call):
            is_one = call.path.startswith(ENDPOINTS) and "url" in answer.json
            return answer.saying(url=made.target) if is_one else answer

        proxy.before, proxy.after = led_astray, covered_up
        yield made


def results_of(proxy, *names):
    found = results(proxy.url, *names, timeout_s=5)
    return {name: found[name].result for name in names}


def test_honest_deliveries_pass(proxy, meddler):
    found = results(proxy.url, "webhooks")
    assert {one.result for one in found.values()} == {"passed"}


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
def test_suite_finds_deliveries_that_are_wrong(proxy, meddler, change, failed):
    meddler.change = change
    assert results_of(proxy, failed) == {failed: "failed"}


def test_suite_finds_a_secret_that_does_not_sign(proxy, meddler):
    cover = proxy.after

    def other_secret(answer, call):
        answer = cover(answer, call)
        is_new = "signing_secret" in answer.json
        return answer.saying(signing_secret="whsec_bWVybGlu") if is_new else answer

    proxy.after = other_secret
    assert results_of(proxy, "webhooks.signed", "webhooks.forged") == {
        "webhooks.signed": "failed",
        "webhooks.forged": "failed",
    }


def test_suite_finds_a_secret_that_is_told_again(proxy):
    secrets = []

    def telling(answer, call):
        if "signing_secret" in answer.json:
            secrets.append(answer.json["signing_secret"])
        is_look = call.method == "GET" and call.path.startswith(f"{ENDPOINTS}/")
        return answer.saying(signing_secret=secrets[0]) if is_look else answer

    proxy.after = telling
    assert results_of(proxy, "webhooks.list") == {"webhooks.list": "failed"}


def test_suite_finds_an_endpoint_that_is_not_deleted(proxy):
    def staying(call):
        is_end = call.method == "DELETE" and call.path.startswith(ENDPOINTS)
        return make_answer(200, {"deleted": True}) if is_end else call

    proxy.before = staying
    assert results_of(proxy, "webhooks.delete") == {"webhooks.delete": "failed"}


def test_a_server_that_takes_no_receiver_on_this_machine_has_no_webhooks_to_check(proxy):
    error = {"message": "https only", "type": "invalid_request_error", "param": "url", "code": None}

    def refusing(call):
        is_new = (call.method, call.path) == ("POST", ENDPOINTS)
        return make_answer(400, {"error": error}) if is_new else call

    proxy.before = refusing
    document = results(proxy.url, "webhooks.create", "webhooks.list")
    assert {one.result for one in document.values()} == {"missing"}
    assert "https only" in document["webhooks.create"].arguments["words"]
