"""Route: which models may answer a question, best first.

The session's own model, else the serving model of its dataset; then the chain: models that served
before, the base with a few taught examples, and at last each provider's general model. Nothing is
remembered between questions, so that a switch is seen with the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from merlin.core.messages import Message
from merlin.dataset.builds import Build
from merlin.training.models import Model, ModelState

if TYPE_CHECKING:
    from merlin.chat.model_catalogue import ModelCatalogue

T = TypeVar("T")
FEW = 3


class DatabaseReader(Protocol):
    """Runs a function that reads the database, beside the event loop."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """Return what `work` returns."""


class CandidateKind(StrEnum):
    """What a model is for this question."""

    CHOSEN = "chosen"
    SERVING = "serving"
    EARLIER = "earlier"
    BASE = "base"
    GENERAL = "general"  # in place of a tuned one that cannot answer
    ALONE = "alone"  # general too, where no tuned one serves


# A model of a provider: its name there (None: the first that it lists).
General = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model to ask, with what goes before the talk; `model_id` None: the provider's first.

    `base` is what a tuned model was made of, "" for others.
    """

    standing: CandidateKind
    provider: str
    model_id: str | None
    before: tuple[Message, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the session asks for.

    `chosen` is the person's own choice of a model. `general` is each provider with its configured
    model, in order. With a `system` text of the session's own (a preset, say) a general model
    answers, `assistant` first, because the tuned one was taught with another text.
    """

    dataset: str | None
    chosen: General | None
    general: Sequence[General]
    system: str = ""
    assistant: General | None = None


def first_candidate(shelf: ModelCatalogue, wish: ModelRequest) -> Candidate | None:
    """Return the model that is to answer when all is well; None where only the chain is left."""
    wish = _allowed(shelf, wish)
    if wish.chosen is not None:
        return _chosen(shelf, wish, wish.chosen)
    if wish.system and wish.assistant:
        return _plain(CandidateKind.CHOSEN, wish.assistant, wish)
    serving = shelf.serving(wish.dataset) if not wish.system else None
    return _tuned(shelf, CandidateKind.SERVING, serving.model) if serving else None


async def candidates(
    shelf: ModelCatalogue, read: DatabaseReader, wish: ModelRequest, first: Candidate | None
) -> AsyncIterator[Candidate]:
    """Yield the models to ask, best first; the chain is read only when it is needed."""
    if first is not None:
        yield first
    for choice in await read(lambda: list(_chain(shelf, wish))):
        yield choice


async def only_candidate(choice: Candidate) -> AsyncIterator[Candidate]:
    """Yield one model, where no other could answer in its place."""
    yield choice


def _allowed(shelf: ModelCatalogue, wish: ModelRequest) -> ModelRequest:
    """Return the wish without models that may not serve: nothing is chosen then."""
    chosen = None if is_revoked(shelf, wish.chosen) else wish.chosen
    assistant = None if is_revoked(shelf, wish.assistant) else wish.assistant
    return replace(wish, chosen=chosen, assistant=assistant)


def is_revoked(shelf: ModelCatalogue, general: General | None) -> bool:
    """Return whether a model is a tuned one that may not serve: consent was taken back."""
    own = shelf.model(general[1]) if general is not None and general[1] else None
    return own is not None and own.state is ModelState.REVOKED


def _chosen(shelf: ModelCatalogue, wish: ModelRequest, chosen: General) -> Candidate:
    own = shelf.model(chosen[1]) if chosen[1] and not wish.system else None
    if own is not None:
        return _tuned(shelf, CandidateKind.CHOSEN, own)
    return _plain(CandidateKind.CHOSEN, chosen, wish)


def _plain(standing: CandidateKind, general: General, wish: ModelRequest) -> Candidate:
    before = (Message("system", wish.system),) if wish.system else ()
    return Candidate(standing, *general, before)


def _chain(shelf: ModelCatalogue, wish: ModelRequest) -> Iterator[Candidate]:
    wish = _allowed(shelf, wish)
    others = [general for general in wish.general if not is_revoked(shelf, general)]
    if wish.system:
        for general in others:
            yield _plain(CandidateKind.GENERAL, general, wish)
        return
    serving = shelf.serving(wish.dataset)
    system: tuple[Message, ...] = ()
    if serving is not None:
        if wish.chosen is not None:
            yield _tuned(shelf, CandidateKind.SERVING, serving.model)
        for model in shelf.earlier(serving.dataset):
            yield _tuned(shelf, CandidateKind.EARLIER, model)
        build = shelf.build(serving.model.build_id)
        system = _system(build)
        yield from _base(shelf, serving.model, build)
    standing = CandidateKind.GENERAL if serving is not None else CandidateKind.ALONE
    for provider, model_id in others:
        yield Candidate(standing, provider, model_id, system)


def _tuned(shelf: ModelCatalogue, standing: CandidateKind, model: Model) -> Candidate:
    build = shelf.build(model.build_id)
    return Candidate(standing, model.provider, model.model_id, _system(build), _base_of(build))


def _base(shelf: ModelCatalogue, model: Model, build: Build) -> Iterator[Candidate]:
    base = _base_of(build)
    if base and not is_revoked(shelf, (model.provider, base)):
        before = (*_system(build), *shelf.few(build.build_id, FEW))
        yield Candidate(CandidateKind.BASE, model.provider, base, before, base)


def _base_of(build: Build) -> str:
    recipe = build.manifest.get("recipe")
    base = recipe.get("base_model") if isinstance(recipe, dict) else None
    return base if isinstance(base, str) else ""


def _system(build: Build) -> tuple[Message, ...]:
    # Exactly the text that was trained on: training and serving never differ.
    return (Message("system", build.system),) if build.system else ()
