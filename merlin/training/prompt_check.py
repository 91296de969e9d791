"""Prompt first: compare a tuned model with its base under a good prompt.

The same test questions go to the base under the system text alone, to the base with the taught
examples whose questions are most alike before each question, and to the model that serves. All
three know one build: what the serving model learnt, else the newest.

An answer counts as right when it says what was taught, word for word, or nearly so (chrF of
`ALIKE`). An answer in other words counts as wrong: no model judges here. Whether one is ahead of
another is told by the differences question by question, beyond twice their standard error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import sqrt
from statistics import fmean, median, stdev
from typing import Any, Literal

from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.messages import Message, Usage
from merlin.core.money import Price
from merlin.dataset.builds import Build, build_from_row, select_whole_builds
from merlin.dataset.check import CheckedDataset
from merlin.dataset.example import Example, count_messages, normalise
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.near_questions import nearest_questions
from merlin.dataset.spec import Recipe, SplitRule
from merlin.dataset.split import TEST, TRAIN, split
from merlin.db.database import Database
from merlin.db.tables import BUILD, SERVING
from merlin.training.ask_many import Query, Reply
from merlin.training.jobs import Jobs
from merlin.training.models import (
    Conversations,
    Model,
    Question,
    model_of,
    questions_of,
    read_conversations,
    revoked_builds,
    score,
)
from merlin.training.promote import serving_rows

ALIKE = 70.0  # chrF: the taught sentence, give or take a word
ENOUGH = 0.9  # share of right answers with which a prompt does
FEWEST = SplitRule().min_test
_SENTENCE = 12  # words that may stand around the reference
_THOUSAND = 1000
# A provider and a model of it.
Base = tuple[str, str]


# Who answers, and how it is asked.
Variant = Literal["prompt", "examples", "tuned"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: a build's two sides, and the model that serves, None where none does."""

    build: Build
    recipe: Recipe
    train: Conversations
    questions: Sequence[Question]
    serving: Model | None


@dataclass(frozen=True, slots=True)
class VariantQueries:
    """The questions of one variant as its model is asked them; keys are the examples' ids."""

    variant: Variant
    provider: str
    model_id: str
    price: Price | None
    queries: Sequence[Query]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantReport:
    """How one variant answered.

    `cost_micro` is of 1,000 answers, in millionths of `currency`, None where no price is known;
    `input_tokens` of one question and `seconds` of one answer are the median.
    """

    variant: Variant
    provider: str
    model: str
    chrf: float
    right: int
    unknown_share: float
    input_tokens: int
    seconds: float
    cost_micro: int | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReport:
    """The variants side by side over the questions that all of them answered.

    `verdict` ends the key of a text `prompt-verdict-…`. `ahead` is how many points of chrF the
    tuned model is before the better prompt, None without one.
    """

    dataset: str
    build: str
    questions: int
    left_out: int
    verdict: str
    ahead: float | None
    variants: Sequence[VariantReport]


def read_subject(db: Database, dataset: str) -> Subject:
    """Return what there is to compare.

    Raises NotFound without a build; Refused without test questions, and where the consent to an
    example was taken back: it may go to no provider.
    """
    row = db.row(serving_rows().where(SERVING.dataset == dataset))
    serving = model_of(row) if row else None
    is_it = BUILD.id == serving.build_id if serving else BUILD.dataset == dataset
    found = db.row(select_whole_builds().where(is_it).order_by(BUILD.id.desc()).limit(1))
    if found is None:
        raise NotFound(f"{dataset} has no build", "prompt-no-build", dataset=dataset)
    build = build_from_row(found)
    if db.row(revoked_builds().where(BUILD.id == build.build_id).limit(1)):
        raise Refused("a consent was taken back", "held-revoked")
    train, test = (read_conversations(db, build.build_id, side) for side in (TRAIN, TEST))
    questions = questions_of(test)
    if not questions:
        raise Refused("no test questions", "prompt-no-test", build=build.version)
    build_recipe: Any = build.manifest["recipe"]
    recipe = Jobs(db).get(serving.job_id).recipe if serving else Recipe(**build_recipe)
    return Subject(build, recipe, train, questions, serving)


