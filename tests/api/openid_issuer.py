"""A small OpenID Connect issuer over real HTTP whose answers a test can falsify."""

import base64
import hashlib
import json
import time
from functools import cache
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.http_servers import Handler, Server

CLIENT, SECRET = "8700000001", "the-client-secret-of-tests"


@cache
def make_key(name):
    """Return the RSA key of this name, made where it is first used."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class StandInIssuer(Server):
    """`claims` override the claims of the token, `discovery` the discovery document.

    `keys` sign the tokens and are published, unless `published` is set. With `is_slow` every byte
    of a response is sent on its own; `raw` is sent instead of the discovery document.
    """

    def __init__(self):
        self.keys, self.published = {"one": make_key("one")}, {}
        self.signs_by = "one"
        self.claims, self.discovery = {}, {}
        self.is_slow, self.raw = False, b""
        self.requested_paths = []
        self._codes = {}
        super().__init__(_Handler)

    def allow(self, address, user_id=1001):
        """Approve a sign-in, as the user does on the issuer's page; return code and state."""
        query = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self._codes)}"
        self._codes[code] = (query, user_id)
        return code, query["state"]

    def document_at(self, path):
        self.requested_paths.append(path)
        if path == "/.well-known/openid-configuration":
            endpoints = {
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
            }
            return {"issuer": self.url, **endpoints, **self.discovery}
        return {"keys": [_public(kid, key) for kid, key in (self.published or self.keys).items()]}

    def exchange_code(self, form, authorization):
        """Return the token response for a code, None for an invalid one."""
        request, user_id = self._codes.pop(form.get("code", ""), (None, 0))
        credentials = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if request is None or authorization != f"Basic {credentials}":
            return None
        if (
            challenge != request["code_challenge"]
            or form["redirect_uri"] != request["redirect_uri"]
        ):
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "opaque", "id": user_id, "name": "Анна"}
        claims |= {"iat": now, "exp": now + 300, "nonce": request["nonce"], **self.claims}
        key = self.keys.get(self.signs_by) or next(iter(self.keys.values()))
        return {"id_token": jwt.encode(claims, key, "RS256", {"kid": self.signs_by})}


def _public(kid, key):
    document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**document, "kid": kid, "alg": "RS256"}


class _Handler(Handler):
    def get(self):
        self._answer(self.server.document_at(self.path), self.server.raw)

    def post(self):
        form = {name: values[0] for name, values in parse_qs(self.body().decode()).items()}
        self._answer(self.server.exchange_code(form, self.headers.get("Authorization", "")))

    def _answer(self, document, raw=b""):
        body = raw or json.dumps(document or {"error": "invalid_grant"}).encode()
        is_slow = self.server.is_slow
        self.answer(200 if document else 400, b"" if is_slow else body, Content_Length=len(body))
        for byte in body if is_slow else b"":
            self.wfile.write(bytes([byte]))
