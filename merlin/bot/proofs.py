"""Proofs: what editors are shown before a commit: findings, tokens, the price of the training.

The whole dataset is checked as it would be, which takes a while for a large one: never in the
thread that writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Protocol

from merlin.build.record import Build
from merlin.core.money import Price
from merlin.dataset.check import BlobCache
from merlin.dataset.editing import Bookshelf, FileText, Writing
from merlin.dataset.import_plan import ImportPlan, plan
from merlin.dataset.importing import Imported
from merlin.dataset.preview import Preview, preview
from merlin.job.forecast import Forecast, forecast

# Examples of which the reading is remembered, so that the next proof is quick.
REMEMBERED = 20_000


class Library(Bookshelf, Protocol):
    """The datasets' files with what became of them."""

    def example_ids(self, dataset: str) -> list[str]:
        """Return the ids of a dataset's examples, in order."""

    def text(self, blob: str) -> str | None:
        """Return the text of a file as it lies or lay there, None where it is not kept."""

    def blobs(self, dataset: str) -> Mapping[str, str]:
        """Return path -> blob of all files of a dataset."""

    def taught(self, dataset: str, example_id: str) -> tuple[str, str] | None:
        """Return the first and the last build that holds an example, None for none."""

    def versions(self, dataset: str, example_id: str) -> list[Writing]:
        """Return the commits that wrote an example, newest first, as far as they were seen."""

    def newest_build(self, dataset: str) -> Build | None:
        """Return the dataset's newest build, None before the first."""


class Prices(Protocol):
    """Who knows prices."""

    def __call__(self, provider: str, *names: str) -> Price | None:
        """Return the price of a provider's model by the first of its names that has one."""


def _unknown(provider: str, *names: str) -> Price | None:  # noqa: ARG001 - a `Prices`
    return None


@dataclass(frozen=True, slots=True)
class Proofs:
    """The checker with what the configuration knows.

    `example_tokens`: base model -> how many tokens one training example may have.
    """

    example_tokens: Mapping[str, int] = field(default_factory=dict)
    price: Prices = _unknown
    _cache: BlobCache = field(default_factory=lambda: BlobCache(REMEMBERED))
    _lock: Lock = field(default_factory=Lock)

    def preview(
        self, dataset: str, files: Sequence[FileText], edits: Mapping[str, str | None]
    ) -> Preview:
        """Return what the checker says of a dataset with these edits."""
        with self._lock:
            return preview(dataset, files, edits, self._cache, self.example_tokens)

    def plan(
        self, dataset: str, files: Sequence[FileText], lines: Sequence[Imported]
    ) -> ImportPlan:
        """Return what importing these lines would do."""
        with self._lock:
            return plan(dataset, files, lines, self._cache, self.example_tokens)

    def forecast(self, build: Build | None, seen: Preview) -> Forecast | None:
        """Return what the next training would cost; `build` is the dataset's newest one."""
        provider = seen.spec.recipe.provider if seen.spec else ""
        return forecast(build, seen, partial(self.price, provider))
