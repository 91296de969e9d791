"""The gateway over TLS: certificate checks and the deadline for a silent server."""

import asyncio
import json
import ssl

import pytest

from merlin.core.errors import GatewayUnavailable
from tests.providers.yookassa_calls import (
    open_gateway,
    run_server,
)
from tests.support.certificates import create_certificate, encode_key, generate_key

pytestmark = pytest.mark.functional

PAYMENT = {
    "id": "p1",
    "status": "pending",
    "amount": {"value": "299.00", "currency": "RUB"},
}


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


def test_untrusted_certificate_raises_gateway_unavailable(context):
    with (
        run_server(json.dumps(PAYMENT).encode(), tls=context) as url,
        open_gateway(url) as gateway,
        pytest.raises(GatewayUnavailable) as unavailable,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(unavailable.value) is GatewayUnavailable
