"""Context: what the acts of one process work with; built by `merlin.wiring`.

An act is a function of a context and an actor: it checks the permission, keeps the rule, reads or
writes rows, notes the audit and returns a view. Acts are synchronous and run inside one
transaction; a coroutine calls them by `read` and `write`:

    job = await ctx.read(jobs.get, actor, 7)
    request = await ctx.write(jobs.cancel, actor, 7)

A repository without state of its own is made where it is used: `Requests(ctx.db, ctx.clock)`. What
remembers something between calls, and what the configuration says, is a field here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from merlin.account.users import Roles
from merlin.billing.orders import Billing, billing_of
from merlin.billing.plan import Plan
from merlin.chat.model_catalogue import General, KnownModels
from merlin.config.settings import AnswerBudget
from merlin.config.shop import PaymentsConfig
from merlin.core.clock import Clock, utc_now
from merlin.course.catalogue import CourseCache
from merlin.course.search import VocabularyCache
from merlin.dataset.preview import EditChecker
from merlin.db.database import Database
from merlin.db.writer import Store
from merlin.providers.payments import PaymentGateway, PolledGateway
from merlin.training.launch_plan import Terms
from merlin.training.policy import Caps, NamedModel

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The database of a process, its clock, and what its configuration says.

    `store` runs acts beside the event loop. `bot_id` 0: questions that come through the api belong
    to no bot of Telegram. `admins` are the ids that the configuration names, `public_url` is where
    our pages are, "" where nobody said. `gateway` is that of this process, `polled` the same where
    its payments are read; None: nothing is sold by it. `terms` by provider, `currencies` what each
    provider charges in, `sunsets` by base model, `known` what is known of models. `general` is each
    provider with the model its config names (None: its first), in the order of config; `assistant`
    the model for presets and summaries, `vision` the one that sees pictures. `checker` checks
    edits; `commit_wait_s` is how long a commit may take to be seen before another edit of the same
    dataset is refused.
    """

    db: Database
    store: Store = field(default_factory=Store)
    clock: Clock = utc_now
    bot_id: int = 0
    state_dir: Path | None = None
    language: str = "ru"
    timezone: str = "UTC"
    public_url: str = ""
    default_dataset: str | None = None
    admins: Sequence[int] = ()
    plans: Sequence[Plan] = ()
    selling: PaymentsConfig = field(default_factory=PaymentsConfig)
    gateway: PaymentGateway | None = None
    polled: PolledGateway | None = None
    answer_budget: AnswerBudget = field(default_factory=AnswerBudget)
    terms: Mapping[str, Terms] = field(default_factory=dict)
    caps: Caps = field(default_factory=Caps)
    currencies: Mapping[str, str] = field(default_factory=dict)
    sunsets: Mapping[str, date] = field(default_factory=dict)
    named_models: Sequence[NamedModel] = ()
    courses: CourseCache = field(default_factory=CourseCache)
    vocabulary: VocabularyCache = field(default_factory=VocabularyCache)
    general: Sequence[General] = ()
    assistant: General | None = None
    vision: General | None = None
    known: KnownModels = field(default_factory=KnownModels)
    checker: EditChecker = field(default_factory=EditChecker)
    commit_wait_s: float = 5.0

    async def read(
        self, act: Callable[Concatenate[Context, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Return what an act that only reads returns."""
        return await self.store.read(partial(act, self, *args, **named))

    async def write(
        self, act: Callable[Concatenate[Context, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Return what an act returns, once all it wrote is stored as one transaction."""
        return await self.store.do(partial(act, self, *args, **named))

    @property
    def roles(self) -> Roles:
        """Return who may do what, by the database and the configuration."""
        return Roles(self.db, self.admins, self.clock)

    @property
    def billing(self) -> Billing:
        """Return what the acts of billing work on."""
        return billing_of(self.db, self.clock, self.plans, self.selling)
