"""What the api needs, as one frozen value that wiring fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from merlin.account.sign_ins import PRODUCTION
from merlin.app.context import Context
from merlin.chat.answer import RetryPolicy
from merlin.core.connections import Connections
from merlin.db.writer import Store
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openid import Issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices(Context):
    """What the api works with.

    `webhook_bot` is the bot whose updates Telegram brings here, None where the bot asks Telegram
    itself and there is no telegram hook; `telegram_secret` is the word that Telegram repeats.
    `answerers` are the providers by name, `patience` how patient questions under /v1 are with them.
    `telegram_keys` are Telegram's public keys, `bot_token` the bot's where this process has it:
    both prove who opened a page within Telegram. `issuer` is the one of OpenID Connect, None: not
    switched on. `connections` are those of the server. `hook_secrets` are those of a hook by its
    name, each of which proves a call.

    `body_bytes`: the longest file of a dataset, where JSON writes each letter as an escape.
    `bodies_bytes`: all large bodies under way together. `kept_bytes`: answers about the catalogue
    that are kept. `list_at_once`: without a limit, a longer catalogue comes in parts after all.
    """

    store: Store
    webhook_bot: int | None = None
    telegram_secret: str = field(default="", repr=False)
    answerers: Mapping[str, OpenAIChat] = field(default_factory=dict)
    patience: RetryPolicy = field(default_factory=RetryPolicy)
    telegram_keys: tuple[str, ...] = (PRODUCTION,)
    bot_token: str = field(default="", repr=False)
    issuer: Issuer | None = None
    connections: Connections = field(default_factory=Connections)
    hook_secrets: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    body_bytes: int = 8 * 1024 * 1024
    bodies_bytes: int = 64 * 1024 * 1024
    kept_bytes: int = 32 * 1024 * 1024
    list_at_once: int = 1_000


def services_of(request: Request) -> ApiServices:
    """Return what the application works with that this call came to."""
    services: ApiServices = request.app.state.services
    return services
