"""The gateway over TLS: its certificate is judged, and a silent server is left there too."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl

import pytest

from merlin.core.errors import GatewayUnavailable, PaymentUnknown
from tests.providers.yookassa_calls import HEARD_S, answering, gateway_at, raw, silent
from tests.support.certificates import create_certificate, encode_key, generate_key

pytestmark = pytest.mark.functional

TOLD = {"id": "p1", "status": "pending", "amount": {"value": "299.00", "currency": "RUB"}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file of key and certificate."""
    key = generate_key()
    path = tmp_path_factory.mktemp("tls") / "till.pem"
    path.write_bytes(encode_key(key) + create_certificate(key))
    return path


@pytest.fixture
def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def test_a_payment_is_read_where_the_certificate_is_good(certificate, context, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with answering(json.dumps(TOLD).encode(), tls=context) as url, gateway_at(url) as gateway:
        assert asyncio.run(gateway.find("p1")).amount.minor == 29_900


def test_a_certificate_of_nobody_s_is_surely_not_asked(context):
    with (
        answering(json.dumps(TOLD).encode(), tls=context) as url,
        gateway_at(url) as gateway,
        pytest.raises(GatewayUnavailable) as away,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(away.value) is GatewayUnavailable


def answers_nothing(safe):
    """Read what comes, without the answer that TLS wants at its end."""
    with socket.socket(fileno=safe.detach()) as connection:
        silent(connection)


def test_a_silent_server_behind_tls_is_left(certificate, context, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        raw(answers_nothing, context) as url,
        gateway_at(url, deadline_s=HEARD_S) as gateway,
        pytest.raises(PaymentUnknown),
    ):
        asyncio.run(gateway.find("p1"))


def test_a_handshake_that_never_ends_is_left_and_was_not_asked():
    with (
        raw(silent) as url,
        gateway_at(url.replace("http:", "https:"), deadline_s=2) as gateway,
        pytest.raises(GatewayUnavailable) as away,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(away.value) is GatewayUnavailable
