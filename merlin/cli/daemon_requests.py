"""What commands need of the daemon: to ask it and wait, or to do its work where none runs.

A command that edits has a session besides: a context after a fetch, and the wait for a commit.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from merlin.app import changes, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.config import Config, credential
from merlin.core.errors import MerlinError, SourceError
from merlin.dataset.changes import Change, Changes, ChangeState, Edit
from merlin.dataset.commit_message import local_editor
from merlin.dataset.preview import unified_diff
from merlin.db.database import Database
from merlin.db.processes import Lead
from merlin.db.requests import Request, RequestKind, Requests, RequestState
from merlin.engine.trainers.recall import teach_and_ask
from merlin.wiring.context import make_cipher, opened

# The daemon's own modules take half a second to load, and where it runs nobody needs them.
if TYPE_CHECKING:
    from merlin.daemon.services import DaemonServices

T = TypeVar("T")
Say = Callable[..., None]

# Looks follow each other faster at first: most answers take a moment.
FIRST_LOOK_S, LOOK_S = 0.01, 0.1
LATE_S = 30.0
LEAD_LOOK_S = 1.0


def until(
    config: Config,
    look: Callable[[], T | None],
    work: Callable[[], object],
    say: Say,
    late: Callable[[], object],
) -> T:
    """Return the first thing that `look` finds: made by the daemon, or by `work` where none leads.

    `say` tells the person what is waited for, `late` that it takes long. What `work` raises
    passes through.
    """
    lead = Lead(config.state_dir, config.database)
    begun = time.monotonic()
    late_at, lead_at, is_told, pause_s = begun + LATE_S, begun, False, FIRST_LOOK_S
    while (found := look()) is None:
        now = time.monotonic()
        if now >= lead_at:
            lead_at = now + LEAD_LOOK_S
            if lead.take():
                with lead:
                    say("no-daemon")
                    work()
                continue
            if not is_told:
                say("asked-daemon")
                is_told = True
        if now > late_at:
            late()
            late_at += LATE_S
        time.sleep(pause_s)
        pause_s = min(LOOK_S, 1.3 * pause_s)
    return found


ENDED = (RequestState.DONE, RequestState.FAILED)


class AskedOnly(MerlinError):
    """The request is stored; nobody waits for its result."""

    exit_code = 0


def ask(
    config: Config,
    act: Callable[[Context, Actor], Request],
    say: Say,
    *,
    is_waiting: bool = True,
) -> Mapping[str, object]:
    """Let an act ask the daemon for something, and return what came of it.

    Without a daemon this process takes the lead and does it. Raises what the act and the daemon
    refuse with, AskedOnly when not waiting.
    """
    with opened(config) as database:
        ctx = Context(config=config, db=database)
        request = act(ctx, Actor.operator())
        if not is_waiting:
            raise AskedOnly("asked", "asked-only", request=request.request_id)
        rows, request_id = Requests(database), request.request_id

        def look() -> Request | None:
            found = rows.get(request_id)
            return found if found.state in ENDED else None

        work = partial(_do, config, database, request.kind, say)
        late = partial(say, "daemon-late", seconds=int(LATE_S), request=request_id)
        try:
            done = until(config, look, work, say, late)
            if done.state is not RequestState.DONE:
                raise _refusal(done.result)
        except MerlinError:
            # Who was told that it failed does not expect a later daemon to do it.
            rows.withdraw(request_id)
            raise
        return done.result


def _refusal(values: Mapping[str, object]) -> MerlinError:
    arguments = values.get("arguments")
    details = dict(arguments) if isinstance(arguments, Mapping) else {}
    details.pop("message", None)
    return MerlinError(str(values.get("message")), str(values.get("key")), **details)


@contextmanager
def at_work(
    config: Config,
    database: Database,
    say: Say | None,
    *,
    needs_provider: bool = False,
    is_launching: bool = True,
) -> Iterator[DaemonServices]:
    """Yield the daemon's services to a command that does its work; then launch what waits.

    Nothing is launched without `is_launching`, nor where a provider's credential is missing, which
    `say` tells: the daemon will. With `needs_provider` ConfigError is raised then.
    """
    from merlin.daemon.ticks import launch
    from merlin.wiring.daemon import services_of

    missing = [] if needs_provider else _missing_credentials(config)
    with services_of(config, database, lambda: None, has_providers=not missing) as services:
        yield services
        if is_launching and not missing:
            launch(services)
    if missing and say is not None:
        say("cli-not-launched", names=", ".join(missing))


def _missing_credentials(config: Config) -> list[str]:
    """Return the names of the providers' credentials that are not given, in order."""
    names = dict.fromkeys(provider.credential for provider in config.providers)
    return [name for name in names if not credential(name, is_needed=False)]


