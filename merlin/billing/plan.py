"""Plan: what may be asked, how many of which format in a day and a month, and with which models.

A plan that costs something is bought: for some days, once or again and again, or as a pack of
questions that come on top of whatever plan one has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from merlin.config.shop import PlanConfig, PlanPrice
from merlin.core.i18n import language_of
from merlin.core.money import Amount, roubles, stars


class Format(StrEnum):
    """In what form a question comes; the values are what is stored and what the config says."""

    TEXT = "text"
    VOICE = "voice"
    PHOTO = "photo"
    DOCUMENT = "document"


class Source(StrEnum):
    """Why somebody has a plan; the values are what is stored."""

    GRANT = "grant"
    TRIAL = "trial"
    PROMO = "promo"
    GIFT = "gift"


class UseState(StrEnum):
    """Where one question stands; the first of charged and returned stays."""

    RESERVED = "reserved"
    CHARGED = "charged"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many questions of one format; None is not limited, 0 is not allowed."""

    day: int | None = None
    month: int | None = None

    @property
    def is_limited(self) -> bool:
        """Return whether any number is set."""
        return self.day is not None or self.month is not None

    @property
    def is_closed(self) -> bool:
        """Return whether the plan does not have this format at all."""
        return 0 in (self.day, self.month)


FREELY = Allowance()


@dataclass(frozen=True, slots=True)
class Offer:
    """How a plan is sold: for `days`, or as a `pack` of questions by format, which `days` limits.

    A price of None is not asked in that currency. `is_renewed`: it is paid again when it ends,
    until the person says no. `trial_days` may be had once by everybody for nothing; 0: no trial.
    """

    rub: Amount | None = None
    xtr: Amount | None = None
    days: int | None = None
    pack: Mapping[Format, int] = field(default_factory=dict)
    is_renewed: bool = False
    trial_days: int = 0

    @property
    def is_sold(self) -> bool:
        """Return whether it has any price."""
        return self.rub is not None or self.xtr is not None


NOT_SOLD = Offer()


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the config; what it does not name is not limited.

    `title` and `about` by language. `window` is the most tokens of a session, `sessions` how many
    of them are kept. `models` are patterns of ids as in file names ("neuro*"); empty: every model.
    `courses`: it counts for questions about these alone, with a count of its own; empty: for all.
    """

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    allowances: Mapping[Format, Allowance] = field(default_factory=dict)
    window: int | None = None
    models: tuple[str, ...] = ()
    sessions: int | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    offer: Offer = NOT_SOLD
    courses: tuple[str, ...] = ()

    @property
    def is_pack(self) -> bool:
        """Return whether this is nothing that one has, but questions on top of what one has."""
        return bool(self.offer.pack)

    @property
    def scope(self) -> str:
        """Return what its questions are counted under: "" together with those of other plans."""
        return self.name if self.courses else ""

    def allowance(self, kind: Format) -> Allowance:
        """Return how many questions of this format the plan has."""
        return self.allowances.get(kind, FREELY)

    def allows_model(self, model_id: str) -> bool:
        """Return whether the plan lets this model answer."""
        patterns = self.models
        return not patterns or any(fnmatchcase(model_id, pattern) for pattern in patterns)

    def counts_for(self, dataset: str | None) -> bool:
        """Return whether questions about a dataset are the plan's; None: about nothing special."""
        return not self.courses or dataset in self.courses

    def titled(self, language: str) -> str:
        """Return the plan's title in a language, its name where it has none."""
        return self.title.get(language_of(language), self.name)

    def described(self, language: str) -> str:
        """Return what is said of the plan in a language, "" for nothing."""
        return self.about.get(language_of(language), "")


# What counts where the config has no plans: nothing is limited, and nothing is counted.
UNLIMITED = Plan("")


def plan_of(plans: Sequence[Plan], names: Iterable[str], dataset: str | None = None) -> Plan:
    """Return the plan that counts for somebody who has the plans `names`.

    The one that stands last in the config, of a course's own plans and then of all others, else
    the first one of the config, else UNLIMITED. Somebody whose plan was taken out of the config
    has the default one.
    """
    had = {*names}
    mine = [each for each in plans if each.name in had and not each.is_pack]
    own = [each for each in mine if each.courses and each.counts_for(dataset)]
    general = [each for each in mine if not each.courses]
    return next(reversed(own or general or plans[:1]), UNLIMITED)


def plan_named(plans: Sequence[Plan], name: str) -> Plan | None:
    """Return the plan of this name, None where the config has none."""
    return next((each for each in plans if each.name == name), None)


def on_sale(plans: Sequence[Plan]) -> list[Plan]:
    """Return what may be bought, in the config's order."""
    return [each for each in plans if each.offer.is_sold]


def read_plans(said: Mapping[str, PlanConfig]) -> tuple[Plan, ...]:
    """Return the plans of the configuration, in its order."""
    return tuple(_read(name, each) for name, each in said.items())


def _read(name: str, said: PlanConfig) -> Plan:
    counts = {kind: getattr(said, kind) for kind in Format}
    return Plan(
        name=name,
        title=dict(said.title.items()),
        allowances={kind: Allowance(each.day, each.month) for kind, each in counts.items() if each},
        window=said.window,
        models=said.models,
        sessions=said.sessions,
        about=dict(said.about.items()),
        offer=_offer(said),
        courses=said.courses,
    )


def _offer(said: PlanConfig) -> Offer:
    price = said.price or PlanPrice()
    return Offer(
        rub=None if price.rub is None else roubles(price.rub),
        xtr=None if price.stars is None else stars(price.stars),
        days=said.days,
        pack={kind: count for kind in Format if (count := getattr(said.pack, kind, None))},
        is_renewed=said.renewed,
        trial_days=said.trial_days or 0,
    )
