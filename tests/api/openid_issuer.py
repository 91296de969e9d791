"""A small issuer of OpenID Connect over real HTTP, which lies where a test wants it to."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.http_servers import Handler, Server

ONE, TWO = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CLIENT, SECRET = "8700000001", "the-client-secret-of-tests"


class StandInIssuer(Server):
    """`claims` are laid over what is signed, `described` over its description.

    `keys` sign, and stand in its list unless `published` does. With `is_slow` every byte of an
    answer is sent on its own; `raw` is sent as it stands in the place of a description.
    """

    def __init__(self):
        self.keys, self.published = {"one": ONE}, {}
        self.signs_by = "one"
        self.claims, self.described = {}, {}
        self.is_slow, self.raw = False, b""
        self.asked = []
        self._journeys = {}
        super().__init__(_Handler)

    def allow(self, address, user_id=1001):
        """Say yes, as the person does on the issuer's page; return the code and the state."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self._journeys)}"
        self._journeys[code] = (asked, user_id)
        return code, asked["state"]

    def describe(self, path):
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            told = {
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
            }
            return {"issuer": self.url, **told, **self.described}
        return {"keys": [_public(kid, key) for kid, key in (self.published or self.keys).items()]}

    def token(self, sent, authorization):
        """Return the answer to a code, None for one that is not good."""
        document, user_id = self._journeys.pop(sent.get("code", ""), (None, 0))
        whole = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if document is None or authorization != f"Basic {whole}":
            return None
        if (
            challenge != document["code_challenge"]
            or sent["redirect_uri"] != document["redirect_uri"]
        ):
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "opaque", "id": user_id, "name": "Анна"}
        claims |= {"iat": now, "exp": now + 300, "nonce": document["nonce"], **self.claims}
        key = self.keys.get(self.signs_by) or next(iter(self.keys.values()))
        return {"id_token": jwt.encode(claims, key, "RS256", {"kid": self.signs_by})}


def _public(kid, key):
    document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**document, "kid": kid, "alg": "RS256"}


class _Handler(Handler):
    def get(self):
        self._answer(self.server.describe(self.path), self.server.raw)

    def post(self):
        sent = {name: values[0] for name, values in parse_qs(self.body().decode()).items()}
        self._answer(self.server.token(sent, self.headers.get("Authorization", "")))

    def _answer(self, told, raw=b""):
        body = raw or json.dumps(told or {"error": "invalid_grant"}).encode()
        is_slow = self.server.is_slow
        self.answer(200 if told else 400, b"" if is_slow else body, Content_Length=len(body))
        for byte in body if is_slow else b"":
            self.wfile.write(bytes([byte]))
