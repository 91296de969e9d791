"""Prompt first: compare a tuned model with its base under a good prompt.

The same test questions go to the base with the system text alone, to the base with the most
similar taught examples before each question, and to the serving model. All three use one build:
that of the serving model, else the newest.

An answer is right if it equals the taught one, or nearly (chrF of `ALIKE`). A different wording
counts as wrong: no model judges here. One variant is better than another if the mean of the
differences between their answers exceeds twice its standard error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import sqrt
from statistics import fmean, median, stdev
from typing import Any, Literal

from merlin.config import Config, require_provider
from merlin.config.engine import RECALL
from merlin.config.settings import parse_model_name
from merlin.core.errors import NotFound, Refused
from merlin.core.messages import Message, Usage
from merlin.core.money import Price
from merlin.dataset.builds import BUILDS, Build
from merlin.dataset.example import count_messages, normalise
from merlin.dataset.near_questions import nearest_questions
from merlin.dataset.spec import Recipe, SplitRule
from merlin.dataset.split import TRAIN
from merlin.dataset.verdicts import require_present_dataset
from merlin.db.database import Database
from merlin.db.tables import BUILD, SERVING
from merlin.training.ask_many import Query, Reply
from merlin.training.jobs import Jobs
from merlin.training.models import (
    Conversations,
    Model,
    model_of,
    read_conversations,
    read_questions,
    revoked_builds,
)
from merlin.training.promote import serving_rows
from merlin.training.scores import Question, likeness, score_answers

MIN_RIGHT_SHARE = 0.9  # share of right answers with which a prompt suffices
MIN_QUESTIONS = SplitRule().min_test
SHOWN = 3  # similar examples before a question
# A provider and a model of it.
Base = tuple[str, str]


# The model that answers, and its prompt.
Variant = Literal["prompt", "examples", "tuned"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a comparison: a build's two sides and the serving model, None without one."""

    build: Build
    recipe: Recipe
    train: Conversations
    questions: Sequence[Question]
    serving: Model | None


@dataclass(frozen=True, slots=True)
class VariantQueries:
    """The questions of one variant as its model receives them; keys are example ids."""

    variant: Variant
    provider: str
    model_id: str
    price: Price | None
    queries: Sequence[Query]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantReport:
    """The results of one variant.

    `cost_micro` is for 1,000 answers, in millionths of `currency`, None without a known price;
    `input_tokens` of a question and `seconds` of an answer are medians.
    """

    variant: Variant
    provider: str
    model: str
    chrf: float
    right: int
    input_tokens: int
    seconds: float
    cost_micro: int | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReport:
    """The results of all variants on the questions that each of them answered.

    `verdict` ends the key of a text `prompt-verdict-…`. `ahead` is the lead of the tuned model over
    the better prompt in points of chrF, None without a tuned model.
    """

    dataset: str
    build: str
    questions: int
    left_out: int
    verdict: str
    ahead: float | None
    variants: Sequence[VariantReport]


def read_subject(db: Database, dataset: str) -> Subject:
    """Return the subject of a dataset's comparison.

    Raises NotFound without a build; Refused if the dataset was removed, without test questions, and
    if the consent to an example was revoked: it must not be sent to a provider.
    """
    require_present_dataset(db, dataset)
    row = db.row(serving_rows().where(SERVING.dataset == dataset))
    serving = model_of(row) if row else None
    condition = BUILD.id == serving.build_id if serving else BUILD.dataset == dataset
    build = BUILDS.find(db, BUILD.select().where(condition).order_by(BUILD.id.desc()))
    if build is None:
        raise NotFound(f"{dataset} has no build", "prompt-no-build", dataset=dataset)
    if db.row(revoked_builds().where(BUILD.id == build.build_id).limit(1)):
        raise Refused("a consent was taken back", "held-revoked")
    questions = read_questions(db, build.build_id)
    if not questions:
        raise Refused("no test questions", "prompt-no-test", build=build.version)
    build_recipe: Any = build.manifest["recipe"]
    recipe = Jobs(db).get(serving.job_id).recipe if serving else Recipe(**build_recipe)
    train = read_conversations(db, build.build_id, TRAIN)
    return Subject(build, recipe, train, questions, serving)


def choose_base(config: Config, recipe: Recipe, named: str = "") -> Base:
    """Return the untuned model to ask: `named`, else the recipe's base.

    `named` is PROVIDER/MODEL. The engine's `recall` follows no prompt; the configured general model
    is used instead. Raises ConfigError for another form, NotFound for an unknown provider, Refused
    if no model is left.
    """
    model_pair = parse_model_name(named) if named else (recipe.provider, recipe.base_model)
    general = config.assistant
    if not named and model_pair[1] == RECALL and general and general[1]:
        model_pair = (general[0], general[1])
    if model_pair[1] == RECALL:
        raise Refused(f"{model_pair[1]} follows no prompt", "prompt-no-base", model=model_pair[1])
    require_provider(config, model_pair[0])
    return model_pair


