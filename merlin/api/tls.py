"""TLS: the listener's own certificate, for who has no proxy that brings https."""

from __future__ import annotations

import ssl
from pathlib import Path

from merlin.core.errors import ConfigError


def tls_context(certificate: Path, private_key: Path) -> ssl.SSLContext:
    """Return what a listener needs: TLS 1.2 at least, the certificate with its chain (PEM).

    Raises ConfigError, which says what to do, for a file that is missing, cannot be read or is
    no PEM, and for a key that is another certificate's or needs a password.
    """
    for name, path in (("certificate", certificate), ("key", private_key)):
        _check(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    told = {"certificate": str(certificate), "private": str(private_key)}
    try:
        # Without an answer of ours OpenSSL would ask for a password at the terminal.
        context.load_cert_chain(certificate, private_key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        words = f"api.tls: {certificate} and {private_key}: {reason}"
        raise ConfigError(words, "api-tls-mismatch", reason=str(reason), **told) from error
    return context


def _check(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"api.tls.{name}: {path}: {reason}",
            "api-tls-unreadable",
            setting=f"api.tls.{name}",
            path=str(path),
            reason=reason,
        ) from error


def _no_password() -> bytes:
    raise ValueError("the key is encrypted with a password")
