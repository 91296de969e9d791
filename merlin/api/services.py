"""The dependencies of the API as one frozen value, built by the wiring."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request

from merlin.account.sign_ins import PRODUCTION
from merlin.app.context import Context
from merlin.course.documents import READING_S
from merlin.db.writer import Store
from merlin.providers.documents import ChildReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices(Context):
    """The dependencies of the API.

    `webhook_bot` is the bot whose updates Telegram posts here, None if the bot uses long polling;
    `telegram_secret` is the secret token of that webhook. `telegram_keys` are Telegram's public
    keys, which verify who opened a page inside Telegram.
    `git_secrets` are the accepted secrets of the git host. `reader` reads the files of imports,
    `document_reader` long documents.

    `body_bytes`: the longest dataset file, with each character as a JSON escape.
    """

    store: Store
    webhook_bot: int | None = None
    telegram_secret: str = field(default="", repr=False)
    telegram_keys: tuple[str, ...] = (PRODUCTION,)
    git_secrets: Sequence[str] = field(default=(), repr=False)
    reader: ChildReader = field(default_factory=ChildReader)
    document_reader: ChildReader = field(
        default_factory=partial(ChildReader, at_once=1, wall_s=READING_S)
    )
    body_bytes: int = 8 * 1024 * 1024


def services_of(request: Request) -> ApiServices:
    """Return the services of the application that handles this request."""
    services: ApiServices = request.app.state.services
    return services