def base_to_ask(config: Config, recipe: Recipe, named: str = "") -> Base:
    """Return the model that is asked instead of tuning one: `named`, else the recipe's base.

    `named` is PROVIDER/MODEL. The engine's `recall` and its encoders follow no prompt; the general
    model of the configuration is asked in their place. Raises NotFound for a provider that is not
    there, Refused where nothing is left to ask.
    """
    provider, _, model = named.partition("/")
    if named and not (provider and model):
        raise Refused(f"{named} is no PROVIDER/MODEL", "prompt-bad-base", base=named)
    model_pair = (provider, model) if named else (recipe.provider, recipe.base_model)
    general = config.assistant
    if not named and config.engine.chooses(model_pair[1]) and general and general[1]:
        model_pair = (general[0], general[1])
    if config.engine.chooses(model_pair[1]):
        raise Refused(f"{model_pair[1]} follows no prompt", "prompt-no-base", model=model_pair[1])
    if config.provider(model_pair[0]) is None:
        raise NotFound(f"no provider {model_pair[0]}", "held-no-provider", provider=model_pair[0])
    return model_pair


def spread(ids: Sequence[str], limit: int | None) -> list[str]:
    """Return at most `limit` ids, always the same ones, from everywhere among them."""
    return sorted(ids, key=lambda name: sha256(name.encode()).digest())[:limit]


def variants_of(
    subject: Subject, config: Config, base: Base, shown: int, limit: int | None = None
) -> list[VariantQueries]:
    """Return what is to be asked: `shown` examples before a question, `limit` questions at most."""
    chosen = set(spread([question.example_id for question in subject.questions], limit))
    questions = [question for question in subject.questions if question.example_id in chosen]
    alone = [_query(question, question.messages) for question in questions]
    nearest = NearestExamples(subject.train)
    helped = [_query(question, nearest.prompt(question.messages, shown)) for question in questions]
    price = config.price(*base)
    variants = [
        VariantQueries("prompt", *base, price, alone),
        VariantQueries("examples", *base, price, helped),
    ]
    model = subject.serving
    if model is not None:
        own = config.price(model.provider, model.model_id, subject.recipe.base_model)
        tuned = VariantQueries("tuned", model.provider, model.model_id, own, alone)
        variants.append(tuned)
    return variants


def _query(question: Question, messages: tuple[Message, ...]) -> Query:
    # Answers may be longer than the taught ones; source: `merlin.training.policy.proving`.
    answer = Message("assistant", question.reference)
    whole = count_messages((*question.messages, answer))
    return Query(question.example_id, messages, Usage(count_messages(messages), whole))


class NearestExamples:
    """Taught conversations, to be found by how much their questions are like another one."""

    def __init__(self, train: Conversations) -> None:
        self._taught = [messages for _, messages in train if _first_question(messages)]
        self._questions = [_first_question(messages) for messages in self._taught]

    def prompt(self, messages: Sequence[Message], count: int) -> tuple[Message, ...]:
        """Return the messages with the `count` nearest before the question, the nearest last."""
        found = nearest_questions(_first_question(messages), self._questions, count)
        shown = [
            example_message for place in reversed(found) for example_message in self._taught[place]
        ]
        head = [message for message in messages if message.role == "system"]
        talk = [each for each in (*shown, *messages) if each.role != "system"]
        return (*head, *talk)


def _first_question(messages: Sequence[Message]) -> str:
    return normalise(next((message.content for message in messages if message.role == "user"), ""))


@lru_cache(maxsize=4096)  # kept answers are compared again whenever a page shows them
def likeness(answer: str, reference: str) -> float:
    """Return chrF of one answer, 0..100."""
    from sacrebleu import sentence_chrf  # noqa: PLC0415 - 0.2 s that only this needs

    return float(sentence_chrf(answer, [reference]).score)


def is_right(answer: str, reference: str) -> bool:
    """Return whether an answer says what was taught: in a sentence at most, or nearly so."""
    given_text, requested = normalise(answer), normalise(reference)
    is_brief = len(given_text.split()) <= len(requested.split()) + _SENTENCE
    if requested and is_brief and re.search(rf"(?<!\w){re.escape(requested)}(?!\w)", given_text):
        return True
    return likeness(answer, reference) >= ALIKE


