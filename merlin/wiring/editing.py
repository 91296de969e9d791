"""What commands that edit need: files, preview, price, and the wait for a commit."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from merlin.app import requests
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import MerlinError, NotFound, SourceError
from merlin.core.money import Price
from merlin.daemon.ticks import fetch
from merlin.dataset.change_queue import Changes
from merlin.dataset.changes import (
    Change,
    ChangeRequest,
    ChangeState,
    Edit,
    local_editor,
    make_changes,
)
from merlin.dataset.check import CheckedDataset
from merlin.dataset.file_index import FileIndex
from merlin.dataset.files import FileText
from merlin.dataset.finding import shorten
from merlin.dataset.import_export import ImportedLine, ImportPlan, plan_import
from merlin.dataset.preview import Preview, check_files, preview_edits, unified_diff
from merlin.db.database import Database
from merlin.training.policy import Forecast, forecast
from merlin.wiring.cli import ask, at_work
from merlin.wiring.database import make_cipher, opened, reading
from merlin.wiring.waiting import LATE_S, Say, until


@contextmanager
def bookshelf(config: Config) -> Iterator[FileIndex]:
    """Yield the datasets' files as recorded. Raises NotFound before anything was."""
    with reading(config) as database:
        yield FileIndex(database)


@contextmanager
def editing(config: Config, say: Say) -> Iterator[EditDesk]:
    """Fetch, then yield what an editor needs. Raises what the daemon refuses with."""
    told = _once(say)
    ask(config, requests.fetch, told)
    with opened(config) as database:
        database.cipher = make_cipher(config)
        yield EditDesk(config, database, FileIndex(database), Changes(database), told)


def _once(say: Say) -> Say:
    """Return `say` that tells one sentence a single time, however many steps a command has."""
    said: set[str] = set()

    def told(key: str, **arguments: object) -> None:
        if key not in said:
            said.add(key)
            say(key, **arguments)

    return told


@dataclass(frozen=True, slots=True)
class EditDesk:
    """One command's view of the datasets' files, and its way to a commit."""

    config: Config
    database: Database
    shelf: FileIndex
    changes: Changes
    say: Say

    def files(self, dataset: str) -> list[FileText]:
        """Return a dataset's files. Raises NotFound for one that there is not."""
        return _files(self.shelf, dataset)

    def preview(self, dataset: str, edits: Mapping[str, str | None]) -> Preview:
        """Return what the checker says of a dataset with these edits."""
        files = self.files(dataset)
        return preview_edits(dataset, files, edits, limit_tokens=_limits(self.config))

    def plan(self, dataset: str, lines: Sequence[ImportedLine]) -> ImportPlan:
        """Return what importing these lines would do."""
        return plan_import(dataset, self.files(dataset), lines, limit_tokens=_limits(self.config))

    def forecast(self, dataset: str, seen: Preview) -> Forecast | None:
        """Return what the next training would cost."""
        provider = seen.spec.recipe.provider if seen.spec else ""
        own = next((each.prices for each in self.config.providers if each.name == provider), {})

        def price(base_model: str) -> Price | None:
            known = self.config.base_models.get(base_model)
            return own.get(base_model) or (known.price if known else None)

        return forecast(self.shelf.newest_build(dataset), seen, price)

    def commit(
        self, dataset: str, edits: Sequence[Edit], subject: str, names: tuple[str, str]
    ) -> str:
        """Ask for a commit; return the id of the change to wait for.

        `names`: name and e-mail as the person's git has them. Raises Refused.
        """
        login = getpass.getuser()
        asked = ChangeRequest(local_editor(login, *names), f"cli:{login}", utc_now())
        changes = make_changes(dataset, edits, asked, subject)
        self.changes.put(changes)
        return changes[0].change_id

    def wait(self, change_id: str) -> Change:
        """Return the change when it is committed; without a daemon this process commits it.

        Raises MerlinError when it is refused, stands in conflict or cannot be pushed now (then
        it waits on).
        """
        look = partial(_looked, self.changes, change_id)
        late = partial(self.say, "change-late", seconds=int(LATE_S), change=change_id)
        return until(self.config, look, self._work, self.say, late)

    def _work(self) -> None:
        with at_work(self.config, self.database, self.say) as services:
            try:
                services.changing()
            except SourceError:
                return  # the change says why it waits
            fetch(services)


def _files(shelf: FileIndex, dataset: str) -> list[FileText]:
    files = shelf.files(dataset)
    if not files:
        name = shorten(dataset)
        raise NotFound(f"no dataset {name}", "change-no-dataset", dataset=name)
    return files


def _limits(config: Config) -> dict[str, int]:
    models = config.base_models.items()
    return {name: one.training_example for name, one in models if one.training_example}


def checked_of(config: Config, dataset: str) -> CheckedDataset:
    """Return a dataset as recorded, checked. Raises NotFound."""
    with bookshelf(config) as shelf:
        files = _files(shelf, dataset)
    return check_files(dataset, files, limit_tokens=_limits(config))


def _looked(changes: Changes, change_id: str) -> Change | None:
    change = changes.get(change_id)
    if change.state is ChangeState.COMMITTED:
        return change
    why = {"key": change.reason, "arguments": dict(change.arguments)}
    if change.state is ChangeState.CONFLICT:
        raise _conflict(changes, change)
    if change.state is ChangeState.REFUSED:
        raise MerlinError(change.reason, "change-was-refused", reason=why)
    if change.state is ChangeState.PARKED:
        raise MerlinError(change.reason, "change-parked", change=change_id, reason=why)
    if change.reason and change.state is ChangeState.WAITING:
        raise MerlinError(change.reason, "change-waits", change=change_id, reason=why)
    return None


def _conflict(changes: Changes, change: Change) -> MerlinError:
    """Take the edit back, for nobody is asked at a keyboard; what was meant is shown."""
    shown = [
        unified_diff(each.theirs.text, each.text, each.path)
        for each in changes.of_batch(change.batch)
        if each.theirs is not None
    ]
    changes.give_up(change.change_id)
    return MerlinError("a conflict", "change-in-conflict", difference="\n".join(shown))
