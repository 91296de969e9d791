"""The model catalogue: serving and earlier models, the route of a question, context windows.

A question is answered by the session's chosen model, else by the serving model of its dataset,
else by the chain: models that served before, the base with a few training examples, and last each
provider's general model.
Nothing is cached between questions, so that a promotion takes effect with the next one.

The list to choose from: the serving model of the session's dataset, the models that served before
and its base; then the models that the configuration names and those that the providers list. A
model whose provider does not report its window has 0 tokens.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from merlin.chat.sessions import Session, WindowCounter
from merlin.config import Config
from merlin.core.messages import Message
from merlin.core.money import Price
from merlin.dataset.builds import is_in_build, select_taught
from merlin.db.database import Repository, Row, transaction
from merlin.db.tables import (
    BUILD,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    SERVING,
    TAUGHT_EXAMPLE,
    WINDOW,
)
from merlin.db.values import read_messages
from merlin.db.writer import Store
from merlin.training.models import (
    MAY_SERVE,
    Model,
    Serving,
    model_of,
    refuse_serving,
    select_models,
)
from merlin.training.promote import Promotions, serving_of

FEW_SHOT_EXAMPLES = 3
SIGN_LENGTH = 12


class CandidateKind(StrEnum):
    """The role of a model for this question."""

    CHOSEN = "chosen"
    SERVING = "serving"
    EARLIER = "earlier"
    BASE = "base"
    GENERAL = "general"  # in place of a tuned model that cannot answer
    ALONE = "alone"  # also general, where no tuned model serves
    COMPOSED = (
        "composed"  # from sources, where the tuned model does not know the answer
    )


# A provider and its name of a model (None: the first that it lists).
General = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model to ask, with the messages before the conversation; `model_id` None: the first.

    `base` is the base of a tuned model, `version` its build; "" for others. In a list to choose
    from, `window` is in tokens; it and `price` are None if unknown.
    """

    kind: CandidateKind
    provider: str
    model_id: str | None
    before: tuple[Message, ...] = ()
    base: str = ""
    version: str = ""
    window: int | None = None
    price: Price | None = None

    @property
    def key(self) -> General:
        """Return its provider and the provider's name of it."""
        return self.provider, self.model_id

    @property
    def sign(self) -> str:
        """Return a short key for it: ids are too long for a button's data."""
        return sha256(f"{self.provider}\0{self.model_id}".encode()).hexdigest()[
            :SIGN_LENGTH
        ]

    @property
    def title(self) -> str:
        """Return its display name."""
        return self.version or self.model_id or self.provider


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a session requests.

    `chosen` is the person's own choice of a model. `general` is each provider with its configured
    model, in order. With a `system` text of its own (a preset, for example) a general model
    answers, `assistant` first, because the tuned model was trained with another text.
    """

    dataset: str | None
    chosen: General | None
    general: Sequence[General]
    system: str = ""
    assistant: General | None = None

    @property
    def system_messages(self) -> tuple[Message, ...]:
        """Return its own system text as messages."""
        return (Message("system", self.system),) if self.system else ()


def find_first_candidate(
    catalogue: ModelCatalogue, request: ModelRequest
) -> Candidate | None:
    """Return the model that is to answer first; None if only the chain is left."""
    kind = CandidateKind.CHOSEN
    chosen = request.chosen
    assistant = request.assistant
    if chosen is not None and not is_unavailable(catalogue, chosen):
        own = (
            catalogue.tuned_row(chosen[1]) if chosen[1] and not request.system else None
        )
        if own is not None:
            return _make_tuned_candidate(kind, own)
        return Candidate(kind, *chosen, request.system_messages)
    if (
        request.system
        and assistant is not None
        and not is_unavailable(catalogue, assistant)
    ):
        return Candidate(kind, *assistant, request.system_messages)
    serving = catalogue.serving_row(request.dataset) if not request.system else None
    return (
        None
        if serving is None
        else _make_tuned_candidate(CandidateKind.SERVING, serving)
    )


async def candidates(
    catalogue: ModelCatalogue,
    store: Store,
    request: ModelRequest,
    first: Candidate | None,
) -> AsyncIterator[Candidate]:
    """Yield the models to ask, best first; the chain is read only when it is needed."""
    if first is not None:
        yield first
    first_model = first and (first.provider, first.model_id)
    for choice in await store.read(lambda: list(_chain(catalogue, request))):
        if (choice.provider, choice.model_id) != first_model:
            yield choice


async def only_candidate(choice: Candidate) -> AsyncIterator[Candidate]:
    """Yield one model, if no other may answer in its place."""
    yield choice


def is_unavailable(catalogue: ModelCatalogue, general: General | None) -> bool:
    """Return whether a model was tuned here and may not serve."""
    own = (
        catalogue.tuned_row(general[1]) if general is not None and general[1] else None
    )
    return own is not None and refuse_serving(model_of(own)) is not None


def _chain(catalogue: ModelCatalogue, request: ModelRequest) -> Iterator[Candidate]:
    serving = None if request.system else catalogue.serving_row(request.dataset)
    kind = CandidateKind.GENERAL if request.system or serving else CandidateKind.ALONE
    system = request.system_messages
    if serving is not None:
        now = _make_tuned_candidate(CandidateKind.SERVING, serving)
        yield now
        for earlier in catalogue.earlier_rows(serving.dataset):
            yield _make_tuned_candidate(CandidateKind.EARLIER, earlier)
        system = now.before
        if now.base and not is_unavailable(catalogue, (now.provider, now.base)):
            before = (
                *system,
                *catalogue.first_conversations(serving.build_id, FEW_SHOT_EXAMPLES),
            )
            yield Candidate(
                CandidateKind.BASE, now.provider, now.base, before, now.base
            )
    for general in request.general:
        if not is_unavailable(catalogue, general):
            yield Candidate(kind, *general, system)


def _make_tuned_candidate(kind: CandidateKind, row: Row) -> Candidate:
    """Return a tuned model with the exact system text of its training."""
    base = json.loads(row.recipe).get("base_model")
    return Candidate(
        kind,
        row.provider,
        row.model_id,
        before=(Message("system", row.system),) if row.system else (),
        base=base if isinstance(base, str) else "",
        version=f"{row.dataset}-{row.build_number}",
    )


# Joined with the columns of build and job that a question needs, in one query. The recipe is
# the job's: several jobs may have trained one build.
_RECIPE = JOB.select(JOB.recipe).where(JOB.id == MODEL.job_id).alias("recipe")
_TAUGHT = (BUILD.system, _RECIPE)
# These run for every question: peewee takes 0.8 ms to build one. Datasets are ordered by their
# first promotion: a new one does not become the default.
_SERVING = """
SELECT model.*, build.number AS build_number, build.system,
    serving.since, serving.position, serving.is_pinned,
    (SELECT recipe FROM job WHERE job.id = model.job_id) AS recipe
