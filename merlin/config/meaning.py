"""What a configuration of the right shape cannot mean: unknown names, addresses in the open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from merlin.config.faults import Fault, at
from merlin.core.clock import has_zones, is_zone
from merlin.core.loopback import is_loopback

if TYPE_CHECKING:
    from merlin.config import Config


def unmeant(config: Config) -> Iterator[Fault]:
    """Yield a fault for every key that cannot be meant as it stands."""
    # A machine without any time zones says so when it needs one; there no name can be judged.
    if has_zones() and not is_zone(config.timezone):
        yield at("timezone", "config-no-zone", zone=config.timezone)
    yield from _unknown_providers(config)
    if not config.allows_plain:
        yield from _in_the_open(config)


def _unknown_providers(config: Config) -> Iterator[Fault]:
    known = {provider.name for provider in config.providers}
    named = [(each.purpose, each.provider) for each in config.relies_on if each.purpose != "preset"]
    named += [
        (f"presets.{each.name}.model", each.model[0]) for each in config.presets if each.model
    ]
    for place, provider in named:
        if provider not in known:
            yield at(f"chat.{place}.provider", "config-no-provider", provider=provider)


def _in_the_open(config: Config) -> Iterator[Fault]:
    """Yield a fault for every outside address that is neither encrypted nor on this machine."""
    for place, url in _addresses(config):
        if url and not _is_safe(url):
            yield at(place, "config-not-https", url=url)
    url = config.repository.url if config.repository else ""
    if "://" in url and urlsplit(url).scheme not in ("https", "ssh", "file"):
        yield at("repository.url", "config-open-repository", url=url)
    if config.database.startswith("postgresql://") and not _is_safe_database(config.database):
        yield at("database", "config-open-database")


def _addresses(config: Config) -> Iterator[tuple[str, str]]:
    for provider in config.providers:
        yield f"providers.{provider.name}.base_url", provider.base_url
    yield from config.engine.addresses()
    if config.api.openid is not None:
        yield "api.openid.issuer", config.api.openid.issuer
    if config.selling.yookassa is not None:
        yield "payments.yookassa.base_url", config.selling.yookassa.base_url
    yield "telegram.base_url", config.telegram.base_url
    yield "telegram.webhook_url", config.telegram.webhook_url


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _is_safe_database(url: str) -> bool:
    parts = urlsplit(url)
    mode = parse_qs(parts.query).get("sslmode", [""])[0]
    return not parts.hostname or is_loopback(parts.hostname) or mode == "verify-full"
