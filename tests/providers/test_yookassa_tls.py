"""The gateway over TLS: certificate checks and the deadline for a silent server."""

import asyncio
import json
import socket
import ssl

import pytest

from merlin.core.errors import GatewayUnavailable, PaymentUnknown
from tests.providers.yookassa_calls import (
    SENT_S,
    open_gateway,
    read_until_closed,
    run_raw_server,
    run_server,
)
from tests.support.certificates import create_certificate, encode_key, generate_key

pytestmark = pytest.mark.functional

PAYMENT = {"id": "p1", "status": "pending", "amount": {"value": "299.00", "currency": "RUB"}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and a certificate."""
    key = generate_key()
    path = tmp_path_factory.mktemp("tls") / "gateway.pem"
    path.write_bytes(encode_key(key) + create_certificate(key))
    return path


@pytest.fixture
def context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_payment_is_read_with_a_valid_certificate(certificate, context, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with run_server(json.dumps(PAYMENT).encode(), tls=context) as url, open_gateway(url) as gateway:
        assert asyncio.run(gateway.find("p1")).amount.minor == 29_900


def test_untrusted_certificate_raises_gateway_unavailable(context):
    with (
        run_server(json.dumps(PAYMENT).encode(), tls=context) as url,
        open_gateway(url) as gateway,
        pytest.raises(GatewayUnavailable) as unavailable,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(unavailable.value) is GatewayUnavailable


def read_without_tls(tls_connection):
    """Read without TLS until the client disconnects: the closing handshake gets no answer."""
    with socket.socket(fileno=tls_connection.detach()) as connection:
        read_until_closed(connection)


def test_silent_server_behind_tls_times_out(certificate, context, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        run_raw_server(read_without_tls, context) as url,
        open_gateway(url, deadline_s=SENT_S) as gateway,
        pytest.raises(PaymentUnknown),
    ):
        asyncio.run(gateway.find("p1"))


def test_endless_handshake_raises_gateway_unavailable():
    with (
        run_raw_server(read_until_closed) as url,
        open_gateway(url.replace("http:", "https:"), deadline_s=2) as gateway,
        pytest.raises(GatewayUnavailable) as unavailable,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(unavailable.value) is GatewayUnavailable
