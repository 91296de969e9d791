"""Lineup: the models that a person may choose among, and what becomes of a session that chooses.

First what serves the session's dataset, what served it before and what it was made of; then the
models that the configuration names and those that the providers list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from merlin.chat.known import Known
from merlin.chat.route import General, Shelf, Standing, Wish, is_revoked
from merlin.chat.session import Session
from merlin.chat.window import Fill, Gauge
from merlin.core.money import Price
from merlin.model.registry import Model

SIGN_LENGTH = 12
# The protocol has no word for what a model is for: these do something other than talk.
_NO_TALK = (
    *("embed", "whisper", "transcri", "tts", "dall-e", "image", "moderation"),
    *("realtime", "audio", "rerank", "sora"),
)
# Tuned by this account, perhaps for another purpose or not yet proven: never on offer by itself.
_TUNED = "ft:"


class Listed(Protocol):
    """The models that providers list, as they said last; each method is one transaction."""

    def listed(self, provider: str) -> Mapping[str, int | None]:
        """Return the windows of a provider's models by their ids, None where nobody said."""

    def relist(self, provider: str, windows: Mapping[str, int | None]) -> None:
        """Store what a provider lists now; what it does not list any more is forgotten."""


@dataclass(frozen=True, slots=True)
class Option:
    """One model that may be chosen.

    `version` is the build that a tuned one learnt, `base` what it was made of; "" for others.
    `window` is in tokens, None where nobody knows it; so is `price`.
    """

    standing: Standing
    provider: str
    model_id: str
    version: str = ""
    base: str = ""
    window: int | None = None
    price: Price | None = None

    @property
    def sign(self) -> str:
        """Return a short word for it: ids are too long for a button's data."""
        return sha256(f"{self.provider}\0{self.model_id}".encode()).hexdigest()[:SIGN_LENGTH]

    @property
    def title(self) -> str:
        """Return what people call it."""
        return self.version or self.model_id


def lineup(shelf: Shelf, listed: Listed, wish: Wish, known: Known) -> list[Option]:
    """Return every model that there is to choose, each once; what serves comes first.

    `wish` says the dataset and each provider with its configured model, in the config's order.
    """
    found: dict[General, Option] = {}
    for option in (*_own(shelf, wish.dataset), *_others(shelf, listed, wish.general)):
        found.setdefault((option.provider, option.model_id), option)
    windows = {provider: listed.listed(provider) for provider, _ in found}
    return [
        replace(
            option,
            window=windows[option.provider].get(option.model_id) or _window(option, known),
            price=known.price(option.provider, option.model_id, option.base),
        )
        for option in found.values()
    ]


def _own(shelf: Shelf, dataset: str | None) -> Iterator[Option]:
    serving = shelf.serving(dataset)
    if serving is None:
        return
    base = _base_of(shelf, serving.model)
    yield _tuned(Standing.SERVING, serving.model, base)
    for model in shelf.earlier(serving.dataset):
        yield _tuned(Standing.EARLIER, model, _base_of(shelf, model))
    if base and not is_revoked(shelf, (serving.model.provider, base)):
        yield Option(Standing.BASE, serving.model.provider, base)


def _tuned(standing: Standing, model: Model, base: str) -> Option:
    return Option(standing, model.provider, model.model_id, model.build_version, base)


def _base_of(shelf: Shelf, model: Model) -> str:
    recipe = shelf.build(model.build_id).manifest.get("recipe")
    base = recipe.get("base_model") if isinstance(recipe, Mapping) else None
    return base if isinstance(base, str) else ""


def _others(shelf: Shelf, listed: Listed, general: Iterable[General]) -> Iterator[Option]:
    general = list(general)
    for provider, model_id in general:
        if model_id and not is_revoked(shelf, (provider, model_id)):
            yield Option(Standing.GENERAL, provider, model_id)
    for provider, _ in general:
        for model_id in listed.listed(provider):
            if talks(model_id) and shelf.model(model_id) is None:
                yield Option(Standing.GENERAL, provider, model_id)


def talks(model_id: str) -> bool:
    """Return whether a listed model may be offered for talk, as far as its name tells."""
    name = model_id.lower()
    return not name.startswith(_TUNED) and not any(word in name for word in _NO_TALK)


def _window(option: Option, known: Known) -> int | None:
    return known.windows.get(option.model_id) or known.windows.get(option.base)


def judged(session: Session, limit_tokens: int) -> Session:
    """Return a session that another model answers from now on, its window judged anew."""
    fill = Gauge(session.used_tokens, limit_tokens).fill
    return replace(
        session,
        is_full=fill is Fill.FULL,
        is_warned=session.is_warned and fill is not Fill.FREE,
    )