def build_variants(
    subject: Subject, config: Config, base: Base, limit: int | None = None
) -> list[VariantQueries]:
    """Return the queries of all variants, of the same `limit` questions each time."""
    digest = lambda question: sha256(question.example_id.encode()).digest()  # noqa: E731
    questions = sorted(subject.questions, key=digest)[:limit]
    alone = [_query(question, question.messages) for question in questions]
    taught = {_first_question(messages): messages for _, messages in subject.train}
    helped = [
        _query(question, prepend_nearest(taught, question.messages)) for question in questions
    ]
    price, model = config.price(*base), subject.serving
    variants = [
        VariantQueries("prompt", *base, price, alone),
        VariantQueries("examples", *base, price, helped),
    ]
    if model is not None:
        tuned_price = config.price(model.provider, model.model_id, subject.recipe.base_model)
        tuned = VariantQueries("tuned", model.provider, model.model_id, tuned_price, alone)
        variants.append(tuned)
    return variants


def limit_answers(questions: Sequence[Question]) -> int:
    """Return the tokens after which an answer is cut off: a small base model may never stop."""
    return 2 * max(count_messages([_answer(question)]) for question in questions)


def _answer(question: Question) -> Message:
    return Message("assistant", question.reference)


def _query(question: Question, messages: tuple[Message, ...]) -> Query:
    # Answers may be longer than the taught ones; source: `policy.estimate_proof`.
    total = count_messages((*question.messages, _answer(question)))
    return Query(question.example_id, messages, Usage(count_messages(messages), total))


def prepend_nearest(
    taught: Mapping[str, tuple[Message, ...]], messages: tuple[Message, ...]
) -> tuple[Message, ...]:
    """Return a conversation after the `SHOWN` most similar examples, the most similar last.

    `taught` has the examples by their first questions, which are compared.
    """
    known = list(taught)
    nearest = nearest_questions(_first_question(messages), known, SHOWN)
    shown = [message for place in reversed(nearest) for message in taught[known[place]]]
    head = [message for message in messages if message.role == "system"]
    return (*head, *(each for each in (*shown, *messages) if each.role != "system"))


def _first_question(messages: Sequence[Message]) -> str:
    return normalise(next((message.content for message in messages if message.role == "user"), ""))


def compare_variants(
    subject: Subject, variants: Sequence[VariantQueries], replies: Sequence[Mapping[str, Reply]]
) -> PromptReport:
    """Return the comparison on the questions that every variant answered.

    `replies` are those of each variant, by example id. Raises Refused without such a question.
    """
    common = set.intersection(*(set(reply) for reply in replies))
    questions = [question for question in subject.questions if question.example_id in common]
    if not questions:
        raise Refused("nothing was answered", "prompt-nothing-answered")
    measurements = [_measure(*item, questions) for item in zip(variants, replies, strict=True)]
    reports = [report for report, _ in measurements]
    verdict, ahead = _decide(measurements)
    return PromptReport(
        dataset=subject.build.dataset,
        build=subject.build.version,
        questions=len(questions),
        left_out=len(variants[0].queries) - len(questions),
        verdict=verdict,
        ahead=ahead,
        variants=reports,
    )


def _measure(
    variant_queries: VariantQueries, replies: Mapping[str, Reply], questions: Sequence[Question]
) -> tuple[VariantReport, list[float]]:
    """Return the report of one variant, and the chrF of each of its answers."""
    queries = {query.key: query for query in variant_queries.queries}
    pairs = [(question, replies[question.example_id]) for question in questions]
    used = [queries[each.example_id].used(reply.answer.usage) for each, reply in pairs]
    price = variant_queries.price
    costs = [price.answer(usage) for usage in used if price]
    scores = score_answers([reply.answer for _, reply in pairs], questions)
    report = VariantReport(
        variant=variant_queries.variant,
        provider=variant_queries.provider,
        model=variant_queries.model_id,
        chrf=scores.chrf,
        right=scores.right,
        input_tokens=round(median(usage.input_tokens for usage in used)),
        seconds=round(median(reply.seconds for _, reply in pairs), 3),
        cost_micro=round(fmean(costs) * 1000) if costs else None,
        currency=price.currency if price else "",
    )
    return report, [likeness(reply.answer.text, each.reference) for each, reply in pairs]


def _decide(measurements: Sequence[tuple[VariantReport, list[float]]]) -> tuple[str, float | None]:
    """Return the verdict, and the lead of the tuned model in points of chrF."""
    prompts = [item for item in measurements if item[0].variant != "tuned"]
    tuned = next((item for item in measurements if item[0].variant == "tuned"), None)
    best, best_chrf = max(prompts, key=lambda item: item[0].chrf)
    ahead = round(tuned[0].chrf - best.chrf, 2) if tuned else None
    if len(best_chrf) < MIN_QUESTIONS:
        return "few", ahead
    if tuned is None:
        return ("enough" if best.right >= MIN_RIGHT_SHARE * len(best_chrf) else "try"), None
    gains = [
        tuned_chrf - prompt_chrf
        for tuned_chrf, prompt_chrf in zip(tuned[1], best_chrf, strict=True)
    ]
    gain, margin = fmean(gains), 2 * stdev(gains) / sqrt(len(gains))
    if abs(gain) <= margin:
        return "same", ahead
    return ("pays" if gain > 0 else "worse"), ahead