def _do(config: Config, database: Database, kind: str, say: Say) -> None:
    from merlin.daemon.requests import LAUNCHES_NOTHING, NEEDS_PROVIDER, serve_requests
    from merlin.daemon.ticks import fetch, read_commits

    needs_provider = RequestKind(kind) in NEEDS_PROVIDER
    has_providers = needs_provider or not _missing_credentials(config)
    # Who asks for anything else expects no training to come of it.
    is_build = kind == RequestKind.BUILD
    report = say if is_build else None
    # Files for editors are followed by whoever edits next, or by the daemon.
    look = read_commits if is_build else fetch
    launches = RequestKind(kind) not in LAUNCHES_NOTHING
    with at_work(
        config, database, report, needs_provider=needs_provider, is_launching=launches
    ) as services:
        Requests(services.db).release()
        serve_requests(services, partial(look, services), has_providers=has_providers)


@contextmanager
def editing(config: Config, say: Say) -> Iterator[EditSession]:
    """Fetch, then yield what an editor needs. Raises what the daemon refuses with."""
    report = _once(say)
    ask(config, requests.fetch, report)
    with opened(config) as database:
        database.cipher = make_cipher(config)
        ctx = Context(config=config, db=database, teach=teach_and_ask)
        yield EditSession(config, ctx, Actor.operator(), report)


def _once(say: Say) -> Say:
    """Return `say` that tells one sentence a single time, however many steps a command has."""
    reported: set[str] = set()

    def say_once(key: str, **arguments: object) -> None:
        if key not in reported:
            reported.add(key)
            say(key, **arguments)

    return say_once


@dataclass(frozen=True, slots=True)
class EditSession:
    """What one command works with, and its way to a commit."""

    config: Config
    ctx: Context
    actor: Actor
    say: Say

    def commit(
        self, dataset: str, edits: Sequence[Edit], subject: str, names: tuple[str, str]
    ) -> str:
        """Ask for a commit; return the id of the change to wait for.

        `names`: name and e-mail as the person's git has them. Raises Refused.
        """
        editor = local_editor(getpass.getuser(), *names)
        made = changes.save(self.ctx, self.actor, dataset, edits, subject, editor=editor)
        return made[0].change_id

    def wait(self, change_id: str) -> Change:
        """Return the change when it is committed; without a daemon this process commits it.

        Raises MerlinError when it is refused, stands in conflict or cannot be pushed now (then
        it waits on).
        """
        late = partial(self.say, "change-late", seconds=int(LATE_S), change=change_id)
        look = partial(_look, Changes(self.ctx.db), change_id)
        return until(self.config, look, self._work, self.say, late)

    def _work(self) -> None:
        from merlin.daemon.ticks import fetch

        with at_work(self.config, self.ctx.db, self.say) as services:
            try:
                services.changing()
            except SourceError:
                return  # the change says why it waits
            fetch(services)


def _look(rows: Changes, change_id: str) -> Change | None:
    change = rows.get(change_id)
    if change.state is ChangeState.COMMITTED:
        return change
    why = {"key": change.reason, "arguments": dict(change.arguments)}
    if change.state is ChangeState.CONFLICT:
        raise _conflict(rows, change)
    if change.state is ChangeState.REFUSED:
        raise MerlinError(change.reason, "change-was-refused", reason=why)
    if change.state is ChangeState.PARKED:
        raise MerlinError(change.reason, "change-parked", change=change_id, reason=why)
    if change.reason and change.state is ChangeState.WAITING:
        raise MerlinError(change.reason, "change-waits", change=change_id, reason=why)
    return None


def _conflict(rows: Changes, change: Change) -> MerlinError:
    """Take the edit back, for nobody is asked at a keyboard; what was meant is shown."""
    shown = [
        unified_diff(each.theirs.text, each.text, each.path)
        for each in rows.of_batch(change.batch)
        if each.theirs is not None
    ]
    rows.give_up(change.change_id)
    return MerlinError("a conflict", "change-in-conflict", difference="\n".join(shown))
