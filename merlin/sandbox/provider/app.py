"""The provider's stand-in as an ASGI application, run in a thread by tests.

It serves chat, audio and models.
"""

import hmac
from functools import partial
from typing import Any

from starlette.requests import Request

from merlin.openai_protocol.errors import ApiError, unknown_model
from merlin.openai_protocol.responses import list_object, model_object
from merlin.sandbox.provider.chat import (
    CHAT_MODEL,
    CREATED_AT,
    VOICE_MODEL,
    Account,
    create_completion,
    transcribe,
)
from merlin.sandbox.server import ApiRoute, ApiStandIn


class ProviderStandIn(ApiStandIn):
    """A stand-in of a provider; `with ProviderStandIn() as provider:`.

    With a `key` every request needs it as a bearer token; without one any token is accepted, but
    one is required.
    """

    def __init__(self, account: Account | None = None, *, key: str = "", port: int = 0) -> None:
        self._account = account or Account()
        self._key = key
        super().__init__(port, self._routes())

    def check_key(self, request: Request) -> None:
        """Raise ApiError 401 without the key."""
        self._require_key(request, "bearer")

    def _require_key(self, request: Request, scheme: str) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != scheme or not key:
            raise ApiError(401, "You didn't provide an API key.")
        if self._key and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise ApiError(401, "Incorrect API key provided.")

    def _routes(self) -> list[ApiRoute]:
        """Return the API's routes."""
        account = self._account
        return [
            ("chat.create", "POST", "/v1/chat/completions", partial(create_completion, account)),
            ("audio.transcribe", "POST", "/v1/audio/transcriptions", partial(transcribe, account)),
            ("models.list", "GET", "/v1/models", lambda: list_object(self._models())),
            ("models.retrieve", "GET", "/v1/models/{name:path}", self._model),
        ]

    def _models(self) -> list[dict[str, Any]]:
        """Return every available model; the chat model first."""
        window = self._account.behaviour.context_window
        names = (CHAT_MODEL, VOICE_MODEL)
        return [model_object(name, CREATED_AT, "stand-in", context_window=window) for name in names]

    def _model(self, name: str) -> dict[str, Any]:
        for model in self._models():
            if model["id"] == name:
                return model
        raise unknown_model(name)
