"""Prompt first: compare a tuned model with its base under a good prompt.

The test questions go to the base with the system text alone, and with the most similar taught
examples before each. The serving model has answered them in its test. All use one build: that of
the serving model, else the newest.

An answer is right if it equals the taught one, or nearly (chrF of `ALIKE`). A different wording
counts as wrong: no model judges here. One variant is better than another if the mean of the
differences between their answers exceeds twice its standard error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from merlin.dataset.example import normalise
from merlin.dataset.spec import Recipe, SplitRule
from merlin.dataset.split import TRAIN
from merlin.dataset.tokens import count_messages
from merlin.dataset.verdicts import require_present_dataset
from merlin.db.database import Database
from merlin.db.search_index import encode_units
from merlin.db.tables import BUILD, SERVING
from merlin.providers.base import Answer
from merlin.training.ask_many import ModelQuery
from merlin.training.jobs import Jobs
from merlin.training.models import (
    Models,
    model_of,
    read_conversations,
    read_questions,
    revoked_builds,
)
from merlin.training.promote import serving_rows
from merlin.training.scores import EvaluationQuestion, likeness, score_answers

MIN_RIGHT_SHARE = 0.9  # share of right answers with which a prompt suffices
MIN_QUESTIONS = SplitRule().min_test
SHOWN = 3  # similar examples before a question
# A provider and a model of it.
Base = tuple[str, str]


# The model that answers, and its prompt.
Variant = Literal["prompt", "examples", "tuned"]


@dataclass(frozen=True, slots=True)
class VariantQueries:
    """The questions of one variant as its model receives them; keys are example ids.

    `answers` are those that it has given before; without them it is to be asked.
    """

    variant: Variant
    provider: str
    model_id: str
    price: Price | None
    queries: Sequence[ModelQuery]
    answers: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptCheck:
    """A comparison to make: a build's test questions, and the variants that answer them.

    `base` is the base of the build's recipe. An answer is cut off after `most_tokens`: a small base
    model may never stop.
    """

    build: Build
    base: str
    questions: Sequence[EvaluationQuestion]
    variants: Sequence[VariantQueries]

    @property
    def most_tokens(self) -> int:
        """Return twice the tokens of the longest taught answer."""
        return 2 * max(
            count_messages([_answer(question)]) for question in self.questions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantReport:
    """The results of one variant.

    `cost_micro` is for 1,000 answers, in millionths of `currency`, None without a known price;
    `input_tokens` of a question is a median.
    """

    variant: Variant
    provider: str
    model: str
    chrf: float
    right: int
    input_tokens: int
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


def prepare_check(
    db: Database,
    config: Config,
    dataset: str,
    named: str = "",
    limit: int | None = None,
) -> PromptCheck:
    """Return the comparison of a dataset, by the same `limit` questions each time.

    Raises NotFound without a build; Refused if the dataset was removed, without test questions, and
    if the consent to an example was revoked: it must not be sent to a provider. Else as
    `choose_base`, which gets `named`.
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
    digest = lambda question: sha256(question.example_id.encode()).digest()  # noqa: E731
    questions = sorted(read_questions(db, build.build_id), key=digest)[:limit]
    if not questions:
        raise Refused("no test questions", "prompt-no-test", build=build.version)
    build_recipe: Any = build.manifest["recipe"]
    recipe = Jobs(db).get(serving.job_id).recipe if serving else Recipe(**build_recipe)
    base = choose_base(config, recipe, named)
    conversations = read_conversations(db, build.build_id, TRAIN)
    taught = {_first_question(messages): messages for _, messages in conversations}
    alone = [_query(question, question.messages) for question in questions]
    helped = [
        _query(each, prepend_nearest(taught, each.messages)) for each in questions
    ]
    variants = [
        VariantQueries("prompt", *base, config.price(*base), alone),
        VariantQueries("examples", *base, config.price(*base), helped),
    ]
    if serving is not None:
        tuned = serving.provider, serving.model_id
        price = config.price(*tuned, recipe.base_model)
        answers = Models(db).answers
        variants.append(
            VariantQueries("tuned", *tuned, price, alone, answers(serving.model_row))
        )
    return PromptCheck(build, recipe.base_model, questions, variants)


def choose_base(config: Config, recipe: Recipe, named: str = "") -> Base:
    """Return the untuned model to ask: `named`, else the recipe's base.

    `named` is PROVIDER/MODEL. The engine's `recall` follows no prompt; the configured general model
    is used instead. Raises ConfigError for another form, NotFound for an unknown provider, Refused
    if no model is left.
    """
    model_pair = (
        parse_model_name(named) if named else (recipe.provider, recipe.base_model)
    )
    general = config.assistant
    if not named and model_pair[1] == RECALL and general and general[1]:
        model_pair = (general[0], general[1])
    if model_pair[1] == RECALL:
        raise Refused(
            f"{model_pair[1]} follows no prompt", "prompt-no-base", model=model_pair[1]
        )
    require_provider(config, model_pair[0])
    return model_pair


