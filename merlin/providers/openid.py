"""OpenID Connect: "Log In With Telegram" for public sites.

Authorization Code flow with PKCE. The state of a sign-in (`SignInState`) is stored in the browser's
cookie, which prevents signing in with another person's code. Sources: OpenID Connect Core 1.0, 3.1;
RFC 7636; core.telegram.org/bots/telegram-login. The claim `id` identifies the person: Telegram's
`sub` differs per site.

The issuer's endpoints are read from its discovery document and must be on its own host; redirects
are not followed, and response sizes are limited.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp

from merlin.config.settings import OpenIdConfig
from merlin.core.errors import MerlinError, ProviderError
from merlin.core.formatted_text import join_surrogates
from merlin.core.json_fields import is_telegram_id, parse_object
from merlin.core.network import is_loopback
from merlin.core.server import join_chunks
from merlin.openai_protocol.client import call_errors

if TYPE_CHECKING:  # Imported at the first sign-in: 2 MB that an API without OpenID does not need.
    import jwt

# The maximum time between the start and the end of a sign-in.
LIFETIME = timedelta(minutes=10)
_BYTES, _PARTS, _NAME_LENGTH = 32, 4, 129
# Browsers reject cookies of more than 4096 bytes.
_MAX_RETURN_URL_LENGTH = 2048
_SEPARATOR = "."


class OpenIdRefused(MerlinError):
    """The sign-in failed: the issuer's response is missing, invalid or without a user id."""


@dataclass(frozen=True, slots=True)
class SignInState:
    """The state of a sign-in in progress; only `state` and `nonce` are sent in URLs.

    `back` is the page to return to.
    """

    state: str
    nonce: str
    verifier: str
    back: str = "/"

    @property
    def challenge(self) -> str:
        """Return the PKCE code challenge: the verifier's SHA-256 (S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def to_cookie(self) -> str:
        """Return it as the value of a cookie."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        is_short = len(back) <= _MAX_RETURN_URL_LENGTH
        return _SEPARATOR.join((self.state, self.nonce, self.verifier, back if is_short else ""))


def new_sign_in_state(back: str = "/") -> SignInState:
    """Return a new state with random values; `back` is the page to return to."""
    state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
    return SignInState(state, nonce, verifier, back)


def read_sign_in_state(cookie: str, state: str) -> SignInState | None:
    """Return the sign-in of a cookie, None if it is invalid or has another `state`."""
    parts = cookie.split(_SEPARATOR)
    if len(parts) != _PARTS or not all(parts[:-1]):
        return None
    stored_state, nonce, verifier, back = parts
    if not hmac.compare_digest(stored_state.encode(), state.encode()):
        return None
    try:
        address = base64.urlsafe_b64decode(back.encode()).decode() or "/"
    except ValueError:
        address = "/"
    return SignInState(stored_state, nonce, verifier, address)


def person_from_claims(claims: Mapping[str, Any]) -> tuple[int, str]:
    """Return the Telegram id and name in verified claims. Raises OpenIdRefused without an id."""
    claimed_id = claims.get("id")
    user_id = (
        int(claimed_id)
        if isinstance(claimed_id, str) and claimed_id.isascii() and claimed_id.isdecimal()
        else claimed_id
    )
    if not is_telegram_id(user_id):
        raise OpenIdRefused("the claims have no user id")
    name = claims.get("name")
    return user_id, join_surrogates(name)[:_NAME_LENGTH] if isinstance(name, str) else ""


