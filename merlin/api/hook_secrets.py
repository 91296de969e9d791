"""Who may call a hook: whoever proves that they know its secret, in the form of their service.

    X-Hub-Signature-256: sha256=…        GitHub, Gitea, Forgejo; Bitbucket without "-256"
    X-Gitea-Signature: …                 Gitea; Forgejo, Gogs by their own names
    X-Gitlab-Token: …                    GitLab, the secret itself
    webhook-id, -timestamp, -signature   Standard Webhooks: our engine, OpenAI, GitLab

A hook without a secret is called by programs of this machine alone, which no proxy called for.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.requests import Request

from merlin.api.services import ApiServices
from merlin.core.loopback import LOOPBACK, is_from, is_loopback
from merlin.core.webhook_signing import is_signed

_PREFIXED = ("x-hub-signature-256", "x-hub-signature")
_PLAIN = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
_TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name
_FORWARDED = ("x-forwarded-for", "forwarded")


def may_call(request: Request, hook: str, body: bytes) -> bool:
    """Return whether a call of a hook proves the secret, or needs none."""
    services: ApiServices = request.app.state.services
    secrets = services.hook_secrets.get(hook, ())
    if not secrets:
        return is_near(request, LOOPBACK)
    return is_proven(secrets, request.headers, body, services.clock())


def is_near(request: Request, networks: tuple[str, ...]) -> bool:
    """Return whether a call comes from one of these networks.

    One that a proxy passed on comes from where the proxy says, and never from this machine, also
    where the proxy is not believed.
    """
    host = request.client.host if request.client else ""
    is_passed_on = any(name in request.headers for name in _FORWARDED)
    return not (is_passed_on and is_loopback(host)) and is_from(host, networks)


def is_proven(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
) -> bool:
    """Return whether headers prove one of these secrets, each compared in constant time."""
    return any(
        _is_digest(secret, headers, body)
        or _is_same(headers.get(_TOKEN, ""), secret)
        or is_signed(secret, headers, body, now)
        for secret in secrets
    )


def _is_digest(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = [headers.get(name, "") for name in _PLAIN]
    prefix = "sha256="
    signed = (headers.get(name, "") for name in _PREFIXED)
    given += [each.removeprefix(prefix) for each in signed if each.startswith(prefix)]
    return any(_is_same(each, digest) for each in given)


def _is_same(given: str, secret: str) -> bool:
    # Header bytes come as latin-1; a secret that is longer than ASCII was sent as UTF-8.
    return hmac.compare_digest(given.encode("latin-1"), secret.encode())
