"""Context: what the acts of one process work with; built by `merlin.wiring`.

An act is a function of a context and an actor: it checks the permission, applies the rule, reads
or writes rows, writes the audit log and returns a view. Acts are synchronous and run inside one
transaction; a coroutine calls them through `read` and `write`:

    job = await ctx.read(jobs.get, actor, 7)
    request = await ctx.write(jobs.cancel, actor, 7)

A repository without state is created where it is used: `Requests(ctx.db, ctx.clock)`. State that
outlives a call is a field here; configuration is `ctx.config`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar

from merlin.account.users import Roles
from merlin.billing.quota import Plan
from merlin.chat.answer import AnswerService
from merlin.chat.model_catalogue import General
from merlin.config import Config
from merlin.core.clock import Clock, utc_now
from merlin.core.vocabulary import Vocabulary
from merlin.course.catalogue import ActiveCourses, Catalogue
from merlin.dataset.entries import Facets
from merlin.dataset.preview import EditChecker
from merlin.db.database import Database
from merlin.db.writer import Store
from merlin.providers.payments import PaymentGateway

if TYPE_CHECKING:
    # The client needs aiohttp, the mirror GitPython, which not every process loads.
    from merlin.git.repository import GitSource
    from merlin.providers.yookassa import YooKassaGateway

P = ParamSpec("P")
T = TypeVar("T")


class VersionCache(Generic[T]):
    """A thread-safe cache of one value, for the newest version of what it was computed from.

    `version` is that of the cached value, -1 before the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: T | None = None
        self.version: object = -1

    def read(self, version: object, make: Callable[[], T]) -> T:
        """Return the value of this version; `make` computes it if it is not cached."""
        with self._lock:
            if self._made is None or self.version != version:
                self._made = make()
                self.version = version
            return self._made


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The configuration of a process, its database and clock, and what was built from them.

    `store` runs acts outside the event loop. `bot_id` is 0 for questions through the API, which
    belong to no Telegram bot. `gateway` takes this process's payments, `polled` is the same gateway
    where its payments are read; None if it sells nothing. `source` opens the mirror, None in a
    process that does not read it. `answer_service` asks the providers that it may ask.
    `vocabulary` is of what was searched last in vain: the courses, or the examples of a dataset.
    `facets` are those of the dataset whose examples were listed last, `unanswered` is what
    `merlin.app.unanswered` counted, by dataset. `checker` checks edits;
    `commit_wait_s` is how long the daemon may take to read a commit before another edit of the same
    dataset is refused.
    """

    config: Config
    db: Database
    store: Store = field(default_factory=Store)
    clock: Clock = utc_now
    bot_id: int = 0
    gateway: PaymentGateway | None = None
    polled: YooKassaGateway | None = None
    source: Callable[[], GitSource] | None = None
    answer_service: AnswerService = field(default_factory=lambda: AnswerService({}))
    courses: VersionCache[ActiveCourses] = field(default_factory=VersionCache)
    vocabulary: VersionCache[Vocabulary] = field(default_factory=VersionCache)
    facets: VersionCache[Facets] = field(default_factory=VersionCache)
    unanswered: dict[str, tuple[tuple[object, ...], Mapping[str, int]]] = field(
        default_factory=dict
    )
    checker: EditChecker = field(default_factory=EditChecker)
    commit_wait_s: float = 5.0

    async def read(
        self,
        act: Callable[Concatenate[Context, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """Return the result of an act that only reads."""
        return await self.store.read(partial(act, self, *args, **named))

    async def write(
        self,
        act: Callable[Concatenate[Context, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """Return the result of an act after its transaction is committed."""
        return await self.store.do(partial(act, self, *args, **named))

    def read_courses(self) -> ActiveCourses:
        """Return the courses by semester, then slug; cached by catalogue version."""
        rows = Catalogue(self.db)
        # Read first: a change in between has a higher version and is read by the next call.
        version = rows.version()
        return self.courses.read(version, partial(rows.read_active, version))

    @property
    def plans(self) -> Sequence[Plan]:
        """Return the plans in order; the first is the default plan."""
        return tuple(self.config.plans.values())

    @property
    def default_dataset(self) -> str | None:
        """Return the dataset of a new chat, None if the configuration names none."""
        return self.config.datasets.default or None

    @property
    def general(self) -> Sequence[General]:
        """Return the providers that answer here, each with its configured model, in order."""
        return [
            (provider.name, provider.model)
            for provider in self.config.providers
            if provider.name in self.answer_service.answerers
        ]

    @property
    def roles(self) -> Roles:
        """Return the roles in effect, from the database and the configuration."""
        return Roles(self.db, self.config.telegram.admins, self.clock)
