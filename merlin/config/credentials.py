"""Secrets: config.yaml names environment variables, or files of systemd's credentials folder."""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from merlin.config import Config, process_names
from merlin.config.faults import config_error
from merlin.config.settings import (
    DATABASE_PASSWORD,
    ENGINE_KEY,
    FORGE_TOKEN,
    GIT_HOOK_SECRET,
    GIT_LOGIN,
    PING_URL,
    PROXY_LOGIN,
    TEXT_KEY,
    RepositoryConfig,
    TelegramConfig,
)
from merlin.config.shop import (
    SHOP_ID,
    SHOP_KEY,
)
from merlin.core.errors import ConfigError
from merlin.core.log import hide_secrets

BOT_TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - a name


def credential(name: str, *, is_needed: bool = True, is_header: bool = True) -> str:
    """Return the secret `name` from the environment or a file in systemd's folder.

    Every secret read is taken out of the logs from then on. Raises ConfigError naming the
    variable, never its value, when it is needed and nowhere to be found, or not text, or if it
    cannot be sent in a header though `is_header`.
    """
    # A value from a file often ends with a newline, also when a container's tool hands it over.
    value = os.environ.get(name, "").strip() or _from_file(name)
    if not value and is_needed:
        raise ConfigError(
            f"credential {name} is missing", "credential-missing", name=name
        )
    if is_header and not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"credential {name} fits no header", "credential-no-header", name=name
        )
    hide_secrets([value])
    return value


def _from_file(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    # Closed to us: an operator's own account asks for what services alone are given.
    with suppress(PermissionError):
        if folder and (place := Path(folder, name)).is_file():
            try:
                return place.read_text(encoding="utf-8-sig").strip()
            except UnicodeDecodeError as error:
                named = {"name": name, "path": str(place)}
                raise ConfigError(
                    f"{place} is no text", "credential-not-text", **named
                ) from error
    return ""


def need_credentials(config: Config) -> None:
    """Raise ConfigError that names every credential which the processes of `merlin run` lack."""
    groups = [credentials_of(config, process) for process in process_names(config)]
    needed = [name for each in groups for name, is_needed in each.items() if is_needed]
    missing = [
        name
        for name in dict.fromkeys(needed)
        if not credential(name, is_needed=False, is_header=False)
    ]
    if missing:
        raise config_error(
            [{"key": "credential-missing", "arguments": {"name": n}} for n in missing]
        )


def credentials_of(config: Config, process: str) -> dict[str, bool]:
    """Return the credentials that a process asks for; False: it starts without this one too.

    Units and compose file load what this names where everything is switched on.
    """
    providers = [provider.credential for provider in config.providers]
    # Every machine with a state folder of its own would make its own key.
    has_shared_texts = not config.database.startswith("sqlite:")
    optional = {TEXT_KEY: has_shared_texts, DATABASE_PASSWORD: False}
    if process == "engine":
        return {ENGINE_KEY: True}
    if process == "daemon":
        has_statuses = (
            config.repository is not None and config.repository.statuses is not None
        )
        needed = [*providers, FORGE_TOKEN] if has_statuses else providers
        return (
            dict.fromkeys(needed, True) | optional | {PING_URL: False, GIT_LOGIN: False}
        )
    if process == "bot":
        return (
            dict.fromkeys([BOT_TOKEN, *providers], True)
            | optional
            | {PROXY_LOGIN: False}
        )
    needed = [BOT_TOKEN] if config.telegram.mode == "webhook" else []
    needed += [SHOP_ID, SHOP_KEY] if config.payments.yookassa is not None else []
    optional |= dict.fromkeys([GIT_HOOK_SECRET, *providers], False)
    return optional | dict.fromkeys(needed, True)


def bot_id(token: str) -> int:
    """Return the id that a token begins with. Raises ConfigError, whose words hide the token."""
    # It becomes a part of URLs: a blank or another alphabet in it would fail there.
    found = re.fullmatch(r"([0-9]+):[\w-]+", token, re.ASCII)
    if found is None:
        raise ConfigError("TELEGRAM_BOT_TOKEN is not a bot token", "bot-bad-token")
    return int(found[1])


def telegram_proxy(telegram: TelegramConfig) -> str:
    """Return the URL of the proxy with its login, "" where there is none."""
    return _with_login(telegram.proxy, PROXY_LOGIN) if telegram.proxy else ""


def repository_url(repository: RepositoryConfig) -> str:
    """Return the URL of the repository, of https with its login."""
    is_http = repository.url.startswith("http")
    return _with_login(repository.url, GIT_LOGIN) if is_http else repository.url


def _with_login(url: str, name: str) -> str:
    """Return a URL with the login of the credential `name`, if there is one."""
    login = credential(name, is_needed=False)
    if not login:
        return url
    user, _, password = login.partition(":")
    user = quote(user, safe="")
    quoted = quote(password, safe="")
    hide_secrets([password, quoted])
    return url.replace("://", f"://{user}:{quoted}@")


def webhook_secret(token: str) -> str:
    """Return the word that Telegram repeats with every update.

    It follows from the token, so bot and api agree on it without one more credential to keep.
    """
    return hashlib.sha256(f"merlin webhook {token}".encode()).hexdigest()
