"""OpenID Connect: "Log In With Telegram" for public sites, as the standard says and no more.

Authorization Code with PKCE: what a browser set out with (`SignInState`) lies in its own cookie, so
that nobody can make it arrive with somebody else's code. Sources: OpenID Connect Core 1.0, 3.1;
RFC 7636; core.telegram.org/bots/telegram-login. Who it is says the claim `id`: Telegram's `sub`
is another one for each site.

The issuer's addresses are read from its own description; all of them must lie at its host, no
redirect is followed, and of its answers no more is read than they need.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import jwt

from merlin.account.sign_ins import MAX_ID
from merlin.config.settings import OpenIdConfig
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import join_surrogates
from merlin.core.loopback import is_loopback
from merlin.core.server import join_chunks

# Between setting out and arriving.
LIFE = timedelta(minutes=10)
_BYTES, _PARTS, _NAME_LENGTH = 32, 4, 129
# A browser keeps no cookie over 4096 bytes.
_MAX_RETURN_URL_LENGTH = 2048
_SEPARATOR = "."


class OpenIdRefused(MerlinError):
    """The issuer did not vouch for anybody, or not in words that can be believed."""


@dataclass(frozen=True, slots=True)
class SignInState:
    """What a browser set out with; none of it is ever in an address but `state` and `nonce`.

    `back` is the page that it is to come back to.
    """

    state: str
    nonce: str
    verifier: str
    back: str = "/"

    @property
    def challenge(self) -> str:
        """Return what the issuer is told of the verifier: its SHA-256 (S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def to_cookie(self) -> str:
        """Return it as one word, for a cookie."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        is_short = len(back) <= _MAX_RETURN_URL_LENGTH
        return _SEPARATOR.join((self.state, self.nonce, self.verifier, back if is_short else ""))


def new_sign_in_state(back: str = "/") -> SignInState:
    """Return what nobody can guess, and where it is to end."""
    state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
    return SignInState(state, nonce, verifier, back)


def read_sign_in_state(written: str, state: str) -> SignInState | None:
    """Return the sign-in of a cookie; None where it is not the one that comes back."""
    parts = written.split(_SEPARATOR)
    if len(parts) != _PARTS or not all(parts[:-1]):
        return None
    kept, nonce, verifier, back = parts
    if not hmac.compare_digest(kept.encode(), state.encode()):
        return None
    try:
        address = base64.urlsafe_b64decode(back.encode()).decode() or "/"
    except ValueError:
        address = "/"
    return SignInState(kept, nonce, verifier, address)


def person_from_claims(claims: Mapping[str, Any]) -> tuple[int, str]:
    """Return whom verified claims tell of: Telegram's number and a name.

    Raises OpenIdRefused for nobody of Telegram.
    """
    claimed_id = claims.get("id")
    user_id = (
        int(claimed_id)
        if isinstance(claimed_id, str) and claimed_id.isascii() and claimed_id.isdecimal()
        else claimed_id
    )
    if type(user_id) is not int or not 0 < user_id < MAX_ID:
        raise OpenIdRefused("the claims name nobody")
    name = claims.get("name")
    return user_id, join_surrogates(name)[:_NAME_LENGTH] if isinstance(name, str) else ""


ANSWER_S = 10.0
KNOWN_S = 3600.0
MAX_BYTES = 64 * 1024
_LEEWAY_S = 30
_ALGORITHMS = ("RS256", "ES256", "EdDSA")
_WANTED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Issuer:
    """One issuer; what it says of itself is asked again each hour.

    `secret` is ours there; `again_s`: how soon its keys are asked for again because one is not
    known.
    """

    def __init__(self, said: OpenIdConfig, secret: str, again_s: float = 30.0) -> None:
        self._said = said
        self._secret = secret
        self._again_s = again_s
        self._told: Mapping[str, Any] = {}
        self._told_at = 0.0
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = 0.0
        self._lock = asyncio.Lock()

    async def sign_in_url(self, sign_in: SignInState, redirect_uri: str) -> str:
        """Return where the browser is sent. Raises OpenIdRefused where the issuer is silent."""
        query = {
            "response_type": "code",
            "client_id": self._said.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile",
            "state": sign_in.state,
            "nonce": sign_in.nonce,
            "code_challenge": sign_in.challenge,
            "code_challenge_method": "S256",
        }
        return f"{(await self._description())['authorization_endpoint']}?{urlencode(query)}"

    async def fetch_person(
        self, code: str, sign_in: SignInState, redirect_uri: str
    ) -> tuple[int, str]:
        """Return number and name of who came back with this code. Raises OpenIdRefused."""
        description = await self._description()
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._said.client_id,
            "code_verifier": sign_in.verifier,
        }
        # RFC 6749, 2.3.1: both are written as in a form before they are joined.
        who = f"{quote_plus(self._said.client_id)}:{quote_plus(self._secret)}"
        headers = {"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"}
        answer = await self._answer(
            "POST", description["token_endpoint"], data=sent, headers=headers
        )
        return person_from_claims(await self._claims(str(answer.get("id_token", "")), sign_in))

    async def _claims(self, token: str, sign_in: SignInState) -> Mapping[str, Any]:
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._said.client_id,
                issuer=self._said.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["iss", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise OpenIdRefused(f"id_token: {error}") from error
        if claims.get("nonce") != sign_in.nonce:
            raise OpenIdRefused("id_token: another nonce")
        return claims

    async def _key(self, kid: str) -> jwt.PyJWK:
        async with self._lock:
            age_s = time.monotonic() - self._keys_at
            is_due = kid not in self._keys and age_s >= self._again_s
            if is_due or age_s > KNOWN_S or not self._keys:
                description = await self._description()
                found = await self._answer("GET", description["jwks_uri"])
                keys = jwt.PyJWKSet.from_dict(dict(found)).keys
                self._keys = {str(key.key_id): key for key in keys}
                self._keys_at = time.monotonic()
        if kid not in self._keys:
            raise OpenIdRefused("id_token: signed by an unknown key")
        return self._keys[kid]

    async def _description(self) -> Mapping[str, Any]:
        if not self._told or time.monotonic() - self._told_at > KNOWN_S:
            root = self._said.issuer.rstrip("/")
            document = await self._answer("GET", f"{root}/.well-known/openid-configuration")
            _check(document, self._said.issuer)
            self._told, self._told_at = document, time.monotonic()
        return self._told

    async def _answer(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url, allow_redirects=False, **more) as answer,
            ):
                if answer.status != 200:  # noqa: PLR2004 - OK
                    raise OpenIdRefused(f"the issuer answered {answer.status}")
                too_long = OpenIdRefused("the issuer's answer is too long")
                found = json.loads(
                    await join_chunks(answer.content.iter_any(), MAX_BYTES, too_long)
                )
        # A body of brackets within brackets ends Python's recursion, not its syntax.
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise OpenIdRefused(f"the issuer: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise OpenIdRefused("the issuer answered no object")
        return found


def _check(values: Mapping[str, Any], issuer: str) -> None:
    """Raise OpenIdRefused for a description of somebody else, or that leads elsewhere."""
    own = urlsplit(issuer)
    addresses = [urlsplit(str(values.get(name, ""))) for name in _WANTED]
    is_near = all(
        (address.scheme, address.netloc) == (own.scheme, own.netloc) for address in addresses
    )
    is_safe = own.scheme == "https" or is_loopback(own.hostname)
    if values.get("issuer") != issuer or not is_near or not is_safe:
        raise OpenIdRefused("the issuer's description leads elsewhere")