FROM serving
JOIN model ON model.id = serving.model_row
JOIN build ON build.id = model.build_id
WHERE serving.dataset = COALESCE(:dataset, serving.dataset)
ORDER BY
    (SELECT MIN(id) FROM promotion WHERE promotion.dataset = serving.dataset), serving.dataset
"""
_MODEL = """
SELECT model.*, build.number AS build_number, build.system,
    (SELECT recipe FROM job WHERE job.id = model.job_id) AS recipe
FROM model JOIN build ON build.id = model.build_id
WHERE model.model_id = :model_id ORDER BY model.id DESC LIMIT 1
"""


class ModelCatalogue(Repository):
    """The models of every dataset, in their current state."""

    def find_serving(self, dataset: str | None) -> Serving | None:
        """Return the serving model of `dataset`; None means the first dataset that had one."""
        row = self.serving_row(dataset)
        return None if row is None else serving_of(row)

    def serving_row(self, dataset: str | None) -> Row | None:
        """Return the row of what `find_serving` returns, with its training data's settings."""
        rows = self.db.sql(_SERVING, dataset=dataset)
        return rows[0] if rows else None

    def all_serving(self) -> list[Serving]:
        """Return every serving model; datasets in the order of their first promotion."""
        return [serving_of(row) for row in self.db.sql(_SERVING, dataset=None)]

    def earlier_rows(self, *datasets: str) -> list[Row]:
        """Return the rows of the other good models that served before, as a rollback takes them.

        With their training data's settings.
        """
        now = SERVING.select(SERVING.model_row).where(SERVING.dataset.in_(datasets))
        order = {
            name: at
            for at, name in enumerate(Promotions(self.db).list_served(*datasets))
        }
        good = MODEL.dataset.in_(datasets) & MAY_SERVE
        others = select_models().where(good & MODEL.id.not_in(now))
        rows = self.db.rows(
            others.select_extend(*_TAUGHT).where(MODEL.model_id.in_(list(order)))
        )
        return sorted(rows, key=lambda row: order[row.model_id])

    def model(self, model_id: str) -> Model | None:
        """Return a tuned model by its id at the provider."""
        row = self.tuned_row(model_id)
        return None if row is None else model_of(row)

    def name_builds(self, model_ids: Iterable[str]) -> dict[str, str]:
        """Return the build's version of each of these models that was tuned here."""
        models = {name: self.model(name) for name in set(model_ids)}
        return {name: model.build_version for name, model in models.items() if model}

    def tuned_row(self, model_id: str) -> Row | None:
        """Return the row of what `model` returns, with its training data's settings."""
        rows = self.db.sql(_MODEL, model_id=model_id)
        return rows[0] if rows else None

    def first_conversations(self, build_id: int, count: int) -> tuple[Message, ...]:
        """Return the first `count` training conversations of a build, without system texts."""
        taught = (
            select_taught(EXAMPLE_TEXT.messages)
            .where(is_in_build(build_id) & (TAUGHT_EXAMPLE.split == "train"))
            .order_by(TAUGHT_EXAMPLE.example_id)
            .limit(count)
        )
        messages = [
            message
            for row in self.db.rows(taught)
            for message in read_messages(row.messages)
        ]
        return tuple(message for message in messages if message.role != "system")


