"""Rows of examples: who wrote each as it stands now, and each as a build taught it.

The author of an example is the author of the newest commit that changed its blob, as far as
commits were seen; of those seen at first, that commit's author. Texts are kept once, however
many builds teach them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from merlin.build.gather import NewBuild
from merlin.dataset.example import Example
from merlin.dataset.sameness import normal
from merlin.dataset.source import Commit
from merlin.store.database import CHUNK, Database, Row
from merlin.store.tables import BUILD_EXAMPLE, EXAMPLE, EXAMPLE_TEXT
from merlin.store.values import dumped, plain


@dataclass(frozen=True, slots=True)
class _Origin:
    """The commit that an example's present blob came from, as far as seen."""

    blob: str
    commit_sha: str
    author: str


def follow_examples(
    db: Database, dataset: str, commit: Commit, examples: Sequence[Example]
) -> dict[str, _Origin]:
    """Let the dataset's example rows stand as at `commit`; return each example's origin by id."""
    known = _origins(db, dataset)
    here = {each.id: each.blob for each in examples}
    _forget(db, dataset, known.keys() - here.keys())
    author = plain(commit.author_name)
    changed = {
        example_id: _Origin(blob, commit.sha, author)
        for example_id, blob in here.items()
        if example_id not in known or known[example_id].blob != blob
    }
    _forget(db, dataset, known.keys() & changed.keys())
    db.add_many(EXAMPLE, (_example_row(dataset, *pair) for pair in changed.items()))
    return known | changed


def _origins(db: Database, dataset: str) -> dict[str, _Origin]:
    rows = db.rows(EXAMPLE.select().where(EXAMPLE.dataset == dataset))
    return {
        row["example_id"]: _Origin(row["blob"], row["commit_sha"], row["author"]) for row in rows
    }


def _forget(db: Database, dataset: str, example_ids: Collection[str]) -> None:
    left = sorted(example_ids)
    for start in range(0, len(left), CHUNK):
        named = EXAMPLE.example_id.in_(left[start : start + CHUNK])
        db.change(EXAMPLE.delete().where((EXAMPLE.dataset == dataset) & named))


def _example_row(dataset: str, example_id: str, origin: _Origin) -> Row:
    return {
        "dataset": dataset,
        "example_id": example_id,
        "blob": origin.blob,
        "commit_sha": origin.commit_sha,
        "author": origin.author,
    }


def keep_taught(
    db: Database,
    build_id: int,
    new: NewBuild,
    examples: Iterable[Example],
    origins: dict[str, _Origin],
) -> None:
    """Store what a new build teaches: every example with its text as built and its origin."""
    system = str(new.content.manifest["system"])
    dataset = str(new.content.manifest["dataset"])
    texts = {each.id: _text_row(each, system) for each in examples}
    db.add_missing(EXAMPLE_TEXT, texts.values())
    db.add_many(
        BUILD_EXAMPLE,
        (
            {
                **_example_row(dataset, told["id"], origins[told["id"]]),
                "build_id": build_id,
                "split": told["split"],
                "tokens": told["tokens"],
                "text_digest": texts[told["id"]]["digest"],
            }
            for told in new.content.manifest["examples"]
        ),
    )


def _text_row(example: Example, system: str) -> Row:
    messages = dumped([message.as_json() for message in example.with_system(system)])
    said = [each.content for each in example.messages if each.role in ("user", "assistant")]
    words = plain("\n".join(normal(content) for content in said))
    digest = hashlib.sha256(messages.encode()).hexdigest()
    return {"digest": digest, "messages": messages, "words": words}
