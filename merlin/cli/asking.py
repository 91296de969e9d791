"""What commands share that ask models many questions: the price first, a yes to it, progress."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from merlin.cli import language
from merlin.cli.output import print_message
from merlin.config.section import in_micro
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.core.money import Cost, format_cost

Yes = Annotated[bool, typer.Option("--yes", help="Pay the price that is told; do not ask.")]
Budget = Annotated[
    float | None,
    typer.Option(min=0, help="Spend no more than this, in the provider's currency."),
]


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
    price = " + ".join(format_cost(language(), micro, name) for name, micro in sums.items())
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
    if is_free or yes:
        return
    if not sys.stdin.isatty() or not typer.confirm(text(language(), "asking-sure"), err=True):
        raise Refused("not confirmed", "asking-not-sure")


@contextmanager
def asking_progress(questions: int) -> Iterator[Callable[[], None]]:
    """Yield what is called after each answer: it moves a bar on a terminal, and nothing else."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task(text(language(), "asking-progress"), total=questions)
        yield lambda: bars.advance(task)
