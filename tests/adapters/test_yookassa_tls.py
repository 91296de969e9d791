"""The gateway over TLS: its certificate is judged, and a silent server is cut off there too."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from till_world import answering, gateway_at, raw, silent
from waiting import wait_until

from merlin.core.clock import utc_now
from merlin.core.errors import TillAway, TillDoubt

pytestmark = pytest.mark.functional

TOLD = {"id": "p1", "status": "pending", "amount": {"value": "299.00", "currency": "RUB"}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file of key and certificate of the loopback address, signed by the key itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "till.example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    shape = serialization.PrivateFormat.PKCS8
    path = tmp_path_factory.mktemp("tls") / "till.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, shape, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def till_threads():
    return sum(one.name.startswith("till") for one in threading.enumerate())


def test_a_payment_is_read_where_the_certificate_is_good(certificate, context, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with answering(json.dumps(TOLD).encode(), tls=context) as url, gateway_at(url) as gateway:
        assert asyncio.run(gateway.find("p1")).amount.minor == 29_900


def test_a_certificate_of_nobody_s_is_surely_not_asked(context):
    with (
        answering(json.dumps(TOLD).encode(), tls=context) as url,
        gateway_at(url) as gateway,
        pytest.raises(TillAway) as away,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(away.value) is TillAway


def test_a_silent_server_behind_tls_is_left_and_frees_its_thread(certificate, context, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    before = till_threads()
    with raw(silent, context) as url, gateway_at(url, deadline_s=0.3) as gateway:
        with pytest.raises(TillDoubt):
            asyncio.run(gateway.find("p1"))
        gateway.close()
        wait_until(lambda: till_threads() <= before)


def test_a_handshake_that_never_ends_is_left_and_was_not_asked():
    before = till_threads()
    with (
        raw(silent) as url,
        gateway_at(url.replace("http:", "https:"), deadline_s=0.3) as gateway,
    ):
        with pytest.raises(TillAway) as away:
            asyncio.run(gateway.find("p1"))
        assert type(away.value) is TillAway
        gateway.close()
        wait_until(lambda: till_threads() <= before)
