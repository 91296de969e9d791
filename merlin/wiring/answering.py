"""The services that answer people: what config says of each, and their clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.config import Config, credential
from merlin.providers.openai_chat import OpenAIChat


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One service of the OpenAI protocol; `model` None: the first that it lists."""

    name: str
    base_url: str
    key: str
    model: str | None = None


def providers_of(config: Config, *, all_needed: bool = True) -> tuple[ProviderSettings, ...]:
    """Return the providers of a configuration; where not all are needed, those with a credential.

    Raises ConfigError for a credential that is needed and missing.
    """
    said = config.providers
    keys = [credential(each.credential, is_needed=all_needed) for each in said]
    return tuple(
        ProviderSettings(each.name, each.base_url, key, each.model)
        for each, key in zip(said, keys, strict=True)
        if key
    )


def answerers_of(
    providers: Sequence[ProviderSettings], *, in_pieces: bool = True
) -> dict[str, OpenAIChat]:
    """Return a client for each; to be closed in the loop that asks."""
    return {
        each.name: OpenAIChat(each.base_url, each.key, in_pieces=in_pieces) for each in providers
    }
