"""OpenID Connect: "Log In With Telegram" for public sites, as the standard says and no more.

Authorization Code with PKCE: what a browser set out with (`SignInState`) lies in its own cookie, so
that nobody can make it arrive with somebody else's code. Sources: OpenID Connect Core 1.0, 3.1;
RFC 7636; core.telegram.org/bots/telegram-login. Who it is says the claim `id`: Telegram's `sub`
is another one for each site.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from merlin.account.sign_ins import MOST_ID
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import join_surrogates

# Between setting out and arriving.
LIFE = timedelta(minutes=10)
_BYTES, _PARTS, _NAME_LENGTH = 32, 4, 129
# A browser keeps no cookie over 4096 bytes.
_LONGEST_BACK = 2048
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
        said = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(said).decode().rstrip("=")

    def to_cookie(self) -> str:
        """Return it as one word, for a cookie."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        is_short = len(back) <= _LONGEST_BACK
        return _SEPARATOR.join((self.state, self.nonce, self.verifier, back if is_short else ""))


@dataclass(frozen=True, slots=True)
class OpenIdPerson:
    """Whom the issuer vouches for, by Telegram's number."""

    user_id: int
    name: str


class Issuer(Protocol):
    """The service that knows people."""

    async def sign_in_url(self, sign_in: SignInState, redirect_uri: str) -> str:
        """Return where the browser is sent. Raises OpenIdRefused where the issuer is silent."""

    async def fetch_person(
        self, code: str, sign_in: SignInState, redirect_uri: str
    ) -> OpenIdPerson:
        """Return who came back with this code. Raises OpenIdRefused."""


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
    return SignInState(kept, nonce, verifier, _address_of(back))


def _address_of(written: str) -> str:
    try:
        return base64.urlsafe_b64decode(written.encode()).decode() or "/"
    except ValueError:
        return "/"


def person_from_claims(claims: Mapping[str, Any]) -> OpenIdPerson:
    """Return whom verified claims tell of. Raises OpenIdRefused for nobody of Telegram."""
    said = claims.get("id")
    user_id = int(said) if isinstance(said, str) and said.isascii() and said.isdecimal() else said
    if type(user_id) is not int or not 0 < user_id < MOST_ID:
        raise OpenIdRefused("the claims name nobody")
    name = claims.get("name")
    return OpenIdPerson(
        user_id, join_surrogates(name)[:_NAME_LENGTH] if isinstance(name, str) else ""
    )
