"""Rows of examples: who wrote each as it stands now, and each as a build taught it.

The author of an example is the author of the newest commit that changed its blob, as far as
commits were seen; of those seen at first, that commit's author. Texts are kept once, however
many builds teach them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from merlin.core.killpoint import reached
from merlin.dataset.example import Example
from merlin.dataset.sameness import normal
from merlin.dataset.source import Commit
from merlin.store.database import CHUNK, PORTION, Database, Row, portions
from merlin.store.tables import BUILD_EXAMPLE, COMMIT, EXAMPLE, EXAMPLE_TEXT
from merlin.store.values import dumped, plain


@dataclass(frozen=True, slots=True)
class Origin:
    """The commit that an example's present blob came from, as far as seen."""

    blob: str
    commit_sha: str


def follow_examples(
    db: Database, dataset: str, commit: Commit, examples: Sequence[Example]
) -> dict[str, Origin]:
    """Let the dataset's example rows stand as at `commit`; return each example's origin by id.

    Written in portions. Cut off in the middle, the same call goes on to the same rows.
    """
    known = _origins(db, dataset)
    here = {each.id: each.blob for each in examples}
    for gone in portions(sorted(known.keys() - here.keys())):
        db.joined(partial(_forget, db, dataset, gone))
    changed = {
        example_id: Origin(blob, commit.sha)
        for example_id, blob in here.items()
        if example_id not in known or known[example_id].blob != blob
    }
    for portion in portions(changed.items()):
        db.joined(partial(_put, db, dataset, dict(portion)))
    return known | changed


def _origins(db: Database, dataset: str) -> dict[str, Origin]:
    columns = EXAMPLE.select(EXAMPLE.example_id, EXAMPLE.blob, EXAMPLE.commit_sha)
    rows = db.rows(columns.where(EXAMPLE.dataset == dataset))
    return {row["example_id"]: Origin(row["blob"], row["commit_sha"]) for row in rows}


def _forget(db: Database, dataset: str, example_ids: Sequence[str]) -> None:
    for start in range(0, len(example_ids), CHUNK):
        named = EXAMPLE.example_id.in_(list(example_ids[start : start + CHUNK]))
        db.change(EXAMPLE.delete().where((EXAMPLE.dataset == dataset) & named))


def _put(db: Database, dataset: str, origins: Mapping[str, Origin]) -> None:
    _forget(db, dataset, list(origins))
    authors = _authors(db, origins.values())
    db.add_many(EXAMPLE, (_example_row(dataset, *pair, authors) for pair in origins.items()))


def _authors(db: Database, origins: Iterable[Origin]) -> dict[str, str]:
    """Return the authors of the origins' commits as they are called now.

    Asked in the transaction that writes them down: one may have been erased a moment ago.
    """
    authors: dict[str, str] = {}
    for shas in portions(sorted({origin.commit_sha for origin in origins}), CHUNK):
        asked = COMMIT.select(COMMIT.sha, COMMIT.author_name).where(COMMIT.sha.in_(shas))
        authors |= {row["sha"]: row["author_name"] for row in db.rows(asked)}
    return authors


def _example_row(dataset: str, example_id: str, origin: Origin, authors: Mapping[str, str]) -> Row:
    return {
        "dataset": dataset,
        "example_id": example_id,
        "blob": origin.blob,
        "commit_sha": origin.commit_sha,
        "author": authors[origin.commit_sha],
    }


def keep_taught(
    db: Database,
    build_id: int,
    manifest: Mapping[str, Any],
    examples: Iterable[Example],
    origins: Mapping[str, Origin],
) -> None:
    """Store what a build teaches: every example with its text as built and its origin.

    Written in portions, texts first.
    """
    system, dataset = str(manifest["system"]), str(manifest["dataset"])
    digests: dict[str, str] = {}

    def texts() -> Iterator[Row]:
        for each in examples:
            row = _text_row(each, system)
            digests[each.id] = row["digest"]
            yield row

    for portion in portions(texts(), size=_length):
        db.add_missing(EXAMPLE_TEXT, portion)
    for told in portions(manifest["examples"]):
        db.joined(partial(_add_taught, db, build_id, dataset, told, digests, origins))
        reached("commit.portion_stored")


def _length(row: Row) -> int:
    return len(row["messages"]) + len(row["words"])


def _add_taught(
    db: Database,
    build_id: int,
    dataset: str,
    told: Sequence[Mapping[str, Any]],
    digests: Mapping[str, str],
    origins: Mapping[str, Origin],
) -> None:
    authors = _authors(db, (origins[each["id"]] for each in told))
    rows = (
        {
            **_example_row(dataset, each["id"], origins[each["id"]], authors),
            "build_id": build_id,
            "split": each["split"],
            "tokens": each["tokens"],
            "text_digest": digests[each["id"]],
        }
        for each in told
    )
    db.add_many(BUILD_EXAMPLE, rows)


def drop_taught(db: Database, build_id: int) -> None:
    """Forget in portions what a build teaches; texts that nothing teaches stay."""
    mine = BUILD_EXAMPLE.build_id == build_id
    some = BUILD_EXAMPLE.select(BUILD_EXAMPLE.example_id).where(mine).limit(PORTION)
    while db.change(BUILD_EXAMPLE.delete().where(mine & BUILD_EXAMPLE.example_id.in_(some))):
        pass


def _text_row(example: Example, system: str) -> Row:
    messages = dumped([message.as_json() for message in example.with_system(system)])
    said = [each.content for each in example.messages if each.role in ("user", "assistant")]
    words = plain("\n".join(normal(content) for content in said))
    digest = hashlib.sha256(messages.encode()).hexdigest()
    return {"digest": digest, "messages": messages, "words": words}