_TOKENS = """
SELECT tokens FROM model_window WHERE provider = :provider AND model_id = :model_id
"""


class Windows(Repository):
    """The context windows of models, as reported by their providers."""

    def get(self, provider: str, model_id: str) -> int | None:
        """Return a model's window in tokens, None if it is not reported."""
        for (tokens,) in self.db.sql(_TOKENS, provider=provider, model_id=model_id):
            return int(tokens or 0) or None
        return None

    @transaction
    def put(self, provider: str, tokens: Mapping[str, int]) -> None:
        """Store a provider's reported windows, by model id."""
        for model_id, most in tokens.items():
            key = {"provider": provider, "model_id": model_id}
            self.db.upsert(WINDOW, key, {"tokens": most})

    def read_windows(self, provider: str) -> dict[str, int | None]:
        """Return the windows of a provider's models by id, None for those not reported."""
        windows = (
            WINDOW.select().where(WINDOW.provider == provider).order_by(WINDOW.model_id)
        )
        return {row.model_id: row.tokens or None for row in self.db.rows(windows)}

    @transaction
    def store_list(self, provider: str, windows: Mapping[str, int | None]) -> None:
        """Store the models that a provider lists; delete those that it no longer lists."""
        known = self.read_windows(provider)
        gone = sorted(known.keys() - windows.keys())
        self.db.delete(
            WINDOW, (WINDOW.provider == provider) & WINDOW.model_id.in_(gone)
        )
        # If the provider reports nothing, the window learned from a refusal is kept.
        new = {
            model_id: most or known.get(model_id) or 0
            for model_id, most in windows.items()
        }
        self.put(provider, new)


# The protocol does not tell a model's purpose: these are not chat models.
_NO_TALK = (
    *("embed", "whisper", "transcri", "tts", "dall-e", "image", "moderation"),
    *("realtime", "audio", "rerank", "sora"),
    # The engine's own base: without examples it knows no answer.
    "recall",
)
# Tuned by this account, perhaps for another purpose or not evaluated yet: never offered as such.
_TUNED = "ft:"


def list_models(
    catalogue: ModelCatalogue, listed: Windows, request: ModelRequest, config: Config
) -> list[Candidate]:
    """Return every model that can be chosen, each once; the serving one first.

    `request` has the dataset, and each provider with its configured model, in configuration order.
    """
    found: dict[tuple[str, str], Candidate] = {}
    for option in (
        *_list_tuned(catalogue, request.dataset),
        *_list_others(catalogue, listed, request.general),
    ):
        found.setdefault((option.provider, option.model_id or ""), option)
    windows = {provider: listed.read_windows(provider) for provider, _ in found}
    return [
        replace(
            option,
            window=windows[provider].get(model_id)
            or config.context_lengths.get(model_id)
            or config.context_lengths.get(option.base),
            price=config.price(provider, model_id, option.base),
        )
        for (provider, model_id), option in found.items()
    ]


def _list_tuned(catalogue: ModelCatalogue, dataset: str | None) -> Iterator[Candidate]:
    serving = catalogue.serving_row(dataset)
    if serving is None:
        return
    yield (now := _make_tuned_candidate(CandidateKind.SERVING, serving))
    for row in catalogue.earlier_rows(serving.dataset):
        yield _make_tuned_candidate(CandidateKind.EARLIER, row)
    if is_chat_model(now.base) and not is_unavailable(
        catalogue, (now.provider, now.base)
    ):
        yield Candidate(CandidateKind.BASE, now.provider, now.base)


def _list_others(
    catalogue: ModelCatalogue, listed: Windows, general: Sequence[General]
) -> Iterator[Candidate]:
    for provider, model_id in general:
        if model_id and not is_unavailable(catalogue, (provider, model_id)):
            yield Candidate(CandidateKind.GENERAL, provider, model_id)
    for provider, _ in general:
        for model_id in listed.read_windows(provider):
            if is_chat_model(model_id) and catalogue.tuned_row(model_id) is None:
                yield Candidate(CandidateKind.GENERAL, provider, model_id)


def is_chat_model(model_id: str) -> bool:
    """Return whether a listed model may be offered for chat, judged by its name."""
    name = model_id.lower()
    return (
        bool(name)
        and not name.startswith(_TUNED)
        and not any(word in name for word in _NO_TALK)
    )


def switch_model(session: Session, limit_tokens: int) -> Session:
    """Return the session with another model, its window estimated again."""
    window = WindowCounter(session.used_tokens, limit_tokens)
    is_warned = session.is_warned and window.is_near
    return replace(session, is_full=window.is_full, is_warned=is_warned)
