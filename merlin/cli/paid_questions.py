"""What commands share that ask models many questions: price, confirmation, progress, asking.

Answers are stored (`merlin.training.ask_many`) and never asked or paid for again, also after the
command was interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from typing import TYPE_CHECKING

from merlin.cli import language
from merlin.cli.options import require_yes
from merlin.cli.output import print_message, show_progress
from merlin.config import Config, require_provider
from merlin.config.section import convert_to_micro
from merlin.core.errors import ProviderError, Refused
from merlin.core.i18n import text
from merlin.core.messages import DEFAULT_SAMPLING, SamplingParams
from merlin.core.money import Cost, format_cost
from merlin.training.ask_many import AnswerCache, Query, Reply, ask_many, estimate
from merlin.training.prompt_check import (
    Base,
    VariantQueries,
)
from merlin.wiring.providers import model_client

if TYPE_CHECKING:
    from merlin.providers.base import ModelClient


def confirm_price(
    questions: int, costs: Iterable[Cost | None], *, budget: float | None, yes: bool
) -> None:
    """Print what the questions may cost, and ask for confirmation unless they are free.

    A cost of None means an unknown price. Raises Refused if the user declines or cannot be asked,
    if the budget is too small, and if there is a budget but no known price.
    """
    if not questions:
        return
    listed = list(costs)
    sums = Counter[str]()
    for cost in filter(None, listed):
        sums[cost.currency] += cost.micro
    prices = (format_cost(language(), micro, name) for name, micro in (+sums).items())
    price = " + ".join(prices) or text(language(), "price-free")
    if None in listed:
        if budget is not None:
            raise Refused("no price is known", "asking-no-price")
        price = text(language(), "asking-price-unknown")
    limit = convert_to_micro(budget)
    if limit is not None and any(micro > limit for micro in sums.values()):
        shown_limit = format_cost(language(), limit, next(iter(sums)))
        raise Refused("too small a budget", "asking-budget", price=price, budget=shown_limit)
    print_message("asking-price", questions=questions, price=price)
    is_free = None not in listed and not sums.total()
    require_yes("asking-sure", "asking-not-sure", is_confirmed=is_free or yes)


def ask_all(
    config: Config,
    variants: Sequence[VariantQueries],
    sampling: SamplingParams = DEFAULT_SAMPLING,
    *,
    budget: float | None,
    yes: bool,
) -> list[dict[str, Reply]]:
    """Return the answers to each variant's queries by key, asking those that are not stored.

    A conversation that several variants of one model share is asked once. Questions that a model
    refuses are left out and reported. Raises Refused as `confirm_price` does and when the budget is
    spent, NotFound for an unknown provider, ConfigError for a missing key, ProviderError.
    """
    by_model: dict[Base, list[VariantQueries]] = {}
    for variant in variants:
        by_model.setdefault(variant.base, []).append(variant)
    stores = {base: AnswerCache(config.state_dir, *base, sampling) for base in by_model}
    missing = [
        (group[0], stores[base], queries)
        for base, group in by_model.items()
        if (queries := stores[base].find_missing(chain(*(variant.queries for variant in group))))
    ]
    costs = [
        Cost(estimate(variant.price, queries), variant.price.currency) if variant.price else None
        for variant, _, queries in missing
    ]
    count, spent = sum(len(queries) for _, _, queries in missing), Counter[str]()
    limit = convert_to_micro(budget)
    with ExitStack() as stack:
        # Before the price: nothing is paid if a key or provider of a later variant is missing.
        askers = [
            stack.enter_context(
                closing(model_client(require_provider(config, variant.provider), sampling))
            )
            for variant, *_ in missing
        ]
        confirm_price(count, costs, budget=budget, yes=yes)
        advance = stack.enter_context(show_progress("asking-progress", count))
        for (variant, answers, queries), service in zip(missing, askers, strict=True):
            currency = variant.price.currency if variant.price else ""
            remaining = None if limit is None else limit - spent[currency]
            spent[currency] += _ask(service, variant, answers, queries, remaining, advance)
    return [
        {
            query.key: reply
            for query in variant.queries
            if (reply := stores[variant.base].get(query.messages))
        }
        for variant in variants
    ]


def _ask(
    service: ModelClient,
    variant: VariantQueries,
    answers: AnswerCache,
    queries: Sequence[Query],
    budget_micro: int | None,
    advance: Callable[[], None],
) -> int:
    """Ask and store one variant's queries; return what they cost, in millionths of the currency."""

    def keep(query: Query, reply: Reply) -> None:
        answers.keep(query.messages, reply)
        advance()

    model_id, price = variant.model_id, variant.price
    try:
        report = ask_many(service, model_id, queries, keep, price=price, budget_micro=budget_micro)
    except (ProviderError, KeyboardInterrupt):
        print_message("asking-stopped")
        raise
    if report.is_over_budget:
        raise Refused("the budget is spent", "asking-over-budget")
    if report.failed:
        print_message("asking-failed", count=len(report.failed), reason=str(report.first_failure))
    return report.spent_micro
