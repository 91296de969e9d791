"""Which models serve and served, who may choose which, how much each can read.

The list to choose from: what serves the session's dataset, what served it before and its base;
then the models that the configuration names and those that the providers list. A model whose
provider says nothing of its window has 0 tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from peewee import fn

from merlin.chat.route import Candidate, CandidateKind, General, ModelRequest, is_revoked
from merlin.chat.sessions import Session
from merlin.chat.window import WindowCounter, WindowUsage
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost, Price
from merlin.dataset.builds import Build, build_from_row
from merlin.db.database import Database, Parameter, Prepared, Row, transaction
from merlin.db.tables import BUILD, BUILD_EXAMPLE, EXAMPLE_TEXT, MODEL, PROMOTION, SERVING, WINDOW
from merlin.db.values import messages_of
from merlin.training.evaluate import Evaluation, Overlap
from merlin.training.model_store import models, overlap_of, proof_of
from merlin.training.models import Model, ModelState, Serving, model_of
from merlin.training.promotion_store import serving_rows


@dataclass(frozen=True, slots=True)
class ServingModel:
    """One serving model with its scores."""

    serving: Serving
    evaluation: Evaluation | None


def list_serving_models(showcase: ModelCatalogue, dataset: str | None = None) -> list[ServingModel]:
    """Return every serving model with its scores; that of `dataset`, which answers here, first."""
    return [
        ServingModel(serving, showcase.evaluation(serving.model.model_row))
        for serving in sorted(showcase.all_serving(), key=lambda one: one.dataset != dataset)
    ]


@dataclass(frozen=True, slots=True)
class KnownModels:
    """Windows in tokens and prices by a model's name; `own` prices are a provider's own."""

    windows: Mapping[str, int] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    own: Mapping[tuple[str, str], Price] = field(default_factory=dict)

    def price(self, provider: str, *names: str) -> Price | None:
        """Return the price of a model by the first of its names that has one."""
        for name in names:
            found = self.own.get((provider, name)) or self.prices.get(name)
            if found is not None:
                return found
        return None

    def cost(self, choice: Candidate, model_id: str, usage: Usage) -> Cost | None:
        """Return what an answer cost, None where nobody knows."""
        price = self.price(choice.provider, model_id, choice.base)
        if price is None:
            return None
        micro = price.answer(usage.input_tokens, usage.output_tokens)
        return Cost(micro, price.currency)


# A dataset is known by its first promotion: new ones do not take the default's place.
_BY_AGE = PROMOTION.select(fn.MIN(PROMOTION.id)).where(PROMOTION.dataset == SERVING.dataset)
_SERVING = serving_rows().order_by(_BY_AGE, SERVING.dataset)
_ALL = Prepared(_SERVING)
_FIRST = Prepared(_SERVING.limit(1))
_OF = Prepared(serving_rows().where(SERVING.dataset == Parameter("dataset")).limit(1))
_MODEL = Prepared(
    models().where(MODEL.model_id == Parameter("model_id")).order_by(MODEL.id.desc()).limit(1)
)
_BUILD = Prepared(BUILD.select().where(BUILD.id == Parameter("id")).limit(1))


class ModelCatalogue:
    """The models of every dataset, as they stand at the moment of asking."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def serving(self, dataset: str | None) -> Serving | None:
        """Return what serves `dataset`; None asks for the first dataset that served anything."""
        row = self.db.row(_FIRST() if dataset is None else _OF(dataset=dataset))
        return None if row is None else _serving(row)

    def all_serving(self) -> list[Serving]:
        """Return every serving model; datasets in the order in which they first served."""
        return [_serving(row) for row in self.db.rows(_ALL())]

    def earlier(self, dataset: str) -> list[Model]:
        """Return the good models that served the dataset before, newest first, but for now's."""
        now = SERVING.select(SERVING.model_row).where(SERVING.dataset == dataset)
        last = PROMOTION.select(fn.MAX(PROMOTION.id)).where(
            (PROMOTION.dataset == dataset) & (PROMOTION.to_model == MODEL.model_id)
        )
        good = (MODEL.dataset == dataset) & (MODEL.state == ModelState.GOOD.value)
        others = models().where(good & MODEL.id.not_in(now))
        found = self.db.rows(others.select_extend(last.alias("last_at")))
        served = [row for row in found if row["last_at"] is not None]
        served.sort(key=lambda row: -int(row["last_at"]))
        return [model_of(row) for row in served]

    def model(self, model_id: str) -> Model | None:
        """Return a tuned model by its id at the provider."""
        row = self.db.row(_MODEL(model_id=model_id))
        return None if row is None else model_of(row)

    def build(self, build_id: int) -> Build:
        """Return a build. Raises NotFound."""
        row = self.db.row(_BUILD(id=build_id))
        if row is None:
            raise NotFound(f"no build {build_id}")
        return build_from_row(row)

    def few(self, build_id: int, count: int) -> tuple[Message, ...]:
        """Return the first `count` train conversations of a build, without system texts."""
        taught = (
            BUILD_EXAMPLE.select(EXAMPLE_TEXT.messages)
            .join(EXAMPLE_TEXT, on=(EXAMPLE_TEXT.digest == BUILD_EXAMPLE.text_digest))
            .where((BUILD_EXAMPLE.build_id == build_id) & (BUILD_EXAMPLE.split == "train"))
            .order_by(BUILD_EXAMPLE.example_id)
            .limit(count)
        )
        told = [message for row in self.db.rows(taught) for message in messages_of(row["messages"])]
        return tuple(message for message in told if message.role != "system")

    def evaluation(self, model_row: int) -> Evaluation | None:
        """Return the scores of a model, None where it was not evaluated."""
        return proof_of(self.db, model_row)

    def overlap(self, one: Model, other: Model) -> Overlap:
        """Return what the test questions of two models have in common."""
        return overlap_of(self.db, one.build_id, other.build_id)