def report_of(
    subject: Subject,
    variants: Sequence[VariantQueries],
    replies: Sequence[Mapping[str, Reply]],
) -> PromptReport:
    """Return the comparison over the questions that every variant answered.

    `replies` are those of each variant, by example id. Raises Refused where there is no such
    question.
    """
    common = set.intersection(*(set(reply) for reply in replies))
    questions = [question for question in subject.questions if question.example_id in common]
    if not questions:
        raise Refused("nothing was answered", "prompt-nothing-answered")
    measured = [_measured(*each, questions) for each in zip(variants, replies, strict=True)]
    reports = [report for report, _ in measured]
    verdict, ahead = _judge(measured)
    return PromptReport(
        dataset=subject.build.dataset,
        build=subject.build.version,
        questions=len(questions),
        left_out=len(variants[0].queries) - len(questions),
        verdict=verdict,
        ahead=ahead,
        variants=reports,
    )


def _measured(
    variant_queries: VariantQueries, replies: Mapping[str, Reply], questions: Sequence[Question]
) -> tuple[VariantReport, list[float]]:
    """Return what one variant's answers come to, and how like each is to what was taught."""
    queries = {query.key: query for query in variant_queries.queries}
    mine = [replies[each.example_id] for each in questions]
    answers = [reply.answer for reply in mine]
    pairs = [
        (reply.answer.text, each.reference) for reply, each in zip(mine, questions, strict=True)
    ]
    used = [
        queries[question.example_id].used(reply.answer.usage)
        for question, reply in zip(questions, mine, strict=True)
    ]
    price = variant_queries.price
    costs = [price.answer(each.input_tokens, each.output_tokens) for each in used if price]
    scores = score(0, answers, questions, utc_now())
    report = VariantReport(
        variant=variant_queries.variant,
        provider=variant_queries.provider,
        model=variant_queries.model_id,
        chrf=scores.chrf,
        right=sum(is_right(*pair) for pair in pairs),
        unknown_share=scores.unknown_share,
        input_tokens=round(median(each.input_tokens for each in used)),
        seconds=round(median(reply.seconds for reply in mine), 3),
        cost_micro=round(fmean(costs) * _THOUSAND) if costs else None,
        currency=price.currency if price else "",
    )
    return report, [likeness(*pair) for pair in pairs]


def _judge(measured: Sequence[tuple[VariantReport, list[float]]]) -> tuple[str, float | None]:
    """Return the verdict's word, and the points by which the tuned model is ahead."""
    prompts = [each for each in measured if each[0].variant != "tuned"]
    tuned = next((each for each in measured if each[0].variant == "tuned"), None)
    best, alike = max(prompts, key=lambda each: each[0].chrf)
    ahead = round(tuned[0].chrf - best.chrf, 2) if tuned else None
    if len(alike) < FEWEST:
        return "few", ahead
    if tuned is None:
        return ("enough" if best.right >= ENOUGH * len(alike) else "try"), None
    gains = [mine - other for mine, other in zip(tuned[1], alike, strict=True)]
    gain, chance = fmean(gains), 2 * stdev(gains) / sqrt(len(gains))
    if abs(gain) <= chance:
        return "same", ahead
    return ("pays" if gain > 0 else "worse"), ahead


KNOWN = "known-to-base"


def base_queries(
    config: Config,
    checked: CheckedDataset,
    holds: Callable[[str], bool],
    named: str = "",
    limit: int | None = None,
) -> VariantQueries | None:
    """Return the taught examples of a dataset as its base is asked them, untaught.

    Only those whose path `holds`, at most `limit`. None without settings, and where the rule is
    off. Raises as `base_to_ask`.
    """
    spec = checked.spec
    if spec is None or KNOWN in spec.rules_off:
        return None
    base = base_to_ask(config, spec.recipe, named)
    sides = split(checked.examples, spec.split)
    taught = {
        example.id: example.with_system(spec.system)
        for example in checked.examples
        if sides[example.id] == TRAIN and holds(example.path)
    }
    questions = questions_of([(name, taught[name]) for name in spread(list(taught), limit)])
    queries = [_query(question, question.messages) for question in questions]
    return VariantQueries("prompt", *base, config.price(*base), queries)


def find_known(
    examples: Sequence[Example], replies: Mapping[str, Reply], model: str
) -> Iterator[Finding]:
    """Tell of examples that a base answers rightly, untaught; `replies` are by example id."""
    for example in examples:
        reply = replies.get(example.id)
        if reply and is_right(reply.answer.text, example.answer):
            arguments: dict[str, str | int] = {"model": escape_unprintable(model)}
            yield Finding("", *example.question_mark, KNOWN, Severity.NOTE, arguments).at(
                example.path
            )
