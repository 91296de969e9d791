"""What the api needs, as one frozen value that wiring fills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from merlin.core.clock import Clock
from merlin.core.heartbeat import Heartbeat
from merlin.inbox.update import Update
from merlin.model.registry import Serving


@dataclass(frozen=True, slots=True)
class Picture:
    """What the database says at one moment.

    `queues` maps a queue to how much waits in it, `jobs` a state to how many jobs stand there.
    """

    heartbeats: Sequence[Heartbeat] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    jobs: Mapping[str, int] = field(default_factory=dict)
    serving: Sequence[Serving] = ()


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Functions of the api; each raises MerlinError when the database does not answer.

    `store_update` returns once the update is safely kept; None: this bot asks Telegram itself,
    and there is no telegram hook. `telegram_secret` is the word that Telegram repeats.
    `ask_fetch` asks the daemon to look at the repository, `ask_poll` at the providers' jobs,
    unless somebody asked already.
    `still_alive` tells the service manager, about once a second.
    """

    look: Callable[[], Awaitable[Picture]]
    wake: Callable[[], Awaitable[None]]
    ask_fetch: Callable[[], Awaitable[None]]
    ask_poll: Callable[[], Awaitable[None]]
    store_update: Callable[[Update], Awaitable[None]] | None
    telegram_secret: str
    clock: Clock
    still_alive: Callable[[], object]
    language: str = "ru"
