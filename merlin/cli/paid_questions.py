"""What commands share that ask models many questions: the price, a yes to it, progress, the asking.

What was answered once is kept (`merlin.training.ask_many`) and neither asked nor paid for
again, also where the command was stopped in the middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from merlin.cli import language
from merlin.cli.options import require_yes
from merlin.cli.output import print_message, show_progress
from merlin.config.section import in_micro
from merlin.core.errors import NotFound, ProviderError, Refused
from merlin.core.i18n import text
from merlin.core.messages import DEFAULT_SAMPLING, SamplingParams
from merlin.core.money import Cost, format_cost
from merlin.training.ask_many import KeptAnswers, Query, Reply, ask_many, estimate
from merlin.training.prompt_check import VariantQueries, base_queries, find_known
from merlin.wiring.providers import asker

if TYPE_CHECKING:
    from merlin.config import Config
    from merlin.dataset.check import CheckedDataset
    from merlin.dataset.finding import Finding
    from merlin.providers.base import Asker
    from merlin.providers.openai_training import OpenAIAsker


def confirm_price(
    questions: int, costs: Iterable[Cost | None], *, budget: float | None, yes: bool
) -> None:
    """Tell what asking may cost (None: nobody knows the price), and ask whether to go on.

    What is free is not asked about. Raises Refused for no, where nobody can be asked, and where
    the budget is passed or cannot be kept.
    """
    if not questions:
        return
    every = list(costs)
    sums = Counter[str]()
    for each in filter(None, every):
        sums[each.currency] += each.micro
    paid = (format_cost(language(), micro, name) for name, micro in (+sums).items())
    price = " + ".join(paid) or text(language(), "price-free")
    if None in every:
        if budget is not None:
            raise Refused("no price is known", "asking-no-price")
        price = text(language(), "asking-price-unknown")
    limit = in_micro(budget)
    if limit is not None and any(micro > limit for micro in sums.values()):
        shown = format_cost(language(), limit, next(iter(sums)))
        raise Refused("too small a budget", "asking-budget", price=price, budget=shown)
    print_message("asking-price", questions=questions, price=price)
    is_free = None not in every and not sums.total()
    require_yes("asking-sure", "asking-not-sure", is_given=is_free or yes)


def ask_all(
    config: Config,
    variants: Sequence[VariantQueries],
    wishes: SamplingParams = DEFAULT_SAMPLING,
    *,
    budget: float | None,
    yes: bool,
) -> list[dict[str, Reply]]:
    """Return the answers to each variant's queries by their keys, asked where none was kept.

    A question that a model refuses is left out and told. Raises Refused as `confirm_price`, and
    where the budget ends; NotFound for a provider that is not there, ConfigError for a key that is
    not; ProviderError.
    """
    folder = config.state_dir
    every = [
        (variant, KeptAnswers(folder, variant.provider, variant.model_id, wishes))
        for variant in variants
    ]
    new = [
        (each, kept, queries)
        for each, kept in every
        if (queries := [query for query in each.queries if kept.get(query.messages) is None])
    ]
    costs = [
        Cost(estimate(each.price, queries), each.price.currency) if each.price else None
        for each, _, queries in new
    ]
    count, spent = sum(len(queries) for _, _, queries in new), Counter[str]()
    limit = in_micro(budget)
    with ExitStack() as stack:
        # Before the price: nothing is paid where a key or a provider is missing for the rest.
        askers = [stack.enter_context(closing(_asker(config, each, wishes))) for each, *_ in new]
        confirm_price(count, costs, budget=budget, yes=yes)
        advance = stack.enter_context(show_progress("asking-progress", count))
        for (each, kept, queries), service in zip(new, askers, strict=True):
            currency = each.price.currency if each.price else ""
            rest = None if limit is None else limit - spent[currency]
            spent[currency] += _ask(service, each, kept, queries, rest, advance)
    return [
        {query.key: reply for query in each.queries if (reply := kept.get(query.messages))}
        for each, kept in every
    ]


def _asker(config: Config, variant: VariantQueries, wishes: SamplingParams) -> OpenAIAsker:
    provider = config.provider(variant.provider)
    if provider is None:
        arguments = {"provider": variant.provider}
        raise NotFound(f"no provider {variant.provider}", "held-no-provider", **arguments)
    return asker(provider, wishes)


def _ask(
    service: Asker,
    variant: VariantQueries,
    kept_answers: KeptAnswers,
    queries: Sequence[Query],
    budget_micro: int | None,
    advance: Callable[[], None],
) -> int:
    """Ask one variant's queries, and keep the answers; return what they cost, in millionths."""

    def keep(query: Query, reply: Reply) -> None:
        kept_answers.keep(query.messages, reply)
        advance()

    model_id, price = variant.model_id, variant.price
    try:
        report = ask_many(service, model_id, queries, keep, price=price, budget_micro=budget_micro)
    except (ProviderError, KeyboardInterrupt):
        print_message("asking-stopped")
        raise
    if report.is_over_budget:
        raise Refused("the budget is spent", "asking-over-budget", answered=report.answered)
    if report.failed:
        print_message("asking-failed", count=len(report.failed), reason=str(report.first_failure))
    return report.spent_micro


def ask_bases(
    config: Config,
    datasets: Sequence[tuple[CheckedDataset, Callable[[str], bool]]],
    wishes: SamplingParams = DEFAULT_SAMPLING,
    *,
    base: str,
    limit: int | None,
    budget: float | None,
    yes: bool,
) -> list[list[Finding]]:
    """Return, of each dataset, what its base answers rightly without being taught.

    A dataset comes with what tells by its path whether an example was asked about. `base` names
    another model than the recipes do; of a dataset `limit` examples are asked at most. Raises as
    `ask_all` and `base_to_ask`.
    """
    all_queries = [base_queries(config, each, holds, base, limit) for each, holds in datasets]
    variants = [each for each in all_queries if each]
    for name in dict.fromkeys((each.provider, each.model_id) for each in variants):
        print_message("asking-base", provider=name[0], model=name[1])
    replies = iter(ask_all(config, variants, wishes, budget=budget, yes=yes))
    return [
        list(find_known(checked.examples, next(replies), variant.model_id)) if variant else []
        for (checked, _), variant in zip(datasets, all_queries, strict=True)
    ]