def _serving(row: Row) -> Serving:
    return Serving(
        dataset=row["dataset"],
        model=model_of(row),
        since=from_iso(row["since"]),
        position=row["position"],
        is_pinned=bool(row["is_pinned"]),
    )


_TOKENS = Prepared(
    WINDOW.select(WINDOW.tokens)
    .where((WINDOW.provider == Parameter("provider")) & (WINDOW.model_id == Parameter("model_id")))
    .limit(1)
)


class Windows:
    """How many tokens each model takes, as its provider said last."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    def get(self, provider: str, model_id: str) -> int | None:
        """Return the tokens that a model takes, None where nobody said."""
        found = self.db.value(_TOKENS(provider=provider, model_id=model_id))
        return int(found or 0) or None

    @transaction
    def put(self, provider: str, tokens: Mapping[str, int]) -> None:
        """Store what a provider says of its models, by their ids."""
        for model_id, most in tokens.items():
            key = {"provider": provider, "model_id": model_id}
            newest = {"tokens": most, "at": iso(self._clock())}
            new = WINDOW.insert({**key, **newest})
            is_news = WINDOW.tokens != most
            self.db.put(new.on_conflict(conflict_target=tuple(key), update=newest, where=is_news))

    def listed(self, provider: str) -> dict[str, int | None]:
        """Return the windows of a provider's models by their ids, None where nobody said."""
        those = WINDOW.select().where(WINDOW.provider == provider).order_by(WINDOW.model_id)
        return {row["model_id"]: row["tokens"] or None for row in self.db.rows(those)}

    @transaction
    def relist(self, provider: str, windows: Mapping[str, int | None]) -> None:
        """Store what a provider lists now; what it does not list any more is forgotten."""
        known = self.listed(provider)
        for gone in known.keys() - windows.keys():
            this = (WINDOW.provider == provider) & (WINDOW.model_id == gone)
            self.db.change(WINDOW.delete().where(this))
        # Where the provider does not say, what a refusal told stays.
        new = {model_id: most or known.get(model_id) or 0 for model_id, most in windows.items()}
        self.put(provider, new)


SIGN_LENGTH = 12
# The protocol has no word for what a model is for: these do something other than talk.
_NO_TALK = (
    *("embed", "whisper", "transcri", "tts", "dall-e", "image", "moderation"),
    *("realtime", "audio", "rerank", "sora"),
)
# Tuned by this account, perhaps for another purpose or not yet proven: never on offer by itself.
_TUNED = "ft:"


@dataclass(frozen=True, slots=True)
class ModelOption:
    """One model that may be chosen.

    `version` is the build that a tuned one learnt, `base` what it was made of; "" for others.
    `window` is in tokens, None where nobody knows it; so is `price`.
    """

    standing: CandidateKind
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


def list_models(
    shelf: ModelCatalogue, listed: Windows, wish: ModelRequest, known: KnownModels
) -> list[ModelOption]:
    """Return every model that there is to choose, each once; what serves comes first.

    `wish` says the dataset and each provider with its configured model, in the config's order.
    """
    found: dict[General, ModelOption] = {}
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


def _own(shelf: ModelCatalogue, dataset: str | None) -> Iterator[ModelOption]:
    serving = shelf.serving(dataset)
    if serving is None:
        return
    base = _base_of(shelf, serving.model)
    yield _tuned(CandidateKind.SERVING, serving.model, base)
    for model in shelf.earlier(serving.dataset):
        yield _tuned(CandidateKind.EARLIER, model, _base_of(shelf, model))
    if base and not is_revoked(shelf, (serving.model.provider, base)):
        yield ModelOption(CandidateKind.BASE, serving.model.provider, base)


def _tuned(standing: CandidateKind, model: Model, base: str) -> ModelOption:
    return ModelOption(standing, model.provider, model.model_id, model.build_version, base)


def _base_of(shelf: ModelCatalogue, model: Model) -> str:
    recipe = shelf.build(model.build_id).manifest.get("recipe")
    base = recipe.get("base_model") if isinstance(recipe, Mapping) else None
    return base if isinstance(base, str) else ""


def _others(
    shelf: ModelCatalogue, listed: Windows, general: Iterable[General]
) -> Iterator[ModelOption]:
    general = list(general)
    for provider, model_id in general:
        if model_id and not is_revoked(shelf, (provider, model_id)):
            yield ModelOption(CandidateKind.GENERAL, provider, model_id)
    for provider, _ in general:
        for model_id in listed.listed(provider):
            if is_chat_model(model_id) and shelf.model(model_id) is None:
                yield ModelOption(CandidateKind.GENERAL, provider, model_id)


def is_chat_model(model_id: str) -> bool:
    """Return whether a listed model may be offered for talk, as far as its name tells."""
    name = model_id.lower()
    return not name.startswith(_TUNED) and not any(word in name for word in _NO_TALK)


def _window(option: ModelOption, known: KnownModels) -> int | None:
    return known.windows.get(option.model_id) or known.windows.get(option.base)


def switch_model(session: Session, limit_tokens: int) -> Session:
    """Return a session that another model answers from now on, its window judged anew."""
    fill = WindowCounter(session.used_tokens, limit_tokens).fill
    return replace(
        session,
        is_full=fill is WindowUsage.FULL,
        is_warned=session.is_warned and fill is not WindowUsage.FREE,
    )
