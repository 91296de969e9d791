"""What commands share that ask models many questions: price, confirmation, progress, asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from merlin.cli import language
from merlin.cli.options import require_yes
from merlin.cli.output import print_message, show_progress
from merlin.config import Config, require_provider
from merlin.core.i18n import text
from merlin.core.money import Cost, format_cost
from merlin.training.ask_many import ModelQuery, ask_many, estimate
from merlin.wiring.providers import model_client

if TYPE_CHECKING:
    from merlin.core.messages import SamplingParams
    from merlin.providers.base import Answer
    from merlin.training.prompt_check import VariantQueries


def confirm_price(questions: int, costs: Iterable[Cost | None], *, yes: bool) -> None:
    """Print what the questions may cost, and ask for confirmation unless they are free.

    A cost of None means an unknown price. Raises Refused if the user declines or cannot be asked.
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
        price = text(language(), "asking-price-unknown")
    print_message("asking-price", questions=questions, price=price)
    is_free = None not in listed and not sums.total()
    require_yes("asking-sure", "asking-not-sure", is_confirmed=is_free or yes)


def ask_all(
    config: Config,
    variants: Sequence[VariantQueries],
    sampling: SamplingParams,
    *,
    yes: bool,
) -> list[dict[str, Answer]]:
    """Return the answers to each variant's queries by key.

    Questions that a model refuses are left out and reported. Raises Refused as `confirm_price`
    does, NotFound for an unknown provider, ConfigError for a missing key, ProviderError.
    """
    costs = [
        Cost(estimate(variant.price, variant.queries), variant.price.currency)
        if variant.price
        else None
        for variant in variants
    ]
    count = sum(len(variant.queries) for variant in variants)
    found = []
    with ExitStack() as stack:
        # Before the price: nothing is paid if a key or provider of a later variant is missing.
        clients = [
            stack.enter_context(
                closing(
                    model_client(require_provider(config, variant.provider), sampling)
                )
            )
            for variant in variants
        ]
        confirm_price(count, costs, yes=yes)
        advance = stack.enter_context(show_progress("asking-progress", count))
        for variant, client in zip(variants, clients, strict=True):
            answers: dict[str, Answer] = {}

            def keep(
                query: ModelQuery, answer: Answer, answers: dict[str, Answer] = answers
            ) -> None:
                answers[query.key] = answer
                advance()

            report = ask_many(
                client, variant.model_id, variant.queries, keep, price=variant.price
            )
            if report.failed:
                reason = str(report.first_failure)
                print_message("asking-failed", count=len(report.failed), reason=reason)
            found.append(answers)
    return found