def _answer(question: EvaluationQuestion) -> Message:
    return Message("assistant", question.reference)


def _query(question: EvaluationQuestion, messages: tuple[Message, ...]) -> ModelQuery:
    # Answers may be longer than the taught ones; source: `policy.estimate`.
    total = count_messages((*question.messages, _answer(question)))
    return ModelQuery(
        question.example_id, messages, Usage(count_messages(messages), total)
    )


def prepend_nearest(
    taught: Mapping[str, tuple[Message, ...]], messages: tuple[Message, ...]
) -> tuple[Message, ...]:
    """Return a conversation after the `SHOWN` most similar examples, the most similar last.

    `taught` has the examples by their first questions, which are compared.
    """
    known = list(taught)
    asked, *questions = encode_units([_first_question(messages), *known])
    nearest = sorted(
        zip(questions, known, strict=True), key=lambda pair: float(pair[0] @ asked)
    )[-SHOWN:]
    shown = [message for _, question in nearest for message in taught[question]]
    head = [message for message in messages if message.role == "system"]
    return (*head, *(each for each in (*shown, *messages) if each.role != "system"))


def _first_question(messages: Sequence[Message]) -> str:
    return normalise(
        next((message.content for message in messages if message.role == "user"), "")
    )


def compare_variants(
    check: PromptCheck, answers: Sequence[Mapping[str, Answer]]
) -> PromptReport:
    """Return the comparison on the questions that every variant answered.

    `answers` are those of each variant, by example id. Raises Refused without such a question.
    """
    common = set.intersection(*map(set, answers))
    questions = [
        question for question in check.questions if question.example_id in common
    ]
    if not questions:
        raise Refused("nothing was answered", "prompt-nothing-answered")
    measurements = [
        _measure(*item, questions) for item in zip(check.variants, answers, strict=True)
    ]
    reports = [report for report, _ in measurements]
    verdict, ahead = _decide(measurements)
    return PromptReport(
        dataset=check.build.dataset,
        build=check.build.version,
        questions=len(questions),
        left_out=len(check.questions) - len(questions),
        verdict=verdict,
        ahead=ahead,
        variants=reports,
    )


def _measure(
    variant_queries: VariantQueries,
    answers: Mapping[str, Answer],
    questions: Sequence[EvaluationQuestion],
) -> tuple[VariantReport, list[float]]:
    """Return the report of one variant, and the chrF of each of its answers."""
    queries = {query.key: query for query in variant_queries.queries}
    pairs = [(question, answers[question.example_id]) for question in questions]
    used = [queries[each.example_id].used(answer.usage) for each, answer in pairs]
    price = variant_queries.price
    costs = [price.answer(usage) for usage in used if price]
    scores = score_answers([answer for _, answer in pairs], questions)
    report = VariantReport(
        variant=variant_queries.variant,
        provider=variant_queries.provider,
        model=variant_queries.model_id,
        chrf=scores.chrf,
        right=scores.right,
        input_tokens=round(median(usage.input_tokens for usage in used)),
        cost_micro=round(fmean(costs) * 1000) if costs else None,
        currency=price.currency if price else "",
    )
    return report, [likeness(answer.text, each.reference) for each, answer in pairs]


def _decide(
    measurements: Sequence[tuple[VariantReport, list[float]]],
) -> tuple[str, float | None]:
    """Return the verdict, and the lead of the tuned model in points of chrF."""
    prompts = [item for item in measurements if item[0].variant != "tuned"]
    tuned = next((item for item in measurements if item[0].variant == "tuned"), None)
    best, best_chrf = max(prompts, key=lambda item: item[0].chrf)
    ahead = round(tuned[0].chrf - best.chrf, 2) if tuned else None
    if len(best_chrf) < MIN_QUESTIONS:
        return "few", ahead
    if tuned is None:
        return (
            "enough" if best.right >= MIN_RIGHT_SHARE * len(best_chrf) else "try"
        ), None
    gains = [
        tuned_chrf - prompt_chrf
        for tuned_chrf, prompt_chrf in zip(tuned[1], best_chrf, strict=True)
    ]
    gain = fmean(gains)
    margin = 2 * stdev(gains) / sqrt(len(gains))
    if abs(gain) <= margin:
        return "same", ahead
    return ("pays" if gain > 0 else "worse"), ahead
