"""A small issuer of OpenID Connect over real HTTP, which lies where a test wants it to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ONE, TWO = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CLIENT, SECRET = "8700000001", "the-client-secret-of-tests"


class StandInIssuer:
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

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def allow(self, address, user_id=1001):
        """Say yes, as the person does on the issuer's page; return the code and the state."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self._journeys)}"
        self._journeys[code] = (asked, user_id)
        return code, asked["state"]

    def get(self, path):
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
        asked, user_id = self._journeys.pop(sent.get("code", ""), (None, 0))
        whole = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or authorization != f"Basic {whole}":
            return None
        if challenge != asked["code_challenge"] or sent["redirect_uri"] != asked["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "opaque", "id": user_id, "name": "Анна"}
        claims |= {"iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.claims}
        key = self.keys.get(self.signs_by) or next(iter(self.keys.values()))
        return {"id_token": jwt.encode(claims, key, "RS256", {"kid": self.signs_by})}


def _public(kid, key):
    told = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**told, "kid": kid, "alg": "RS256"}


def _handler(issuer):
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self):
            self._answer(issuer.get(self.path), issuer.raw)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(issuer.token(sent, self.headers.get("Authorization", "")))

        def _answer(self, told, raw=b""):
            body = raw or json.dumps(told or {"error": "invalid_grant"}).encode()
            self.send_response(200 if told else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            size = 1 if issuer.is_slow else len(body)
            for start in range(0, len(body), size):
                self.wfile.write(body[start : start + size])

        def log_message(self, *_):
            """Say nothing."""

    return Handler
