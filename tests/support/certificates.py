"""Self-signed keys and certificates for the loopback address, for tests over TLS."""

from datetime import timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from merlin.core.clock import utc_now


def generate_key():
    return ec.generate_private_key(ec.SECP256R1())


def encode_key(key, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else None
    key_format = serialization.PrivateFormat.PKCS8
    return key.private_bytes(
        serialization.Encoding.PEM,
        key_format,
        encryption or serialization.NoEncryption(),
    )


def create_certificate(key, days=1):
    """Return a PEM certificate for 127.0.0.1, valid since two days ago for `days` from now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "merlin.example.com")])
    alternative_name = x509.SubjectAlternativeName(
        [x509.IPAddress(ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utc_now() - timedelta(days=2))
        .not_valid_after(utc_now() + timedelta(days=days))
        .add_extension(alternative_name, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
