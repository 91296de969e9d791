"""Context: what the acts of one process work with; built by `merlin.wiring`.

An act is a function of a context and an actor: it checks the permission, keeps the rule, reads or
writes rows, notes the audit and returns a view. Acts are synchronous and run inside one
transaction; a coroutine calls them by `read` and `write`:

    job = await ctx.read(jobs.get, actor, 7)
    request = await ctx.write(jobs.cancel, actor, 7)

A repository without state of its own is made where it is used: `Requests(ctx.db, ctx.clock)`. What
remembers something between calls is a field here; what the configuration says is `ctx.config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from merlin.account.approvals import Approvals
from merlin.account.users import Roles
from merlin.billing.quota import Plan
from merlin.chat.grounding import PassageCache
from merlin.chat.model_catalogue import General
from merlin.config import Config
from merlin.core.clock import Clock, utc_now
from merlin.core.errors import ApprovalNeeded
from merlin.core.messages import Message
from merlin.core.vocabulary import Vocabulary
from merlin.course.catalogue import ActiveCourses
from merlin.course.search import VersionCache
from merlin.dataset.preview import EditChecker
from merlin.db.database import Database
from merlin.db.writer import Store
from merlin.providers.payments import PaymentGateway

if TYPE_CHECKING:
    # The clients need aiohttp, which not every process loads.
    from merlin.providers.openai_chat import OpenAIChat
    from merlin.providers.yookassa import YooKassaGateway

P = ParamSpec("P")
T = TypeVar("T")
Conversations = Sequence[Sequence[Message]]
# What a model taught these conversations answers to each question, "" where it does not know.
Teach = Callable[[tuple[Conversations, Sequence[str]]], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The configuration of a process, its database and clock, and what it made of them.

    `store` runs acts beside the event loop. `bot_id` 0: questions that come through the api belong
    to no bot of Telegram. `gateway` is that of this process, `polled` the same where its payments
    are read; None: nothing is sold by it. `answerers` are the providers that it may ask, by name.
    `checker` checks edits; `commit_wait_s` is how long a commit may take to be seen before another
    edit of the same dataset is refused. `teach` teaches a set at once, in a process where edits are
    tried before they are saved.
    """

    config: Config
    db: Database
    store: Store = field(default_factory=Store)
    clock: Clock = utc_now
    bot_id: int = 0
    gateway: PaymentGateway | None = None
    polled: YooKassaGateway | None = None
    answerers: Mapping[str, OpenAIChat] = field(default_factory=dict)
    courses: VersionCache[ActiveCourses] = field(default_factory=VersionCache)
    vocabulary: VersionCache[Vocabulary] = field(default_factory=VersionCache)
    passages: PassageCache = field(default_factory=PassageCache)
    checker: EditChecker = field(default_factory=EditChecker)
    commit_wait_s: float = 5.0
    teach: Teach | None = None

    async def read(
        self, act: Callable[Concatenate[Context, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Return what an act that only reads returns."""
        return await self.store.read(partial(act, self, *args, **named))

    async def write(
        self, act: Callable[Concatenate[Context, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Return what an act returns, once all it wrote is stored as one transaction.

        What needs a second person's approval is stored to wait for it, and raises all the same.
        """
        try:
            return await self.store.do(partial(act, self, *args, **named))
        except ApprovalNeeded as needed:
            await self.store.do(partial(self.propose, needed))
            raise

    def propose(self, needed: ApprovalNeeded) -> None:
        """Let what needs approval wait for it; the error names its number then."""
        needed.set_number(Approvals(self.db, self.clock).propose(needed))

    @property
    def plans(self) -> Sequence[Plan]:
        """Return the plans in their order; the first is everybody's."""
        return tuple(self.config.plans.values())

    @property
    def default_dataset(self) -> str | None:
        """Return the dataset a new chat talks to, None where the configuration names none."""
        return self.config.datasets.default or None

    @property
    def general(self) -> Sequence[General]:
        """Return each provider that answers here with the model it is named with, in order."""
        return [
            (provider.name, provider.model)
            for provider in self.config.providers
            if provider.name in self.answerers
        ]

    @property
    def roles(self) -> Roles:
        """Return who may do what, by the database and the configuration."""
        return Roles(self.db, self.config.telegram.admins, self.clock)
