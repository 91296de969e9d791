"""A build as the database keeps it, and the wish that a commit stands for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from merlin.dataset.spec import Recipe


@dataclass(frozen=True, slots=True)
class Build:
    """One version of a dataset's training files; immutable, content-addressed.

    `folder` is relative to `state_dir/builds`; tokens are of the base's vocabulary.
    """

    build_id: int
    dataset: str
    number: int
    digest: str
    folder: str
    system: str
    train: int
    test: int
    train_tokens: int
    test_tokens: int
    created_at: datetime
    manifest: Mapping[str, object] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Return its name for people: `neurotypology-7`."""
        return f"{self.dataset}-{self.number}"


def wish_of(dataset: str, digest: str, recipe: Recipe) -> str:
    """Return a digest of what a commit wants trained: these files by this recipe.

    The suffix is left out: it names a model, it does not change one. The dataset stays in: a
    copied folder is a dataset of its own, with a model of its own.
    """
    told = {
        "dataset": dataset,
        "digest": digest,
        "provider": recipe.provider,
        "base_model": recipe.base_model,
        "method": recipe.method,
        "hyperparameters": dict(recipe.hyperparameters),
    }
    plain = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()