ANSWER_S = 10.0
CACHE_S = 3600.0
MAX_RESPONSE_BYTES = 64 * 1024
_LEEWAY_S = 30
_ALGORITHMS = ("RS256", "ES256", "EdDSA")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Issuer:
    """One OpenID issuer; its discovery document is cached for an hour.

    `secret` is the client secret; `again_s` is the minimum time between two requests for its keys
    if a key is unknown.
    """

    def __init__(self, config: OpenIdConfig, secret: str, again_s: float = 30.0) -> None:
        self._config = config
        self._secret = secret
        self._again_s = again_s
        self._document: Mapping[str, Any] = {}
        self._document_at = 0.0
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = 0.0
        self._lock = asyncio.Lock()

    async def sign_in_url(self, sign_in: SignInState, redirect_uri: str) -> str:
        """Return the authorization URL. Raises OpenIdRefused if the issuer cannot be reached."""
        query = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile",
            "state": sign_in.state,
            "nonce": sign_in.nonce,
            "code_challenge": sign_in.challenge,
            "code_challenge_method": "S256",
        }
        return f"{(await self._fetch_description())['authorization_endpoint']}?{urlencode(query)}"

    async def fetch_person(
        self, code: str, sign_in: SignInState, redirect_uri: str
    ) -> tuple[int, str]:
        """Exchange the code for the person's Telegram id and name. Raises OpenIdRefused."""
        description = await self._fetch_description()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._config.client_id,
            "code_verifier": sign_in.verifier,
        }
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        credentials = f"{quote_plus(self._config.client_id)}:{quote_plus(self._secret)}"
        headers = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}
        answer = await self._request(
            "POST", description["token_endpoint"], data=form, headers=headers
        )
        return person_from_claims(
            await self._verify_token(str(answer.get("id_token", "")), sign_in)
        )

    async def _verify_token(self, token: str, sign_in: SignInState) -> Mapping[str, Any]:
        import jwt  # noqa: PLC0415 - see above

        try:
            key = await self._find_key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._config.client_id,
                issuer=self._config.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["iss", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise OpenIdRefused(f"id_token: {error}") from error
        if claims.get("nonce") != sign_in.nonce:
            raise OpenIdRefused("id_token: another nonce")
        return claims

    async def _find_key(self, kid: str) -> jwt.PyJWK:
        from jwt import PyJWKSet  # noqa: PLC0415 - see above

        async with self._lock:
            age_s = time.monotonic() - self._keys_at
            is_due = kid not in self._keys and age_s >= self._again_s
            if is_due or age_s > CACHE_S or not self._keys:
                description = await self._fetch_description()
                body = await self._request("GET", description["jwks_uri"])
                keys = PyJWKSet.from_dict(dict(body)).keys
                self._keys = {str(key.key_id): key for key in keys}
                self._keys_at = time.monotonic()
        if kid not in self._keys:
            raise OpenIdRefused("id_token: signed by an unknown key")
        return self._keys[kid]

    async def _fetch_description(self) -> Mapping[str, Any]:
        if not self._document or time.monotonic() - self._document_at > CACHE_S:
            root = self._config.issuer.rstrip("/")
            document = await self._request("GET", f"{root}/.well-known/openid-configuration")
            # The discovery document must not have another issuer or foreign endpoints.
            own = urlsplit(self._config.issuer)
            addresses = [urlsplit(str(document.get(name, ""))) for name in _ENDPOINTS]
            is_near = all(
                (address.scheme, address.netloc) == (own.scheme, own.netloc)
                for address in addresses
            )
            is_safe = own.scheme == "https" or is_loopback(own.hostname)
            if document.get("issuer") != self._config.issuer or not is_near or not is_safe:
                raise OpenIdRefused("the issuer's description leads elsewhere")
            self._document, self._document_at = document, time.monotonic()
        return self._document

    async def _request(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            with call_errors():
                async with (
                    aiohttp.ClientSession(timeout=timeout) as session,
                    session.request(method, url, allow_redirects=False, **more) as answer,
                ):
                    if answer.status != 200:  # noqa: PLR2004 - OK
                        raise OpenIdRefused(f"HTTP {answer.status}")
                    too_long = OpenIdRefused("the answer does not end")
                    return parse_object(
                        await join_chunks(answer.content.iter_any(), MAX_RESPONSE_BYTES, too_long)
                    )
        except ProviderError as error:
            raise OpenIdRefused(str(error)) from error
        except ValueError as error:
            raise OpenIdRefused("the provider's answer is unreadable") from error
