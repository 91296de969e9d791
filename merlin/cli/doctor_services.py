"""What `merlin doctor` asks outside: git, forge, Telegram, providers, payments, sign-in, proxy."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from merlin.cli.doctor_machine import ANSWER_S, Good, fault
from merlin.cli.health import plain_reason
from merlin.config import BOT_TOKEN, Config, bot_id, credential
from merlin.config.settings import (
    ModelChoice,
    OpenIdConfig,
    ProviderConfig,
    RepositoryConfig,
    TelegramConfig,
)
from merlin.config.shop import YooKassaConfig
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, PaymentError
from merlin.git.repository import GitSource
from merlin.providers.documents import is_walled
from merlin.providers.openid import Issuer, OpenIdRefused, new_sign_in_state
from merlin.wiring.context import yookassa_gateway
from merlin.wiring.daemon import forge_of, trainer

_HOUR_S = 3600


def check_git() -> Good:
    """Look for git."""
    path = shutil.which("git")
    if path is None:
        raise ConfigError("git is not installed", "git-absent")
    return "doctor-program", {"path": path}


def check_repository(repository: RepositoryConfig) -> Good:
    """Ask the repository itself; the mirror is the daemon's."""
    told = {"url": repository.url, "branch": repository.branch}
    with _source(repository) as source:
        newest = source.newest()
    if newest is None:
        raise fault("doctor-no-branch", **told)
    return "doctor-repository", {"commit": newest[:7], **told}


def check_push(repository: RepositoryConfig) -> Good:
    """Ask the repository whether it would take a push, without one."""
    with _source(repository) as source:
        source.check_push()
    return "doctor-push", {}


@contextmanager
def _source(repository: RepositoryConfig) -> Iterator[GitSource]:
    place = (repository.url, repository.branch, repository.directory)
    with TemporaryDirectory(prefix="merlin-") as folder:
        yield GitSource(*place, Path(folder), timeout_s=ANSWER_S)


def check_forge(config: Config) -> Good:
    """Ask the forge for the project by the token; whether it may write nobody tells beforehand."""
    forge = forge_of(config)
    if forge is None:
        raise ConfigError("no forge", "config-no-forge")
    with closing(forge):
        forge.check()
    return "doctor-forge", {"project": forge.project}


def check_telegram(base_url: str) -> Good:
    """Ask Telegram whose token it is."""
    return "doctor-telegram", {"bot": _ask_telegram(base_url, "getMe", "username")["username"]}


def check_webhook(telegram: TelegramConfig) -> Good:
    """Ask Telegram where updates go, and whether they arrive there."""
    told = _ask_telegram(telegram.base_url, "getWebhookInfo", "url")
    url, wanted = str(told["url"]), telegram.webhook_url if telegram.mode == "webhook" else ""
    if url != wanted:
        key = "doctor-other-webhook" if wanted else "doctor-webhook-set"
        raise fault(key, url=url or "-", wanted=wanted)
    since = utc_now().timestamp() - _HOUR_S
    if int(told.get("last_error_date", 0)) > since:
        told = {"waiting": told["pending_update_count"], "reason": told["last_error_message"]}
        raise fault("doctor-webhook-fails", url=url, **told)
    return "doctor-webhook" if url else "doctor-polling", {"url": url}


def _ask_telegram(base_url: str, method: str, field: str) -> Mapping[str, Any]:
    """Return the object with this field that Telegram answers; no error holds the token."""
    token = credential(BOT_TOKEN)
    bot_id(token)
    try:
        with urllib.request.urlopen(f"{base_url}/bot{token}/{method}", timeout=ANSWER_S) as answer:  # noqa: S310 - judged when the configuration was read
            result: dict[str, Any] = json.load(answer)["result"]
            return {field: result[field], **result}
    except urllib.error.HTTPError as error:
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            raise ConfigError("Telegram does not know the token", "bot-bad-token") from None
        raise fault("doctor-telegram-away", url=base_url, reason=plain_reason(error)) from None
    except OSError as error:
        raise fault("doctor-telegram-away", url=base_url, reason=plain_reason(error)) from None
    except (ValueError, KeyError, TypeError):
        reason = "not an answer of the Bot API"
        raise fault("doctor-telegram-away", url=base_url, reason=reason) from None


def check_walls() -> Good:
    """Look whether the kernel keeps the reader of people's documents from files and network."""
    if not is_walled():
        raise fault("doctor-no-walls")
    return "doctor-walls", {}


def check_provider(provider: ProviderConfig) -> Good:
    """Ask a provider for its models."""
    with trainer(provider, ANSWER_S) as service:
        return "doctor-provider", {"count": len(service.models())}


def check_model(config: Config, choice: ModelChoice) -> Good:
    """Ask a provider whether it has a model that is relied on."""
    name, model = choice.pair
    provider = config.provider(name)
    if provider is None:
        raise ConfigError("no such provider", "config-no-provider", provider=name)
    with trainer(provider, ANSWER_S) as service:
        if model not in {each.model_id for each in service.models()}:
            raise fault("doctor-no-model", model=model, provider=name)
    return "doctor-model", {"model": model, "provider": name}


def check_yookassa(shop: YooKassaConfig) -> Good:
    """Ask YooKassa for the payments of the last minute."""
    now = utc_now()
    try:
        asyncio.run(yookassa_gateway(shop).between(now - timedelta(minutes=1), now))
    except PaymentError as error:
        raise fault("doctor-no-shop", reason=str(error)) from None
    return "doctor-shop", {}


def check_openid(said: OpenIdConfig) -> Good:
    """Ask the issuer for its description."""
    issuer = Issuer(said, credential(said.credential))
    try:
        asyncio.run(issuer.sign_in_url(new_sign_in_state(), said.issuer))
    except OpenIdRefused as error:
        raise fault("doctor-no-issuer", issuer=said.issuer, reason=str(error)) from None
    return "doctor-issuer", {"issuer": said.issuer}


def check_public_url(url: str) -> Good:
    """Ask the api as people reach it, through names, proxy and certificate."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/healthz", timeout=ANSWER_S):  # noqa: S310 - as above
            return "doctor-public", {"url": url}
    except OSError as error:
        raise fault("doctor-not-public", url=url, reason=plain_reason(error)) from None
