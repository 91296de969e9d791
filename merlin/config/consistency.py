"""What keys of the right form cannot mean together: unknown names, addresses in the open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from merlin.config.engine import BUILT_IN, OWN_BACKEND, EngineConfig, EngineModelConfig
from merlin.config.faults import Fault, at
from merlin.config.shop import plan_faults, shop_faults
from merlin.core.clock import has_zones, is_zone
from merlin.core.loopback import is_loopback

if TYPE_CHECKING:
    from merlin.config import Config


def faults_of(config: Config) -> Iterator[Fault]:
    """Yield a fault for every key that cannot be meant as it stands."""
    # A machine without any time zones says so when it needs one; there no name can be judged.
    if has_zones() and not is_zone(config.timezone):
        yield at("timezone", "config-no-zone", zone=config.timezone)
    yield from _unknown_providers(config)
    if not config.allow_plain_http:
        yield from _in_the_open(config)
    if config.api.openid is not None and not config.api.public_url:
        yield "api.openid: needs api.public_url, to which people come back"
    yield from _engine_faults(config.engine)
    yield from plan_faults(config.plans, config.payments)
    yield from shop_faults(config.payments.yookassa, config.api.public_url)


def _engine_faults(engine: EngineConfig) -> Iterator[Fault]:
    for name, base in engine.models.items():
        place = f"engine.models.{name}"
        if name == BUILT_IN:
            yield at(place, "config-base-own")
        if bool(base.path) == bool(base.hub):
            yield at(place, "config-base-place")
        if lack := _backend_lack(base):
            yield at(f"{place}.url", lack, backend=base.backend)
    if engine.training.workers and not engine.training.cluster:
        yield at("engine.training.cluster", "config-no-cluster")


def _backend_lack(base: EngineModelConfig) -> str:
    """Return the text of what is missing for another server to answer for a base."""
    if base.url or base.backend == OWN_BACKEND:
        return ""
    if base.backend == "llama.cpp":
        return "" if base.path.lower().endswith(".gguf") else "config-no-llama"
    return "config-no-backend"


def _unknown_providers(config: Config) -> Iterator[Fault]:
    known = {provider.name for provider in config.providers}
    named = [(name, each) for name, each in config.named_models if name != "preset"]
    named += [
        (f"presets.{name}.model", each.model)
        for name, each in config.chat.presets.items()
        if each.model
    ]
    for place, choice in named:
        if choice.provider not in known:
            yield at(f"chat.{place}.provider", "config-no-provider", provider=choice.provider)


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
    for name, base in config.engine.models.items():
        yield f"engine.models.{name}.url", base.url
    for number, webhook in enumerate(config.engine.webhooks):
        yield f"engine.webhooks.{number}.url", webhook.url
    if config.api.openid is not None:
        yield "api.openid.issuer", config.api.openid.issuer
    if config.payments.yookassa is not None:
        yield "payments.yookassa.base_url", config.payments.yookassa.base_url
    yield "telegram.base_url", config.telegram.base_url
    yield "telegram.webhook_url", config.telegram.webhook_url


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _is_safe_database(url: str) -> bool:
    parts = urlsplit(url)
    mode = parse_qs(parts.query).get("sslmode", [""])[0]
    return not parts.hostname or is_loopback(parts.hostname) or mode == "verify-full"
