"""Proofs: what the checker says of edits before anybody commits them.

The whole dataset is checked as it would be, which takes a while for a large one: beside the
event loop, and never in the thread that writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from merlin.dataset.change import Edit
from merlin.dataset.check import BlobCache
from merlin.dataset.editing import FileText
from merlin.dataset.preview import Preview, preview

# Examples of which the reading is remembered, so that the next proof is quick.
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Proofs:
    """The checker; `example_tokens`: base model -> how many tokens one example may have."""

    example_tokens: Mapping[str, int] = field(default_factory=dict)
    _cache: BlobCache = field(default_factory=lambda: BlobCache(REMEMBERED))
    _lock: Lock = field(default_factory=Lock)

    async def proved(
        self, dataset: str, files: Sequence[FileText], edits: Sequence[Edit]
    ) -> Preview:
        """Return what the checker says of a dataset with these edits."""
        texts = {each.path: each.text for each in edits}
        return await asyncio.to_thread(self._preview, dataset, files, texts)

    def _preview(
        self, dataset: str, files: Sequence[FileText], texts: Mapping[str, str | None]
    ) -> Preview:
        with self._lock:
            return preview(dataset, files, texts, self._cache, self.example_tokens)
