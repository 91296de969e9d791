"""What several keys of config.yaml cannot mean together, and what this machine lacks for them."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from merlin.config import Config, is_engine
from merlin.config.engine import engine_faults
from merlin.config.faults import (
    Wrong,
    wrong_at,
)
from merlin.config.settings import ENGINE_KEY
from merlin.config.shop import plan_faults
from merlin.core.encoder import FOLDER_FILES, FOLDER_PACKAGES
from merlin.core.errors import ConfigError
from merlin.core.network import is_loopback, postgresql_parameters


def list_conflicts(config: Config) -> Iterator[Wrong]:
    """Yield what several keys cannot mean together, and what this machine lacks."""
    if config.encoder is not None:
        yield from _encoder_faults(config.encoder)
    yield from _provider_faults(config)
    if config.repository is not None and "" in (config.repository.forge or ()):
        yield wrong_at("repository", "statuses", key="config-no-forge")
    if config.telegram.mode == "webhook" and not config.telegram.webhook_url:
        yield wrong_at("telegram", key="config-missing-key", name="webhook_url")
    yield from _database_faults(config)
    if not config.allow_plain_http:
        for steps, url in addresses(config):
            if url and _is_open(url):
                yield wrong_at(*steps, key="config-not-https", url=url)
    yield from engine_faults(config.engine)
    if _is_engine_in_the_way(config):
        section = "engine" if "listen" in config.engine.model_fields_set else "api"
        yield wrong_at(
            section, "listen", key="config-same-port", found=config.api.listen
        )
    yield from plan_faults(config.plans, config.payments)
    if config.payments.yookassa is not None and not config.api.public_url:
        yield wrong_at("payments", "yookassa", key="config-no-public-url")


def _encoder_faults(folder: Path) -> Iterator[Wrong]:
    for path in (folder / name for name in FOLDER_FILES):
        if not path.is_file():
            yield wrong_at("encoder", key="config-no-file", path=str(path))
    if missing := [name for name in FOLDER_PACKAGES if find_spec(name) is None]:
        yield wrong_at(
            "encoder", key="config-encoder-needs", packages=" ".join(missing)
        )


def _provider_faults(config: Config) -> Iterator[Wrong]:
    for number, provider in enumerate(config.providers):
        if config.provider(provider.name) is not provider:
            yield wrong_at(
                "providers",
                number,
                "name",
                key="config-provider-twice",
                provider=provider.name,
            )
    known = {provider.name for provider in config.providers}
    for place, choice in config.named_models.items():
        if choice.provider not in known:
            yield wrong_at(
                "chat", place, key="config-no-provider", provider=choice.provider
            )


def _is_open(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme != "https" and not is_loopback(parts.hostname)


def _is_engine_in_the_way(config: Config) -> bool:
    """Return whether the engine's address is the api's; on another machine it may be."""
    host, port = config.engine.address
    api_host, api_port = config.api.address
    is_elsewhere = any(
        each.credential == ENGINE_KEY
        and not is_loopback(urlsplit(each.base_url).hostname)
        and not is_engine(config, each)
        for each in config.providers
    )
    hosts = {host.replace("localhost", "127.0.0.1") for host in (host, api_host)}
    is_same_host = len(hosts) == 1 or hosts & {"0.0.0.0", "::"}  # noqa: S104 - compared
    return port == api_port and bool(is_same_host) and not is_elsewhere


def _database_faults(config: Config) -> Iterator[Wrong]:
    """Yield a fault where libpq cannot read the address, or would not verify an outside host."""
    if not config.database.startswith("postgresql"):
        return
    try:
        named = postgresql_parameters(config.database)
    except ConfigError as error:
        yield wrong_at("database", key=error.key, **error.arguments)
        return
    # There may be several servers, and parameters override the parts before them.
    hosts = [
        host for key in ("host", "hostaddr") for host in named.get(key, "").split(",")
    ]
    is_near = all(
        not host or host.startswith(("/", "@")) or is_loopback(host) for host in hosts
    )
    if (
        not (is_near or config.allow_plain_http)
        and named.get("sslmode") != "verify-full"
    ):
        yield wrong_at("database", key="config-open-database")


def addresses(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the ways to the keys that name an address outside, with the address."""
    for number, provider in enumerate(config.providers):
        yield ("providers", number, "base_url"), provider.base_url
    if config.repository is not None and config.repository.forge is not None:
        yield ("repository", "statuses", "url"), config.repository.forge[0]
    if config.payments.yookassa is not None:
        yield ("payments", "yookassa", "base_url"), config.payments.yookassa.base_url
    yield ("telegram", "base_url"), config.telegram.base_url
    yield ("telegram", "webhook_url"), config.telegram.webhook_url
    yield ("telegram", "link_url"), config.telegram.link_url
    yield ("api", "public_url"), config.api.public_url
